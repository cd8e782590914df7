#!/usr/bin/env bash
# The tests that are written in Python: the reference receiver, the examples of docs/webhooks.md, and what the daemon signs,
# judged by the package standardwebhooks of PyPI. It is kept in .build/venv, so that only the first run needs the network.
#
#   Tests/python/run.sh FOLDER     of `firesense`
set -euo pipefail
cd "$(dirname "$0")/../.."
FIRESENSE_BIN=$(realpath "${1:?a folder with firesense}")
export FIRESENSE_BIN

tests=(test_receiver test_webhooks_doc test_chaos_audit)
venv=.build/venv
wanted=Tests/python/requirements.txt
if ! cmp -s "$wanted" "$venv/installed"; then
    rm -rf "$venv"
    if python3 -m venv "$venv" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted"; then
        cp "$wanted" "$venv/installed"
    fi
fi
if [[ -e $venv/installed ]]; then
    python=$venv/bin/python
    tests+=(test_standardwebhooks)
else
    python=python3
    echo "LEFT OUT: standardwebhooks of PyPI could not be installed (no network?), so nobody else has judged the signatures." >&2
fi
# One process each, all at once: they wait more than they work.
status=0
pids=()
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
for test in "${tests[@]}"; do
    PYTHONPATH=Tests/python "$python" -m unittest "$test" >"$logs/$test" 2>&1 &
    pids+=($!)
done
for index in "${!pids[@]}"; do
    wait "${pids[index]}" || status=1
    echo "${tests[index]}:"
    cat "$logs/${tests[index]}"
done
exit $status
