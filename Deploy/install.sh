#!/usr/bin/env bash
# Installs a build of FireSense: on this machine, into the image of another (DESTDIR with an /etc/passwd),
# or as bare files for a package (DESTDIR without). Running it again updates; configuration that was
# changed stays, and the new version of it lies beside it as *.new.
#
#   Deploy/install.sh [FOLDER]     of `firesense` and `firesense-simulator`; without: .build/release
#
# The machine it is for needs no Swift when they were built with --static-swift-stdlib, and these Debian
# packages: Deploy/dependencies.sh run
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-.build/release}
root=${DESTDIR:-}

fail() {
    echo "install.sh: $*" >&2
    exit 1
}
[[ -x $bin/firesense ]] || fail "no program in $bin; build it: swift build -c release --static-swift-stdlib"
[[ -n $root || $EUID == 0 ]] || fail "run as root, or set DESTDIR"
libraries=$(ldd "$bin/firesense" 2>/dev/null || true)
if grep 'not found' >&2 <<<"$libraries"; then
    fail "$bin/firesense needs the libraries above: Deploy/dependencies.sh run"
fi
if grep -q libswiftCore <<<"$libraries"; then
    echo "install.sh: $bin/firesense runs only where Swift is installed; for a gateway without it:" \
        "swift build -c release --static-swift-stdlib" >&2
fi

put() { # mode, file, place
    install -D -m "$1" "$2" "$root$3"
    echo "  $3"
}
keep() { # the same for configuration, which somebody may have changed
    if [[ ! -e $root$3 ]]; then
        put "$@"
    elif ! cmp -s "$2" "$root$3"; then
        put "$1" "$2" "$3.new"
    fi
}

put 755 "$bin/firesense" /usr/bin/firesense
if [[ -x $bin/firesense-simulator ]]; then put 755 "$bin/firesense-simulator" /usr/bin/firesense-simulator; fi
for file in Config/*.yaml; do put 644 "$file" "/usr/share/firesense/${file##*/}"; done
for file in README.md LICENSE docs/webhooks*.md Deploy/monitoring/*.yml; do
    if [[ -e $file ]]; then put 644 "$file" "/usr/share/doc/firesense/${file#Deploy/}"; fi
done
put 755 Deploy/examples/receiver.py /usr/share/doc/firesense/examples/receiver.py
put 644 Deploy/systemd/firesense.service /usr/lib/systemd/system/firesense.service
put 644 Deploy/systemd/mosquitto.service.d/firesense.conf /usr/lib/systemd/system/mosquitto.service.d/firesense.conf
put 644 Deploy/sysusers.d/firesense.conf /usr/lib/sysusers.d/firesense.conf
put 644 Deploy/tmpfiles.d/firesense.conf /usr/lib/tmpfiles.d/firesense.conf
keep 644 Deploy/mosquitto/firesense.conf /etc/mosquitto/conf.d/firesense.conf
keep 644 Deploy/mosquitto/firesense.acl /etc/mosquitto/firesense.acl

if [[ -n $root && ! -e $root/etc/passwd ]]; then
    echo "Files are in $root. User, password and configuration are made where install.sh runs without DESTDIR."
    exit 0
fi

systemd-sysusers ${root:+--root="$root"} firesense.conf
systemd-tmpfiles ${root:+--root="$root"} --create firesense.conf
group() { awk -F: -v name="$1" '$1 == name { print $3 }' "$root/etc/group"; }

# The daemon's password at the broker is made up here and known to two files.
secret=$root/etc/firesense/secrets/mqtt-password
users=$root/etc/mosquitto/firesense.passwd
if [[ ! -s $secret || ! -s $users ]]; then
    umask 077
    openssl rand -hex 24 >"$secret"
    # mosquitto_passwd would take it as an argument, where every user of the machine sees it; so it gets a
    # file to encrypt in place.
    printf 'firesense:%s\n' "$(<"$secret")" >"$users.new"
    mosquitto_passwd -U "$users.new"
    if [[ -e $users ]]; then grep -v '^firesense:' "$users" >>"$users.new" || true; fi
    mv "$users.new" "$users"
    echo "  /etc/firesense/secrets/mqtt-password"
fi
chgrp "$(group firesense)" "$secret"
chgrp "$(group mosquitto)" "$users"
chmod 640 "$secret" "$users"

config=$root/etc/firesense/firesense.yaml
if [[ ! -e $config ]]; then
    cat >"$config" <<'YAML'
# What differs from the defaults. All of them, with comments: /usr/share/firesense/firesense.yaml
# After a change: systemctl reload firesense
mqtt:
  username: firesense
  password_file: secrets/mqtt-password
webhooks: []
#  - name: duty-room
#    url: "https://duty-room.example/alarms"
#    secret_file: secrets/webhook-duty-room
YAML
    chgrp "$(group firesense)" "$config"
    chmod 640 "$config"
    echo "  /etc/firesense/firesense.yaml"
fi

if [[ -z $root && -d /run/systemd/system ]]; then
    systemctl daemon-reload
    echo "Installed. Next: systemctl restart mosquitto && systemctl enable --now firesense && firesense doctor"
else
    echo "Installed${root:+ into $root}."
fi
