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
swift test --skip-build --no-parallel "$@" 2>&1 | tee "$log" && exit 0
# Whoever sees only the end of a long log is to see what failed.
step "Failed"
grep -A 3 -E '^✘|recorded an issue|Fatal error|Crash:' "$log" | head -n 100
exit 1
