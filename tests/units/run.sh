#!/usr/bin/env bash
# The units as systemd reads them: no word that it does not know, everything that they start and order exists, and the
# exposure that `systemd-analyze security` counts stays within its bounds. Nothing is started.
#   tests/units/run.sh
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"

# The numbers differ from version to version: these are counted by this one.
readonly COUNTED_BY=252
# Without root little is needed; with it, what agents' commands need.
readonly MOST_WITHOUT_ROOT=2.0 MOST_WITH_ROOT=5.0
# What makes namespaces and mounts for others may not be kept from making them, and hides nothing from what it shows them.
readonly MOST_OF_A_RUNNER=4.0

have systemd-analyze || {
    warn "there is no systemd-analyze here: tests/units is left out"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
units=$OSMODA_ROOT/nix/units
root=''
scratch root
mkdir -p "$root"/{bin,usr/lib/systemd/system,usr/lib/osmoda,usr/lib/sysusers.d,usr/lib/tmpfiles.d,etc}
cp -- "$units"/*.{service,socket,timer,target} "$root/usr/lib/systemd/system/" 2>/dev/null || true
cp -- "$units"/sysusers.d/* "$root/usr/lib/sysusers.d/"
cp -- "$units"/tmpfiles.d/* "$root/usr/lib/tmpfiles.d/"
# systemd's own units, which ours are ordered with, and the programs that are started.
cp -rn -- /usr/lib/systemd/system/. "$root/usr/lib/systemd/system/"
sed -n 's/^Exec[A-Za-z]*=[-@:+!]*\([^ ]*\).*/\1/p' "$units"/*.service | sort -u | while read -r program; do
    install -D -m 755 /bin/true "$root$program"
done

# silent COMMAND...: what verify finds it prints; its status is not to be trusted.
silent() {
    local output
    output=$("$@" 2>&1) || { echo "$output" && return 1; }
    [[ -z $output ]] || { echo "$output" && return 1; }
}
known() { silent limit 60 systemd-analyze verify --man=no --recursive-errors=no --root="$root" "$@"; }

# setting UNIT KEY: the last value of a setting.
setting() { sed -n "s/^$2=//p" "$units/$1" | tail -n 1; }
# A daemon says when it is ready; what does not is a daemon's hands, with no state and no watch of its own.
is_daemon() { [[ $(setting "$1" Type) == notify || ! -e $units/${1%.service}.socket ]]; }
most_of() { if ! is_daemon "$1"; then echo $MOST_OF_A_RUNNER; elif [[ -n $(setting "$1" User) || -n $(setting "$1" DynamicUser) ]]; then echo $MOST_WITHOUT_ROOT; else echo $MOST_WITH_ROOT; fi; }
exposure_of() { limit 60 systemd-analyze security --offline=true --no-pager --root="$root" "$1" | sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p'; }
within() {
    local found
    found=$(exposure_of "$1")
    echo "$1: $found, $2 at most"
    [[ -n $found && $(printf '%s\n' "$found" "$2" | sort -n | tail -n 1) == "$2" ]]
}

version=$(systemd-analyze --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
for path in "$units"/*.{service,socket,timer,target}; do
    [[ -e $path ]] || continue
    unit=${path##*/}
    check "units: systemd knows every word of $unit" known "$unit"
    check "units: $unit is wanted by something" grep -q '^WantedBy=' "$path"
done
# A copy with a word that nobody knows: the check above would see it.
sed 's/^Restart=/Restrat=/' "$units/osmoda-agentd.service" >"$root/usr/lib/systemd/system/osmoda-wrong.service"
wrong() { ! known osmoda-wrong.service; }
check "units: a word that systemd does not know is found" wrong
rm -- "$root/usr/lib/systemd/system/osmoda-wrong.service"

for path in "$units"/osmoda-*.service; do
    unit=${path##*/}
    name=${unit%.service}
    check "units: $unit starts its own program" test "$(setting "$unit" ExecStart)" = "/usr/lib/osmoda/$name"
    if is_daemon "$unit"; then
        check "units: $unit says when it is ready" test "$(setting "$unit" Type)" = notify
        check "units: $unit is watched" test -n "$(setting "$unit" WatchdogSec)"
        check "units: $unit keeps its state to itself" test "$(setting "$unit" StateDirectory) $(setting "$unit" StateDirectoryMode)" = "osmoda/${name#osmoda-} 0700"
    else
        check "units: $unit is root's alone to ask" grep -qx 'SocketMode=0600' "$units/$name.socket"
    fi
    check "units: $unit stops with the suite" test "$(setting "$unit" PartOf) $(setting "$unit" WantedBy)" = "osmoda.target osmoda.target"
    if [[ $version == "$COUNTED_BY" ]]; then
        check "units: the exposure of $unit is within its bound" within "$unit" "$(most_of "$unit")"
    else
        warn "systemd $version counts exposure in another way than $COUNTED_BY: $unit is not counted"
    fi
done

# The accounts and folders.
if ((EUID == 0)) && have systemd-sysusers && have systemd-tmpfiles; then
    # It goes on after a line that it does not like, and ends well.
    accounts() {
        local output
        output=$({ limit 30 systemd-sysusers --root="$root" && limit 30 systemd-sysusers --root="$root"; } 2>&1) || return 1
        printf '%s\n' "$output"
        ! grep -v '^Creating ' <<<"$output"
    }
    folders() { silent limit 30 systemd-tmpfiles --root="$root" --create --prefix=/run/osmoda --prefix=/var/lib --prefix=/etc/osmoda "$root"/usr/lib/tmpfiles.d/osmoda*.conf; }
    member() { grep -qE "^$1:[^:]*:[0-9]+:([^:]*,)?$2(,|$)" "$root/etc/group"; }
    check "units: the accounts can be made, twice" accounts
    check "units: agents may open the sockets" member osmoda osmoda-agent
    no_more() { ! member osmoda-operator osmoda-agent && ! member osmoda-daemon osmoda-agent; }
    check "units: and are nothing more" no_more
    check "units: the folders can be made" folders
    gid=$(sed -n 's/^osmoda:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/group")
    check "units: the sockets' folder is the group's to enter" test "$(stat -c '%a %u %g' "$root/run/osmoda")" = "750 0 $gid"
    check "units: the state's folder is root's" test "$(stat -c '%a %u' "$root/var/lib/osmoda")" = "755 0"
fi
conclude
