#!/usr/bin/env bash
# The ring and the waiter under ThreadSanitizer: two threads, two minutes for each test, or the number of
# seconds given. Builds into a folder of its own, as the sanitizer changes every object file.
set -euo pipefail
cd "$(dirname "$0")/.."

export RING_STRESS_SECONDS="${1:-120}"
# A report ends the run with an error; without this the tests would pass beside it.
export TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1"

exec swift test --sanitize thread --scratch-path .build/thread-sanitizer --filter RingTests
