#!/usr/bin/env bash
# How fast FireSense is on this machine, each figure beside a floor measured in the same run: what
# mosquitto_sub, which does nothing with a message, needs for the same feed from the same broker.
#
#   Tests/bench.sh [live] [latency] [drain] [memory] [push]      some eleven minutes for all
#
# Builds a release, unless FIRESENSE_BIN names a folder with `firesense` and `firesense-simulator`.
# Everything is its own: free loopback ports, a temporary folder, a fresh broker and store for each run.
# The exit code is 1 when a message was lost or a goal was missed.
set -euo pipefail
cd "$(dirname "$0")/.."

phases=("$@")
((${#phases[@]})) || phases=(live latency drain memory push)
for phase in "${phases[@]}"; do
    [[ $phase =~ ^(live|latency|drain|memory|push)$ ]] || {
        echo "Usage: Tests/bench.sh [live] [latency] [drain] [memory] [push]" >&2
        exit 2
    }
done

# The goals.
sustained_goal=10000 # messages/s
latency_goal=100     # ms, p99 at background_rate
background_rate=5000 # messages/s

devices=10000
# Four of the five kinds: a panel's telemetry is too long for the payload size.
fleet=(--kinds "hydrant=$((devices / 4)),electrical=$((devices / 4)),charger=$((devices / 4)),smoke=$((devices / 4))"
    --payload-size 190)

# --- What was started is stopped, in reverse order, and nothing else --------------------------------

pids=()
dir=
stop_last() {
    local pid=${pids[-1]}
    unset 'pids[-1]'
    kill "$pid" 2>/dev/null || return 0
    timeout 20 tail --pid="$pid" -f /dev/null || kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}
stop_all() { while ((${#pids[@]})); do stop_last; done; }
finish() {
    stop_all
    [[ -z $dir ]] || rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

step() { printf '\n==> %s\n' "$*"; }
fail() {
    echo "bench.sh: $1" >&2
    [[ -z ${2:-} ]] || tail -n 20 "$2" >&2
    exit 1
}
missed=0
miss() {
    missed=1
    echo "    MISSED: $*"
}
start() { # name, command…: in the background, output to NAME.log
    local log=$run/$1.log
    shift
    "$@" >"$log" 2>&1 &
    pids+=($!)
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
calculate() { python3 -c "print($1)"; }
load() { cut -d ' ' -f 1 /proc/loadavg; }

# --- The pieces of a run ----------------------------------------------------------------------------

run= runs=0 broker= broker_port= http= webhook_port= before=
new_run() { # what: a broker of its own in a folder of its own
    runs=$((runs + 1))
    run=$dir/$runs
    before=$(load)
    printf '  %-58s load %s\n' "$1" "$before"
    mkdir -p "$run/broker"
    broker_port=$(free_port)
    http=127.0.0.1:$(free_port)
    webhook_port=$(free_port)
    grep -vE '^(listener|allow_anonymous|password_file|acl_file) ' Deploy/mosquitto/firesense.conf >"$run/mosquitto.conf"
    cat >>"$run/mosquitto.conf" <<CONF
listener $broker_port 127.0.0.1
allow_anonymous true
persistence_location $run/broker/
user $(id -un)
CONF
    start broker "$(PATH=$PATH:/usr/sbin command -v mosquitto)" -c "$run/mosquitto.conf"
    broker=${pids[-1]}
    local end=$((SECONDS + 10))
    until mosquitto_pub -h 127.0.0.1 -p "$broker_port" -t bench -m up 2>/dev/null; do
        ((SECONDS < end)) || fail "the broker is not ready" "$run/broker.log"
        sleep 0.1
    done
}
end_run() {
    stop_all
    local log=$run/firesense.log
    # The fires that are published are logged, as they should be.
    if [[ -e $log ]] && grep -E ' (warning|error|critical) ' "$log" | grep -v ' alarm raised .* category=fire ' >"$run/complaints"; then
        echo "    the daemon's log has $(wc -l <"$run/complaints") warnings or errors:"
        head -n 5 "$run/complaints" | cut -c 1-200 | sed 's/^/      /'
    fi
    rm -rf "$run"
}

daemon= started=
start_daemon() { # prints nothing; `started` and `ready_at` in seconds since 1970
    [[ -e $run/secret ]] || echo "whsec_$(head -c 24 /dev/urandom | base64)" >"$run/secret"
    cat >"$run/firesense.yaml" <<YAML
gateway: { id: bench, catch_all: false }
mqtt: { port: $broker_port }
store: { path: $run/firesense.sqlite }
http: { listen: "$http" }
$1
YAML
    started=$EPOCHREALTIME
    start firesense "$bin/firesense" run --config "$run/firesense.yaml"
    daemon=${pids[-1]}
}
ready() { ready_at=$(python3 Tests/bench/watch.py ready "$http") || fail "the daemon is not ready" "$run/firesense.log"; }
acknowledged() { # count: waits for it; `done_at` in seconds since 1970, and the stats in a file
    python3 Tests/bench/watch.py acknowledged "$http" "$1" >"$run/watched" || fail "messages were lost" "$run/firesense.log"
    { read -r done_at && read -r stats; } <"$run/watched"
}

# Discards what it receives, and ends after so many messages. The session exists before it connects, so that
# it misses nothing; it may be sent as much at a time as the daemon may.
subscriber=(mosquitto_sub -V mqttv5 -q 1 -i bench -c -D connect receive-maximum 10000 -t 'fire/v1/#' -F '' -N)
make_session() { "${subscriber[@]}" -h 127.0.0.1 -p "$broker_port" -E; }
start_subscriber() { # count
    started=$EPOCHREALTIME
    start subscriber python3 Tests/bench/timed.py "$run/subscriber.time" \
        "${subscriber[@]}" -h 127.0.0.1 -p "$broker_port" -C "$1" -W 90
}
subscriber_ended() { # `done_at`, and `cpu` of its whole life
    wait "${pids[-1]}" || fail "mosquitto_sub did not receive everything" "$run/subscriber.log"
    unset 'pids[-1]'
    read -r done_at cpu <"$run/subscriber.time"
}

simulate() { # options…: `sent`, `seconds`, `readings`, `end` in seconds since 1970
    local result
    result=$("$bin/firesense-simulator" run --port "$broker_port" --json --no-progress "$@") ||
        fail "the simulator failed: $result"
    end=$EPOCHREALTIME
    read -r sent acked readings seconds < <(jq -r '"\(.sent) \(.acknowledged) \(.readings) \(.seconds)"' <<<"$result")
    [[ $sent == "$acked" ]] || miss "the broker acknowledged $acked of $sent messages to the simulator"
}

ticks=$(getconf CLK_TCK)
cpu_of() { awk -v hertz="$ticks" '{ sub(/^.*\) /, ""); print ($12 + $13) / hertz }' "/proc/$1/stat"; } # s, user and system
memory_of() { awk '/^VmRSS:/ { print $2 / 1024 }' "/proc/$1/status"; }                               # MiB

note() { # figure, unit, side, value
    printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$before" >>"$dir/figures"
    printf '    %-44s %12.2f %s\n' "$1" "$4" "$2"
}

nothing_lost() { # messages, readings: against the stats and the store
    local lines wrong
    lines=$(("$("$bin/firesense" export --config "$run/firesense.yaml" --format csv | wc -l)" - 1))
    wrong=$(jq -r --argjson m "$1" --argjson r "$2" --argjson lines "$lines" '
        {received: (.messages_received - $m), acknowledged: (.messages_acknowledged - $m), stored: (.readings_stored - $r),
         export: ($lines - $r), duplicate: (.messages_duplicate + .readings_duplicate), conflicting: .readings_conflicting,
         quarantined: .messages_quarantined}
        | to_entries | map(select(.value != 0) | "\(.key) \(.value)") | join(", ")' <<<"$stats")
    if [[ -z $wrong ]]; then
        echo "    nothing lost: $1 messages acknowledged, $2 readings in the export, none twice"
    else
        miss "not what was sent (more or less than expected): $wrong"
    fi
}

# --- Phases -----------------------------------------------------------------------------------------

# Every device has been heard before the clock runs: what it costs to meet one is in `memory`.
warm_up=$devices

live_run() { # side, name, messages, rate
    local side=$1 name=$2 count=$3 rate=$4 all=$(($3 + warm_up)) cpu_before=0 broker_before first_readings per_million
    new_run "$name: $side"
    if [[ $side == firesense ]]; then
        start_daemon ''
        ready
    else
        make_session
        start_subscriber "$all"
    fi
    simulate "${fleet[@]}" --rate 0 --count "$warm_up"
    first_readings=$readings
    if [[ $side == firesense ]]; then
        acknowledged "$warm_up"
        cpu_before=$(cpu_of "$daemon")
        per_million=$count
    else
        per_million=$all # its processor time is known of all it received only
    fi
    broker_before=$(cpu_of "$broker")
    simulate "${fleet[@]}" --rate "$rate" --count "$count" --seed 2
    if [[ $side == firesense ]]; then
        acknowledged "$all"
        cpu=$(cpu_of "$daemon")
    else
        subscriber_ended
    fi
    if ((rate > 0)); then
        local achieved
        achieved=$(calculate "$count / $seconds")
        note "$name: published" messages/s "$side" "$achieved"
        note "$name: behind at the end" s "$side" "$(calculate "max(0, $done_at - $end)")"
        if [[ $side == firesense && $(calculate "$achieved < 0.99 * $sustained_goal or $done_at - $end > 2") == True ]]; then
            miss "$sustained_goal messages/s were not sustained"
        fi
    else
        note "$name: received" messages/s "$side" "$(calculate "$count / ($seconds + $done_at - $end)")"
    fi
    note "$name: CPU per million" s "$side" "$(calculate "($cpu - $cpu_before) / $per_million * 1e6")"
    note "$name: broker CPU per million" s "$side" "$(calculate "($(cpu_of "$broker") - $broker_before) / $count * 1e6")"
    if [[ $side == firesense ]]; then nothing_lost "$all" $((first_readings + readings)); fi
    end_run
}

phase_live() {
    step "Live: $devices devices, QoS 1, 190 bytes"
    local side
    for side in floor firesense floor firesense; do live_run $side "live $sustained_goal/s" $((sustained_goal * 20)) $sustained_goal; done
    for side in floor firesense floor firesense; do live_run $side 'live unlimited' 300000 0; done
}

latency_run() { # side, name, background, fires
    local side=$1 name=$2 background=$3 fires=$4 result
    new_run "$name: $side"
    if [[ $side == firesense ]]; then
        start_daemon "webhooks: [{ name: latency, url: \"http://127.0.0.1:$webhook_port/\", secret_file: secret }]"
        ready
    else
        # Two sessions, as the daemon has them.
        start events bash -c 'exec stdbuf -oL mosquitto_sub -h 127.0.0.1 -p "$1" -q 1 -v -t "fire/v1/+/+/+/event" > >(
            exec python3 Tests/bench/bridge.py "127.0.0.1:$2")' bridge "$broker_port" "$webhook_port"
        start telemetry mosquitto_sub -h 127.0.0.1 -p "$broker_port" -q 1 -F '' -N -t 'fire/v1/+/+/+/telemetry'
        sleep 1
    fi
    result=$("$bin/firesense-simulator" fire-latency --port "$broker_port" --listen-port "$webhook_port" \
        --count "$fires" --interval 50ms --background-rate "$background" --background-devices "$devices" \
        --payload-size 190 --json --no-progress) || fail "fires are missing: $result" "$run/firesense.log"
    local published received repeated late p50 p99 max
    read -r published received repeated late p50 p99 max < <(jq -r '[.published, .received, .repeated, .background_late,
        .latency_ms_p50, .latency_ms_p99, .latency_ms_max] | map(tostring) | join(" ")' <<<"$result")
    note "$name: p50" ms "$side" "$p50"
    note "$name: p99" ms "$side" "$p99"
    note "$name: longest" ms "$side" "$max"
    echo "    $received of $published fires arrived, $repeated repeated; background messages late by 10 ms: $late"
    if [[ $side == firesense ]]; then
        ((repeated == 0)) || miss "$repeated webhooks came twice"
        if ((background > 0)) && [[ $(calculate "$p99 >= $latency_goal") == True ]]; then
            miss "p99 is $p99 ms at $background messages/s, expected less than $latency_goal ms"
        fi
    fi
    end_run
}

phase_latency() {
    step "Latency: publish to webhook"
    local side
    for side in floor firesense; do latency_run $side 'latency idle' 0 200; done
    for side in floor firesense; do latency_run $side "latency at $background_rate/s" $background_rate 400; done
}

drain_run() { # side
    local side=$1 count=200000 cpu_before=0
    new_run "drain: $side"
    if [[ $side == firesense ]]; then
        start_daemon ''
        ready
        stop_last
    else
        make_session
    fi
    simulate "${fleet[@]}" --rate 0 --count $count
    if [[ $side == firesense ]]; then
        start_daemon ''
        acknowledged $count
        cpu=$(cpu_of "$daemon")
    else
        start_subscriber $count
        subscriber_ended
    fi
    note 'drain: received' messages/s "$side" "$(calculate "$count / ($done_at - $started)")"
    note 'drain: CPU per million' s "$side" "$(calculate "($cpu - $cpu_before) / $count * 1e6")"
    if [[ $side == firesense ]]; then nothing_lost $count "$readings"; fi
    end_run
}

phase_drain() {
    step "Drain: 200,000 messages waited, from start of the process"
    local side
    for side in floor firesense floor firesense; do drain_run $side; done
}

phase_memory() {
    step "Memory and start: 100,000 devices have reported once"
    local many=100000
    local fleet=(--kinds "hydrant=$((many / 4)),electrical=$((many / 4)),charger=$((many / 4)),smoke=$((many / 4))" --payload-size 190)
    # The floor of the memory is the subscriber's, of the start the empty store's.
    new_run "memory: floor"
    start subscriber "${subscriber[@]}" -h 127.0.0.1 -p "$broker_port"
    sleep 1
    note 'memory at start' MiB floor "$(memory_of "${pids[-1]}")"
    simulate "${fleet[@]}" --rate 0 --count $many
    note 'memory with 100,000 devices' MiB floor "$(memory_of "${pids[-1]}")"
    note 'memory after a restart' MiB floor "$(memory_of "${pids[-1]}")"
    end_run

    new_run "memory: firesense"
    start_daemon ''
    ready
    note 'time to readiness with 100,000 devices' s floor "$(calculate "$ready_at - $started")"
    sleep 1
    note 'memory at start' MiB firesense "$(memory_of "$daemon")"
    simulate "${fleet[@]}" --rate 0 --count $many
    acknowledged $many
    note 'new devices' devices/s firesense "$(calculate "$many / ($seconds + $done_at - $end)")"
    note 'memory with 100,000 devices' MiB firesense "$(memory_of "$daemon")"
    nothing_lost $many "$readings"
    stop_last
    start_daemon ''
    ready
    note 'time to readiness with 100,000 devices' s firesense "$(calculate "$ready_at - $started")"
    sleep 1
    note 'memory after a restart' MiB firesense "$(memory_of "$daemon")"
    end_run
}

phase_push() {
    step "Push: fires when idle, under load and beside dead endpoints, and 10,000 alarms at once"
    FIRESENSE_BIN=$bin Tests/bench/push.py || miss "a goal of Tests/bench/push.py"
}

# --- All of it --------------------------------------------------------------------------------------

if [[ -n ${FIRESENSE_BIN:-} ]]; then
    bin=$FIRESENSE_BIN
else
    step "Build (release; the first one takes several minutes)"
    swift build -c release --product firesense
    swift build -c release --product firesense-simulator
    bin=$(swift build -c release --show-bin-path)
fi
for program in firesense firesense-simulator; do [[ -x $bin/$program ]] || fail "no program at $bin/$program"; done

dir=$(mktemp -d -t firesense-bench.XXXXXX)
"$bin/firesense" version | head -n 1
uptime
for phase in "${phases[@]}"; do "phase_$phase"; done

step "$(nproc) cores, $(uname -m); ratio: FireSense to floor; load: of the machine before the runs"
[[ ! -e $dir/figures ]] || python3 Tests/bench/table.py <"$dir/figures"
echo "took $SECONDS s"
((missed == 0)) || fail "a goal was missed or messages were lost, see MISSED above"
