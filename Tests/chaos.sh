#!/usr/bin/env bash
# Chaos: the daemon is killed every few seconds while receivers fail in every way; then every change of an alarm is accounted
# for. See Tests/chaos/chaos.py.
#
#   Tests/chaos.sh [--minutes 30] [--seed N] [--rate N] [--bin DIR] [--keep]      DIR: .build/debug when absent
exec python3 "$(dirname "$0")/chaos/chaos.py" "$@"
