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

# In the background, its output in a file until it is asked for. `ended` waits for it and shows it.
logs=$(mktemp -d)
finish() {
    if [[ -n $(jobs -p) ]]; then
        jobs -p | xargs -r kill 2>/dev/null || true
        sleep 5
        jobs -p | xargs -r kill -KILL 2>/dev/null || true
    fi
    rm -rf "$logs"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
aside=()
beside() { # name, command…
    local name=$1
    shift
    "$@" >"$logs/$name" 2>&1 &
    aside+=("$name:$!")
}
ended() {
    local one status=0
    for one in "${aside[@]}"; do
        step "${one%:*} (ran beside)"
        if wait "${one#*:}"; then tail -n 12 "$logs/${one%:*}"; else
            status=1
            step "Failed"
            grep -A 3 -E '^✘|recorded an issue|Fatal error|Crash:' "$logs/${one%:*}" | head -n 100 || tail -n 60 "$logs/${one%:*}"
        fi
    done
    aside=()
    return $status
}

step "Tests"
log=$logs/tests
power_loss='^PowerLossTests\.'
if ((!$#)); then
    # Nothing but arithmetic on a disk of its own, five minutes of it: it may have what the others leave of two cores.
    beside "Power loss" nice -n 19 .build/debug/FireSensePackageTests.xctest --testing-library swift-testing --no-parallel \
        --filter "$power_loss"
    set -- --skip "$power_loss"
    all=yes
fi
# One after the other: brokers, receivers and daemons of several tests at once on two cores test the machine.
swift test --skip-build --no-parallel "$@" 2>&1 | tee "$log" || {
    # Whoever sees only the end of a long log is to see what failed.
    step "Failed"
    grep -A 3 -E '^✘|recorded an issue|Fatal error|Crash:' "$log" | head -n 100
    exit 1
}
if [[ -z ${all:-} ]]; then
    echo "Only some tests were asked for. Left out: Tests/python/run.sh, Tests/chaos.sh, Tests/systemd.sh."
    exit 0
fi
ended

step "Receiver, examples and signatures, in Python"
Tests/python/run.sh .build/debug

# Two minutes in which little is computed and much is waited for, beside three of the same kind.
beside Chaos Tests/chaos.sh --minutes 2 --bin .build/debug

# The installed service in a container with a systemd of its own: three minutes more, and rights that not every
# machine has. What is left out is said.
step "Service under systemd"
if ((SECONDS > 660)); then
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
ended
