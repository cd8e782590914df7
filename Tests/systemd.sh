#!/usr/bin/env bash
# The installed service under a real systemd: readiness, sandbox, reload, watchdog, stop, exit codes.
# Boots a throw-away copy of this machine in a container; nothing of the machine itself is changed.
#
#   Tests/systemd.sh FOLDER        of the built firesense, for example .build/release; as root
set -euo pipefail
self=$(realpath "$0")

deadline=420 # seconds for all of it

# --- Outside: a container over a copy-on-write root -------------------------------------------------

outside() {
    cd "$(dirname "$self")/.."
    local bin=${1:?Usage: Tests/systemd.sh FOLDER}
    [[ $EUID == 0 ]] || { echo "systemd.sh: needs root, to start a container" >&2 && exit 1; }
    [[ -x $bin/firesense ]] || { echo "systemd.sh: no program at $bin/firesense" >&2 && exit 1; }
    bin=$(realpath "$bin")
    Deploy/dependencies.sh systemd
    top=$(mktemp -d -t firesense-systemd.XXXXXX)
    # Name spaces of its own for mounts and processes: both end with this, whatever happens.
    timeout $((deadline + 60)) unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
        "$self" --container "$bin" "$top" </dev/null &
    booted=$!
    trap 'kill $booted 2>/dev/null && wait $booted || true; rmdir "$top"' EXIT
    trap 'exit 1' INT TERM
    wait $booted
}

container() {
    local bin=$1 top=$2
    local root=$top/root
    cd "$(dirname "$self")/.."
    mount -t tmpfs -o mode=755 tmpfs "$top"
    mkdir "$top"/{upper,work,root}
    mount -t overlay overlay -o "lowerdir=/,upperdir=$top/upper,workdir=$top/work" "$root"

    # Nothing of what this machine starts: only the broker, the daemon and this test.
    rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/mosquitto "$root"/var/lib/mosquitto "$root"/etc/firesense \
        "$root"/var/lib/firesense "$root"/var/log/journal
    mkdir -p "$root"/etc/mosquitto/conf.d "$root"/var/lib/mosquitto
    printf 'persistence true\npersistence_location /var/lib/mosquitto/\ninclude_dir /etc/mosquitto/conf.d\n' \
        >"$root"/etc/mosquitto/mosquitto.conf
    chown mosquitto: "$root"/var/lib/mosquitto
    echo firesense-test >"$root"/etc/hostname
    # Without an id systemd takes this for a first boot and enables everything again.
    tr -d - </proc/sys/kernel/random/uuid >"$root"/etc/machine-id
    DESTDIR=$root Deploy/install.sh "$bin" >/dev/null

    install -m 755 "$self" "$root"/usr/bin/firesense-test
    : >"$root"/firesense-test.log
    cat >"$root"/etc/systemd/system/firesense-test.service <<UNIT
[Unit]
Wants=mosquitto.service
After=mosquitto.service systemd-journald.service
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
TimeoutStartSec=$deadline
ExecStart=/usr/bin/firesense-test --inside
StandardOutput=append:/firesense-test.log
StandardError=append:/firesense-test.log
UNIT

    systemd-nspawn --quiet --register=no --keep-unit --private-network \
        --system-call-filter='adjtimex clock_adjtime' --directory="$root" --console=pipe --boot \
        -- --unit=firesense-test.service >"$top/console" 2>&1 &
    tail -n +1 --pid=$! -f "$root"/firesense-test.log
    wait $! || true
    if ! grep -q 'passed, [0-9]* failed' "$root"/firesense-test.log; then
        tail -n 40 "$top/console" >&2
        echo "systemd.sh: the container ended before the test did" >&2
        exit 1
    fi
    grep -q ', 0 failed' "$root"/firesense-test.log
}

# --- Inside: the tests ------------------------------------------------------------------------------

