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
Requires=mosquitto.service
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

    systemd-nspawn --quiet --register=no --keep-unit --private-network --directory="$root" --console=pipe \
        --boot -- --unit=firesense-test.service >"$top/console" 2>&1 &
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

messages=2000
publish() {
    local password
    password=$(</etc/firesense/secrets/mqtt-password)
    mosquitto_pub -h 127.0.0.1 -u firesense -P "$password" -q 1 -m '{"values":{"pressure":0.31}}' \
        -t fire/v1/320102/hydrant/firesense/telemetry --repeat "$messages"
}
stored() { [[ $(firesense export --format csv | grep -c ',pressure,') == "$messages" ]]; }

inside() {
    # Kept short, so that the test need not wait half a minute for the watchdog.
    drop_in $'WatchdogSec=3s\nTimeoutAbortSec=1s'

    ok "starts and tells READY=1" systemctl start firesense
    ok "is active" is ActiveState active
    ok "answers /readyz" within 20 is_ready
    ok "shows a status line" refused is StatusText ""

    ok "runs as firesense" test "$(stat -c %U "/proc/$(property MainPID)")" = firesense
    ok "has no capability" process_has CapEff 0000000000000000
    ok "cannot gain privileges" process_has NoNewPrivs 1
    ok "has a system call filter" process_has Seccomp 2
    ok "state directory is private" mode_is /var/lib/firesense "750 firesense firesense"
    ok "control socket is the group's" mode_is /run/firesense/control.sock "660 firesense firesense"
    ok "logs to the journal with priorities" sh -c 'journalctl -u firesense -o json | grep -q "\"_TRANSPORT\":\"journal\""'

    local pid
    pid=$(property MainPID)
    ok "reloads" systemctl reload firesense
    ok "is ready after the reload" ready_within 20
    cp $config /tmp/good.yaml
    echo "nonsense: 1" >>$config
    ok "refuses an invalid file at reload" refused systemctl reload firesense
    ok "goes on as before" is_ready
    cp /tmp/good.yaml $config
    ok "reloads once it is put right" systemctl reload firesense
    ok "is the same process through all reloads" is MainPID "$pid"
    ok "is watched" is WatchdogUSec 3s

    kill -STOP "$pid"
    ok "is replaced by the watchdog when it hangs" within 30 differs MainPID "$pid"
    ok "works again after that" ready_within 30
    ok "was restarted once" is NRestarts 1

    pid=$(property MainPID)
    kill -KILL "$pid"
    ok "is started again after kill -9" within 20 differs MainPID "$pid"
    ok "works again after that" ready_within 30

    ok "takes telemetry" publish
    ok "stops in time" timeout 30 systemctl stop firesense
    ok "stops cleanly" is Result success
    ok "exits with 0" is ExecMainStatus 0
    ok "starts again" systemctl start firesense
    ok "nothing was lost" within 30 stored

    systemctl stop firesense
    mkdir -p /etc/firesense/secrets
    drop_in 'LoadCredential=broker:/etc/firesense/secrets/mqtt-password'
    # shellcheck disable=SC2016  # for the daemon to expand
    sed -i 's|password_file:.*|password_file: ${CREDENTIALS_DIRECTORY}/broker|' $config
    ok "takes its secret from LoadCredential=" systemctl start firesense
    ok "is connected with it" within 20 is_ready
    ok "reloads with it" systemctl reload firesense
    cp /tmp/good.yaml $config
    drop_in ''
    systemctl restart firesense

    systemctl stop firesense
    echo "nonsense: 1" >>$config
    ok "starts with the last accepted configuration" systemctl start firesense
    ok "says so" sh -c 'journalctl -u firesense -n 50 | grep -qi accepted'
    systemctl stop firesense
    rm -rf /var/lib/firesense/accepted
    ok "does not start when there is none" refused systemctl start firesense
    ok "exits with 78" is ExecMainStatus 78
    ok "and is not started again" is ActiveState failed

    echo "$passed passed, $failed failed"
}

case ${1:-} in
--inside) inside ;;
--container) container "$2" "$3" ;;
*) outside "$@" ;;
esac
