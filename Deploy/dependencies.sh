#!/usr/bin/env bash
# Installs the Debian packages FireSense is built, tested and run with, as far as they are missing.
# This is the one list of them. Needs no network when nothing is missing.
#
#   Deploy/dependencies.sh [build] [test] [systemd] [run]     without a word: build and test
set -euo pipefail

build=(libmosquitto-dev libsqlite3-dev libsystemd-dev libsimdjson-dev libzstd-dev pkg-config)
test=(mosquitto mosquitto-clients python3 python3-venv openssl sqlite3 curl jq)
# For a gateway that builds nothing: libraries, broker, and what Deploy/install.sh calls.
run=(libmosquitto1 libsqlite3-0 libsystemd0 libsimdjson14 libstdc++6 zlib1g libzstd1 mosquitto openssl)
# Only for Tests/systemd.sh, which boots a real systemd in a container.
systemd=(systemd systemd-container "${test[@]}")

(($#)) || set -- build test
wanted=()
for group; do
    case $group in
    build) wanted+=("${build[@]}") ;;
    test) wanted+=("${test[@]}") ;;
    systemd) wanted+=("${systemd[@]}") ;;
    run) wanted+=("${run[@]}") ;;
    *)
        echo "dependencies.sh: '$group' is no group; expected build, test, systemd or run" >&2
        exit 2
        ;;
    esac
done

missing=()
for package in "${wanted[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
    echo "All ${#wanted[@]} Debian packages are installed."
    exit 0
fi

as_root=()
if ((EUID != 0)); then
    command -v sudo >/dev/null || {
        echo "dependencies.sh: missing ${missing[*]}; install them as root: apt-get install ${missing[*]}" >&2
        exit 1
    }
    as_root=(sudo)
fi

# Debian starts a service as it is installed. Here only the programs are wanted, not a broker on port 1883.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
fi

apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"; }
echo "Installing ${missing[*]}"
apt install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 || {
    echo "Fetching the package lists first"
    apt update
    apt install -y --no-install-recommends "${missing[@]}" >/dev/null
}