passed=0 failed=0
ok() { # what, command…
    local what=$1
    shift
    if "$@" >/tmp/output 2>&1; then
        passed=$((passed + 1))
        echo "ok      $what"
    else
        failed=$((failed + 1))
        echo "FAILED  $what"
        tail -n 3 /tmp/output | sed 's/^/        /'
        journalctl -u firesense -n 15 --no-pager -o cat | sed 's/^/        | /'
    fi
}
within() { # seconds, command…: until it succeeds
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}
property() { systemctl show -P "$1" firesense; }
is() { # property, value
    local value
    value=$(property "$1")
    [[ $value == "$2" ]] || { echo "$1 is '$value', expected '$2'" && return 1; }
}
differs() { [[ $(property "$1") != "$2" ]]; }
process_has() { grep -P "^$1:\s+$2\$" "/proc/$(property MainPID)/status"; }
mode_is() { [[ $(stat -c '%a %U %G' "$1") == "$2" ]] || { stat "$1" && return 1; }; }
is_ready() { curl -fsS --max-time 5 http://127.0.0.1:8470/readyz; }
refused() { ! "$@"; }
drop_in() { # text
    mkdir -p /run/systemd/system/firesense.service.d
    printf '[Service]\n%s\n' "$1" >/run/systemd/system/firesense.service.d/test.conf
    systemctl daemon-reload
}
ready_within() { within "$1" is ActiveState active && within 10 is_ready; }

config=/etc/firesense/firesense.yaml

publish() { # device, first, last: so many messages, each with a time of its own
    local i base=$(($(date +%s%3N) - 3600000))
    for ((i = $2; i <= $3; i++)); do echo "{\"ts\":$((base + i)),\"values\":{\"pressure\":0.31}}"; done |
        mosquitto_pub -h 127.0.0.1 -u "$1" -P secret -q 1 -t "fire/v1/320102/hydrant/$1/telemetry" -l
}
stored() { # device, number
    local number
    number=$(firesense export --format csv | grep -c "$1,.*,pressure," || true)
    [[ $number == "$2" ]] || { echo "$number readings of $1 are stored, expected $2" && return 1; }
}
as() { # user, group, command…
    setpriv --reuid="$1" --regid="$2" --clear-groups "${@:3}"
}
alarms_by_socket() { curl -fsS --max-time 5 --unix-socket /run/firesense/control.sock http://localhost/api/v1/alarms; }
in_journal() { # field=value, text
    journalctl -u firesense -o json "$1" | grep -q "$2"
}
is_unready() { [[ $(curl -s --max-time 5 -o /dev/null -w '%{http_code}' http://127.0.0.1:8470/readyz) == 503 ]]; }
says() { # text: in the status line
    local text
    text=$(property StatusText)
    [[ $text == *"$1"* ]] || { echo "status is '$text', expected '$1' in it" && return 1; }
}
says_rate() { # more than nothing
    [[ $(property StatusText) =~ ^[1-9][0-9]*\ messages/s ]]
}
stays() { # seconds, process
    sleep "$1"
    is MainPID "$2"
}
freeze_worker() { # until the process is gone
    python3 - "$1" <<'PYTHON'
import ctypes, os, sys

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
tasks = f"/proc/{sys.argv[1]}/task"
(worker,) = [int(t) for t in os.listdir(tasks) if open(f"{tasks}/{t}/comm").read() == "worker\n"]
for request in (0x4206, 0x4207):  # PTRACE_SEIZE, PTRACE_INTERRUPT
    if libc.ptrace(request, worker, 0, 0) != 0:
        sys.exit(f"ptrace: {os.strerror(ctypes.get_errno())}")
while not os.WIFSIGNALED(os.waitpid(worker, 0x40000000)[1]):  # __WALL
    pass
PYTHON
}

# Short enough that the test need not wait half a minute for the watchdog. What the filter of system calls
# would refuse kills here, so that nothing the daemon calls is refused unseen. The command before it asks for
# the state of the clock as the daemon does.
strict=$'WatchdogSec=3s\nTimeoutAbortSec=1s\nSystemCallErrorNumber=kill\nExecStartPre=/usr/bin/firesense-test --clock'

inside() {
    local pid began
    for device in hydrant-01 hydrant-02 panel-01; do
        mosquitto_passwd -b /etc/mosquitto/firesense.passwd $device secret
    done
    systemctl reload mosquitto
    echo "whsec_$(openssl rand -base64 24)" >/etc/firesense/secrets/webhook
    chgrp firesense /etc/firesense/secrets/webhook && chmod 640 /etc/firesense/secrets/webhook
    systemd-run --quiet --unit=receiver python3 /usr/share/doc/firesense/examples/receiver.py \
        --secret-file /etc/firesense/secrets/webhook
    sed -i 's|^webhooks: .*|webhooks: [{ name: receiver, url: "http://127.0.0.1:8480/", secret_file: secrets/webhook }]|' $config
    drop_in "$strict"

    ok "installed configuration is valid" firesense check
    systemctl stop mosquitto
    systemctl start --no-block firesense
    ok "is not ready without a broker" within 20 is_unready
    ok "is still starting, for systemd" is ActiveState activating
    ok "says what it waits for" within 5 says disconnected
    # Done with reloading would be taken for started.
    systemctl kill --kill-whom=main --signal=HUP firesense
    ok "takes a reload while it waits" within 5 sh -c 'journalctl -u firesense -o cat | grep -q "configuration reloaded"'
    ok "is still starting after it" is ActiveState activating
    systemctl start mosquitto
    ok "is started when the broker is there" within 20 is ActiveState active
    ok "answers /readyz" is_ready
    ok "shows a status line" says "0 active alarms"
    ok "shows the rate in it" says "messages/s"
    pid=$(property MainPID)
    ok "an idle daemon is not restarted" stays 10 "$pid"

    ok "the sandbox refuses it nothing" refused sh -c 'journalctl -u firesense -o cat | grep -iE "denied|not permitted"'
    ok "runs as firesense" test "$(stat -c %U "/proc/$pid")" = firesense
    ok "has no capability" process_has CapEff 0000000000000000
    ok "cannot gain privileges" process_has NoNewPrivs 1
    ok "has a system call filter" process_has Seccomp 2
    ok "state directory is private" mode_is /var/lib/firesense "750 firesense firesense"
    ok "the write-ahead log is" mode_is /var/lib/firesense/firesense.sqlite-wal "640 firesense firesense"
    ok "control socket is the group's" mode_is /run/firesense/control.sock "660 firesense firesense"
    ok "a member of the group may use it" as nobody firesense bash -c "$(declare -f alarms_by_socket) && alarms_by_socket"
    ok "nobody else may" refused as nobody nogroup bash -c "$(declare -f alarms_by_socket) && alarms_by_socket"
    ok "doctor finds nothing wrong" firesense doctor
    sed 's/^/        /' /tmp/output

    mosquitto_pub -h 127.0.0.1 -u panel-01 -P secret -q 1 -t fire/v1/320102/panel/panel-01/event \
        -m '{"event":"fire","component":"1-1-40-7"}'
    ok "a fire is in the journal by its fields" within 5 in_journal FIRESENSE_DEVICE=panel-01 '"PRIORITY":"2"'
    ok "so is a lane of the intake" in_journal FIRESENSE_LANE=urgent connected
    ok "entries came by the journal's own protocol" in_journal _TRANSPORT=journal FIRESENSE_
    ok "the fire is in the status line" within 5 says "1 active alarms"
    ok "the fire is pushed" within 10 sh -c 'journalctl -u receiver -o cat | grep -q panel-01'

    ok "reloads" systemctl reload firesense
    ok "is ready after the reload" ready_within 20
    cp $config /tmp/good.yaml
    echo "nonsense: 1" >>$config
    ok "refuses an invalid file at reload" refused systemctl reload firesense
    ok "goes on as before" is_ready
    # Past the check that systemd runs first.
    systemctl kill --kill-whom=main --signal=HUP firesense
    ok "the daemon refuses it, too" within 5 sh -c 'journalctl -u firesense -o cat | grep -q "reload refused"'
    ok "and goes on as before" is_ready
    cp /tmp/good.yaml $config
    ok "reloads once it is put right" systemctl reload firesense
    ok "is the same process through all reloads" is MainPID "$pid"
    ok "was not restarted" is NRestarts 0
    ok "is watched" is WatchdogUSec 3s

    freeze_worker "$pid" &
    ok "is replaced by the watchdog when its worker is stuck" within 30 differs MainPID "$pid"
    wait $! || true
    ok "works again after that" ready_within 30
    ok "was restarted once" is NRestarts 1
    pid=$(property MainPID)
    kill -STOP "$pid"
    ok "is replaced by the watchdog when it hangs" within 30 differs MainPID "$pid"
    ok "works again after that" ready_within 30
    pid=$(property MainPID)
    kill -KILL "$pid"
    ok "is started again after kill -9" within 20 differs MainPID "$pid"
    ok "works again after that" ready_within 30

    # More time to start is asked for only by a worker that moves.
    systemctl stop firesense mosquitto
    drop_in "$strict"$'\nTimeoutStartSec=5s\nTimeoutStopSec=2s'
    systemctl start --no-block firesense
    ok "waits for the broker longer than it is given" within 20 is_unready
    pid=$(property MainPID)
    ok "as long as its worker moves" stays 8 "$pid"
    freeze_worker "$pid" &
    ok "is replaced when its worker is stuck before it is ready" within 60 differs MainPID "$pid"
    wait $! || true
    drop_in "$strict"
    systemctl start mosquitto
    ok "is started after that" ready_within 30

    publish hydrant-01 1 20000 &
    ok "shows the rate of what comes" within 20 says_rate
    ok "takes telemetry" within 20 sh -c 'firesense devices 2>/dev/null | grep -q hydrant-01 ||
        curl -fsS http://127.0.0.1:8470/api/v1/devices | grep -q hydrant-01'
    began=$SECONDS
    ok "stops under load" timeout 60 systemctl stop firesense
    ok "stops in $((SECONDS - began)) s" test $((SECONDS - began)) -lt 30
    ok "stops cleanly" is Result success
    ok "exits with 0" is ExecMainStatus 0
    wait $! || true
    ok "starts again" systemctl start firesense
    ok "nothing was lost" within 60 stored hydrant-01 20000

    systemctl stop firesense
    mount -t tmpfs -o "size=64m,mode=750,uid=$(id -u firesense),gid=$(id -g firesense)" tmpfs /var/lib/firesense
    sed -i '$a store: { max_size: 128MiB }' $config
    dd if=/dev/zero of=/var/lib/firesense/filler bs=64k status=none 2>/dev/null || true
    systemctl start --no-block firesense
    ok "is not ready on a full disk" within 20 is_unready
    ok "says so" within 5 says "STORE NOT WRITABLE"
    ok "is still starting, for systemd" is ActiveState activating
    rm /var/lib/firesense/filler
    ok "is started when there is room" within 40 is ActiveState active
    publish hydrant-02 1 100
    ok "stores" within 10 stored hydrant-02 100
    dd if=/dev/zero of=/var/lib/firesense/filler bs=64k status=none 2>/dev/null || true
    pid=$(property MainPID)
    # More than fits into what the database's files have free.
    publish hydrant-02 101 20000
    ok "notices when the disk is full" within 20 is_unready
    ok "says so" within 5 says "STORE NOT WRITABLE"
    ok "is not restarted for it" stays 10 "$pid"
    rm /var/lib/firesense/filler
    ok "works again when there is room" within 60 is_ready
    ok "is the same process" is MainPID "$pid"
    ok "nothing was lost" within 60 stored hydrant-02 20000
    systemctl stop firesense
    umount /var/lib/firesense
    cp /tmp/good.yaml $config

    drop_in "$strict"$'\nLoadCredential=broker:/etc/firesense/secrets/mqtt-password'
    # shellcheck disable=SC2016  # for the daemon to expand
    sed -i 's|password_file:.*|password_file: ${CREDENTIALS_DIRECTORY}/broker|' $config
    ok "takes its secret from LoadCredential=" systemctl start firesense
    ok "is connected with it" within 20 is_ready
    ok "reloads with it" systemctl reload firesense
    cp /tmp/good.yaml $config
    drop_in "$strict"
    systemctl restart firesense

    systemctl stop firesense
    echo "nonsense: 1" >>$config
    ok "starts with the last accepted configuration" systemctl start firesense
    ok "says so" says accepted
    systemctl stop firesense
    rm -rf /var/lib/firesense/accepted
    ok "does not start when there is none" refused systemctl start firesense
    ok "exits with 78" is ExecMainStatus 78
    ok "and is not started again" stays 3 0
    ok "but failed" is ActiveState failed

    echo "$passed passed, $failed failed"
}

# adjtimex(2), as nobody who may set the clock.
clock() {
    python3 -c 'import ctypes; exit(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) < 0)'
}

case ${1:-} in
--inside) inside ;;
--clock) clock ;;
--container) container "$2" "$3" ;;
*) outside "$@" ;;
esac
