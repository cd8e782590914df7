#!/usr/bin/env bash
# The ring and the waiter under ThreadSanitizer: two threads, two minutes for each of the three stress
# tests, or the number of seconds given.
#
# Ring and tests are compiled as one optimised module. The ring is generic, and in a debug build or across
# modules its copies happen inside the Swift runtime, where the sanitizer does not look: with every release
# and acquire taken out, `swift test --sanitize thread` still reported nothing, while this reports a race at
# once. (It also spares building every dependency for the sanitizer.)
set -euo pipefail
cd "$(dirname "$0")/.."

work=.build/thread-sanitizer
rm -rf "$work"
mkdir -p "$work/sources"
cp Sources/Pipeline/Ring/*.swift "$work/sources"
for file in Tests/RingTests/*.swift; do
    sed '/^@testable import FireRing$/d' "$file" > "$work/sources/$(basename "$file")"
done
cat > "$work/sources/Runner.swift" <<'SWIFT'
import Testing

@main struct Runner { static func main() async { await Testing.__swiftPMEntryPoint() as Never } }
SWIFT
swiftc -sanitize=thread -O -whole-module-optimization -g -swift-version 6 -parse-as-library \
    -module-name RingStress -emit-executable -emit-module-path "$work/RingStress.swiftmodule" "$work"/sources/*.swift \
    -o "$work/ring-stress"

# The first report ends the run with an error; without this the tests would pass beside it.
export TSAN_OPTIONS=halt_on_error=1
export RING_STRESS_SECONDS="${1:-120}"
exec "$work/ring-stress" --testing-library swift-testing
