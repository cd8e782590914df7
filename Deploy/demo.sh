#!/usr/bin/env bash
# FireSense in a minute, on this machine: a broker, the daemon, a webhook receiver and 250 virtual devices of
# all five kinds, one of which sees a fire. Everything is its own: free loopback ports, a temporary folder.
#
#   Deploy/demo.sh [--keep] [--seconds N]     --keep: leave it running and tell the address
set -euo pipefail
cd "$(dirname "$0")/.."

keep='' seconds=60
while (($#)); do
    case $1 in
    --keep) keep=yes ;;
    --seconds) seconds=${2:?--seconds needs a number} && shift ;;
    *) echo "Usage: Deploy/demo.sh [--keep] [--seconds N]" >&2 && exit 2 ;;
    esac
    shift
done

pids=()
stop() { # in the reverse of the order they were started; only what this script started
    local index
    for ((index = ${#pids[@]} - 1; index >= 0; index--)); do
        kill "${pids[index]}" 2>/dev/null || continue
        timeout 20 tail --pid="${pids[index]}" -f /dev/null || kill -KILL "${pids[index]}" 2>/dev/null || true
    done
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

step() { printf '\n==> %s\n' "$*"; }
fail() {
    echo "demo.sh: $1" >&2
    tail -n 20 "$2" >&2
    exit 1
}
start() { # name, command…: in the background, output to NAME.log
    local log=$dir/$1.log
    shift
    "$@" >"$log" 2>&1 &
    pids+=($!)
}
wait_for() { # what, log, command…
    local what=$1 log=$2 end=$((SECONDS + 30))
    shift 2
    until "$@" >/dev/null 2>&1; do
        kill -0 "${pids[-1]}" 2>/dev/null || fail "$what ended" "$log"
        ((SECONDS < end)) || fail "$what is not ready after 30 s" "$log"
        sleep 0.2
    done
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

step "Debian packages"
Deploy/dependencies.sh build test

# A release build when there is one already; otherwise the debug build, which is made faster.
configuration=debug
options=()
if [[ -x .build/release/firesense ]]; then
    configuration=release
    # As for a gateway; without it all of that would be built again.
    if ! ldd .build/release/firesense | grep -q libswiftCore; then options=(--static-swift-stdlib); fi
fi
step "Build ($configuration; the first one takes several minutes)"
swift build -c $configuration "${options[@]}" --product firesense
swift build -c $configuration "${options[@]}" --product firesense-simulator
bin=$(swift build -c $configuration --show-bin-path)

dir=$(mktemp -d -t firesense-demo.XXXXXX)
mkdir "$dir/broker"
broker_port=$(free_port)
http_port=$(free_port)
address=http://127.0.0.1:$http_port

step "Broker on port $broker_port, with the settings of Deploy/mosquitto but without passwords"
grep -vE '^(listener|allow_anonymous|password_file|acl_file) ' Deploy/mosquitto/firesense.conf >"$dir/mosquitto.conf"
cat >>"$dir/mosquitto.conf" <<CONF
listener $broker_port 127.0.0.1
allow_anonymous true
persistence_location $dir/broker/
user $(id -un)
CONF
start broker "$(PATH=$PATH:/usr/sbin command -v mosquitto)" -c "$dir/mosquitto.conf"
wait_for "the broker" "$dir/broker.log" mosquitto_pub -h 127.0.0.1 -p "$broker_port" -t demo -m up

step "Webhook receiver"
echo "whsec_$(openssl rand -base64 24)" >"$dir/webhook-secret"
start receiver python3 Deploy/examples/receiver.py --port 0 --secret-file "$dir/webhook-secret" \
    --database "$dir/webhooks.sqlite" --log "$dir/webhooks.jsonl"
wait_for "the receiver" "$dir/receiver.log" grep -q '^listening on' "$dir/receiver.log"
receiver=$(sed -n 's/^listening on //p' "$dir/receiver.log")
echo "$receiver"

step "FireSense"
cat >"$dir/firesense.yaml" <<YAML
gateway: { id: demo }
mqtt: { port: $broker_port }
store: { path: $dir/firesense.sqlite }
http: { listen: "127.0.0.1:$http_port" }
webhooks:
  - { name: demo-receiver, url: "${receiver}alarms", secret_file: webhook-secret }
YAML
start firesense "$bin/firesense" run --config "$dir/firesense.yaml"
wait_for "the daemon" "$dir/firesense.log" curl -fsS "$address/readyz"
echo "$address   log: $dir/firesense.log"

step "250 devices for $seconds s, a fire in between"
simulate=("$bin/firesense-simulator" run --host 127.0.0.1 --port "$broker_port" --devices 250 --rate 50)
start simulator "${simulate[@]}" --seed 1 --announce --duration "${seconds}s" --fire-at "$((seconds / 3))s"
simulator=${pids[-1]}
show_stats() {
    curl -fsS "$address/api/v1/stats" | python3 -c '
import json, sys
s = json.load(sys.stdin)
print("  received {messages_received:,}   acknowledged {messages_acknowledged:,}   readings stored {readings_stored:,}"
      "   alarms {alarms_raised}   pushed {deliveries_delivered}   to push {deliveries_pending}".format(**s))'
}
while kill -0 "$simulator" 2>/dev/null; do
    sleep 4
    show_stats || fail "the daemon does not answer" "$dir/firesense.log"
done
wait "$simulator" || fail "the simulator failed" "$dir/simulator.log"
unset 'pids[-1]'

step "What was sent"
cat "$dir/simulator.log"
step "What came of it"
show_stats
python3 - "$address" "$dir/webhooks.jsonl" <<'PYTHON' || { echo "demo.sh: look into $dir" >&2 && exit 1; }
import json, os, sys, urllib.request

address, log = sys.argv[1:]


failures = []


def get(path):
    items, cursor = [], ""
    while cursor is not None:
        with urllib.request.urlopen(address + path + (f"&cursor={cursor}" if cursor else ""), timeout=10) as answer:
            page = json.load(answer)
        items += page["items"]
        cursor = page["next"]
    return items


print("\n  kind         devices  for example")
for kind in ["hydrant", "panel", "electrical", "charger", "smoke"]:
    devices = get(f"/api/v1/devices?kind={kind}&limit=1000")
    latest = devices[0]["latest"][:3] if devices else []
    values = ", ".join(f"{x['metric']} {x['value']} {x['unit'] or ''}".strip() for x in latest)
    if not devices:
        failures.append(f"no device of kind {kind}")
    print(f"  {kind:12} {len(devices):7}  {devices[0]['id'] if devices else '-'}: {values}")

alarms = get("/api/v1/alarms?limit=1000")
counts = {}
for alarm in alarms:
    name = f"{alarm['category']}/{alarm['severity']}  {alarm['title']['zh']}  {alarm['title']['en']}"
    counts[name] = counts.get(name, 0) + 1
print(f"\n  {len(alarms)} alarms")
for name, count in sorted(counts.items()):
    print(f"  {count:5}  {name}")

pushes = []
if os.path.exists(log):
    with open(log, encoding="utf-8") as file:
        pushes = [json.loads(line) for line in file]
taken = [p for p in pushes if p["status"] < 300 and not p["duplicate"]]
raised = [p for p in taken if p["type"] == "firesense.alarm.raised"]


def latency(what, list):
    times = sorted(p["since_received_ms"] for p in list if p["since_received_ms"] is not None)
    if times:
        print(f"  {what}: {len(times)}; from receipt to push, ms: median {times[len(times) // 2]}, most {times[-1]}")


print(f"\n  {len(taken)} webhooks arrived, signed, {len(pushes) - len(taken)} repeated or refused")
latency("alarms raised", raised)
fires = [p for p in raised if p["event"]["data"]["category"] == "fire"]
latency("fires raised ", fires)

# The receiver answers 2xx only where the signature is right.
if not any(p["event"]["subject"] == "smoke-000001" for p in fires):
    failures.append("no fire of smoke-000001 arrived, signed, at the receiver")
for failure in failures:
    print(f"demo.sh: {failure}", file=sys.stderr)
sys.exit(1 if failures else 0)
PYTHON

config=(--config "$dir/firesense.yaml")
step "To look further"
echo "$bin/firesense query ${config[*]} --device hydrant-000001 --metric pressure --from -10m"
echo "$bin/firesense alarms list ${config[*]}"
echo "All of it is in $dir; remove it when you are done."

if [[ -n $keep ]]; then
    start simulator "${simulate[@]}" --seed 2 --duration 24h --quiet --no-progress
    step "Still running: $address"
    echo "End it with: kill ${pids[*]}"
    trap - EXIT
    disown -a
fi
