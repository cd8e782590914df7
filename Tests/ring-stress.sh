#!/usr/bin/env bash
# The ring and the waiter under ThreadSanitizer: two threads, two minutes for each of the three stress
# tests, or the number of seconds given. Compiles the two modules directly, in seconds: `swift test
# --sanitize thread` would first build every dependency of the package for the sanitizer.
set -euo pipefail
cd "$(dirname "$0")/.."

work=.build/thread-sanitizer
mkdir -p "$work"
flags=(-sanitize=thread -g -swift-version 6 -enable-testing -parse-as-library -I "$work")

swiftc "${flags[@]}" -emit-module -emit-module-path "$work/FireRing.swiftmodule" -emit-library -static \
    -module-name FireRing Sources/Pipeline/Ring/*.swift -o "$work/libFireRing.a"

cat > "$work/Runner.swift" <<'SWIFT'
import Testing

@main struct Runner { static func main() async { await Testing.__swiftPMEntryPoint() as Never } }
SWIFT
swiftc "${flags[@]}" -module-name RingTests Tests/RingTests/*.swift "$work/Runner.swift" \
    -L "$work" -lFireRing -o "$work/ring-tests"

# The first report ends the run with an error; without this the tests would pass beside it.
export TSAN_OPTIONS=halt_on_error=1
export RING_STRESS_SECONDS="${1:-120}"
exec "$work/ring-tests" --testing-library swift-testing
