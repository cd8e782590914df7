#!/usr/bin/env bash
# Everything that is checked before a change is accepted: dependencies, build, format, the whole suite.
# Arguments go to `swift test`, for example: Tests/run.sh --filter StoreTests
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n==> %s\n' "$*"; }

step "Debian packages"
Deploy/dependencies.sh build test

step "Build (debug, with tests; the first one takes several minutes)"
swift build --build-tests --explicit-target-dependency-import-check error

step "Format"
swift format lint --strict -r -p Sources Tests Simulator Package.swift

step "Tests"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# One after the other: brokers, receivers and daemons of several tests at once on two cores test the machine.
swift test --skip-build --no-parallel "$@" 2>&1 | tee "$log" || {
    # Whoever sees only the end of a long log is to see what failed.
    step "Failed"
    grep -A 3 -E '^✘|recorded an issue|Fatal error|Crash:' "$log" | head -n 100
    exit 1
}

# The installed service in a container with a systemd of its own: three minutes more, and rights that not every
# machine has. What is left out is said.
step "Service under systemd"
if (($#)); then
    echo "Left out: only some tests were asked for."
elif ((SECONDS > 660)); then
    echo "Left out: $SECONDS s are over already, and a run is to end within 15 minutes. By itself: Tests/systemd.sh .build/debug"
elif ! unshare --mount --propagation private --pid --fork --mount-proc mount -t tmpfs tmpfs /mnt 2>/dev/null; then
    echo "Left out: no right to mount or to make name spaces here."
elif ! Deploy/dependencies.sh systemd; then
    echo "Left out: its Debian packages are not to be had."
else
    Tests/systemd.sh .build/debug 2>&1 | tee "$log" || {
        step "Failed"
        grep -A 18 '^FAILED' "$log" | head -n 100
        exit 1
    }
fi
