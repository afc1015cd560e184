#!/usr/bin/env bash
# Runs inside the booted machine, as its root: inside.sh STAGE install|versions|package
# One line a check: `ok    name` or `FAIL  name: why`.
set -uo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
STAGE=$1
TREE=/opt/osmoda-tree
export NO_COLOR=1
work=$(mktemp -d)

# refused WORDS COMMAND...: it fails, and says so in these words.
refused() {
    local words=$1 output status=0
    output=$("${@:2}" 2>&1) || status=$?
    printf 'status %s: %s\n' "$status" "$output"
    ((status != 0)) && [[ $output == *"$words"* ]]
}
# machine: every file and folder with mode, owner and content; not what any process writes that is up.
machine() {
    find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /dev -o -path /opt -o -path /var/log -o -path /var/lib/systemd \
        -o -path '/var/tmp/systemd-private-*' -o -path /etc/machine-id -o -name '*-' -o -path /etc/.pwd.lock -o -path /var/cache -o -path /var/lib/dpkg -o -path /etc/.updated -o -path /var/.updated \) -prune \
        -o -printf '%M %U %G %y %p %l\n' | sort
    md5sum /etc/passwd /etc/group /etc/shadow /etc/gshadow
}
same_machine() { diff "$1" <(machine); }
installer() { timeout 200 bash "$TREE/scripts/install.sh" --container "$@"; }
piped() { timeout 200 bash -s -- --container "$@" <"$TREE/scripts/install.sh"; }
# cut_off: ends the installer while it waits for a suite that does not get well.
cut_off() {
    local installer
    OSMODA_MOST_WAIT=60 bash "$STAGE/99.3/install.sh" --container >"$work/cut" 2>&1 &
    installer=$!
    for _ in $(seq 300); do agentd_is active && break; sleep 0.1; done
    agentd_is active && kill -TERM "$installer"
    wait "$installer"
    (($? == 143)) && grep -q "taking away what was begun" "$work/cut"
}
# failure_told FILE: what a control plane heard of a failed installation, which is whole JSON.
failure_told() {
    grep -q '^ARGUMENTS .*https://plane.example/api/provision-failed' "$1" &&
        grep -qE '^\{"order_id":"[0-9a-f-]{36}","step":"services","reason":"it did not start: ([^"\\]|\\.)*","log_tail":"([^"\\]|\\.)*did not start([^"\\]|\\.)*"\}$' "$1"
}
release() { installer --archive "$archive" "$@"; }
agentd_is() { test "$(systemctl is-active osmoda-agentd.service)" = "$1"; }
version_is() { test "$(cat /usr/lib/osmoda/installed/VERSION)" = "$1"; }
events() { agentctl verify-ledger --json | sed -n 's/.*"events":\([0-9]*\).*/\1/p'; }
# unix SOCKET TEXT: what is answered there, up to the connection's end or the first whole line of JSON-RPC.
# shellcheck disable=SC2016
unix() { timeout 20 perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => shift) or die "$!\n"; $s->autoflush(1); print $s shift; while (<$s>) { print; last if /^\{"jsonrpc/ || /^\{"id/ }' "$@"; }
archive=$(echo "$STAGE"/release/*.tar.gz)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$TREE/Cargo.toml" | head -n 1)

# keyd has an account of its own and no network, and is reached through the sockets that systemd made.
keyd_is_shut_in() {
    local pid wallet locked least policy=/var/lib/osmoda/keyd/policy.toml
    pid=$(systemctl show --value --property MainPID osmoda-keyd)
    health() { unix /run/osmoda/keyd.sock $'GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'; }
    check "keyd runs as itself" test "$(stat -c %U "/proc/$pid") $(systemctl show --value --property MainPID osmoda-agentd | xargs -I{} stat -c %U /proc/{})" = "osmoda-keyd root"
    check "it tried, and has no network, runs no program and leaves no core" \
        says '"network_isolated":true,"exec_blocked":true,"core_dumps_off":true,' health
    # A guest without the right to raise limits can't give what the unit asks for.
    locked=keys least=4
    if grep -q '^Max locked memory *unlimited' "/proc/$pid/limits"; then locked=all least=4096; fi
    check "its memory is never swapped, as far as the machine allows" says "\"memory_locked\":\"$locked\"" health
    check "the kernel says so too" test "$(sed -n 's/^VmLck:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")" -ge "$least"
    check "its network has nothing in it" test "$(nsenter --net="/proc/$pid/ns/net" ip -brief link | grep -vc '^lo ')" = 0
    check "it has no capability" grep -qx $'CapEff:\t0000000000000000' "/proc/$pid/status"
    check "it takes little memory" test "$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")" -lt 65536
    check "its state is its own" test "$(stat -c '%a %U' /var/lib/osmoda/keyd /var/lib/osmoda/keyd/master.key | tr '\n' ' ')" = "700 osmoda-keyd 600 osmoda-keyd "
    check "both its sockets are the group's" test "$(stat -c '%a %U %G' /run/osmoda/keyd.sock /run/osmoda/keyd-clef.sock | tr '\n' ' ')" = "660 root osmoda 660 root osmoda "
    wallet=$(agentctl call wallet_create --json '{"chain": "ethereum"}' | sed -n 's/.*"id":"\(wal_[^"]*\)".*/\1/p')
    check "a wallet is made" test -n "$wallet"
    sign() { agentctl call wallet_sign --json "{\"wallet_id\": \"$wallet\", \"payload\": \"0x68656c6c6f\"}"; }
    check "without a policy nothing is signed" refused "there is no policy" sign
    printf '[[rules]]\nname = "messages"\nchain = "ethereum"\nactions = ["message"]\n' >$policy
    chmod 644 $policy
    systemctl reload osmoda-keyd
    signs() { for _ in $(seq 50); do sign && return; sleep 0.1; done; return 1; }
    check "with one, a message is" signs
    check "clef's clients are answered" says '"result":"6.1.0"' unix /run/osmoda/keyd-clef.sock '{"jsonrpc": "2.0", "id": 1, "method": "account_version", "params": []}'
    check "an operator may make a phrase" agentctl wallet --json new solana
    check "a command that an agent starts as root may not" says forbidden agentctl call shell_exec --json '{"command": "agentctl wallet --json new solana 2>&1"}'
    check "nor what such a command leaves behind" left_behind
    kill -KILL "$pid"
    up_again() { for _ in $(seq 100); do health && return; sleep 0.1; done; return 1; }
    check "killed, it comes back behind the same sockets" up_again
    check "with its wallet" says "$wallet" agentctl wallet --json list
}
# What outlives its shell is no operator either, whoever its parent is by then.
left_behind() {
    rm -f /run/left
    agentctl call shell_exec --json '{"command": "setsid -f sh -c \"sleep 1; agentctl wallet --json new solana >/run/left 2>&1; echo done >>/run/left\""}' >/dev/null
    for _ in $(seq 50); do
        if grep -qs '^done' /run/left; then break; fi
        sleep 0.1
    done
    says forbidden cat /run/left || [[ ! -e /run/left ]]
}

install_it() {
    useradd --create-home olga
    machine >"$work/before"
    check "--check says that it can be installed" installer --check
    check "a container is refused with a reason" refused "this is a container" bash "$TREE/scripts/install.sh"
    check "a wrong checksum is refused" refused "not what its checksum says" release --sha256 "$(printf '0%.0s' {1..64})"
    check "an unknown flag is refused" refused "unknown argument" installer --instal
    check "an archive from elsewhere without a checksum is refused" refused "needs its checksum" installer --archive https://example.org/osmoda.tar.gz
    check "a secret in a pipe that is the script is refused" refused "standard input is this script" piped --heartbeat-secret-file -
    local flag
    for flag in --api-key=x --provider=x --credential=x --default-model=x --runtime=x --branch=x --skip-nixos --snapshot --skip-spec-kit --spec-kit-version=x \
        --advanced-openclaw-native --ssh-key=x; do
        check "$flag is taken, and it is said why it does nothing" says "warning: unused: ${flag%=*}: " installer --check "$flag"
    done
    touch /etc/NIXOS
    check "on NixOS it prints what to add instead" says 'services.osmoda.enable = true;' bash "$TREE/scripts/install.sh"
    check "and where this tree is" says 'inputs.osmoda.url = "path:/opt/osmoda-tree";' bash "$TREE/scripts/install.sh"
    rm /etc/NIXOS
    check "an account that does not exist is refused" refused "there is no account nobody-here" release --operator nobody-here
    check "an upgrade of nothing is refused" refused "not installed" release --upgrade

    # A control plane that writes down what it is told.
    mkdir "$work/bin"
    # shellcheck disable=SC2016
    printf '#!/bin/sh\n{ echo "ARGUMENTS $*"; cat; } >>%s/told\n' "$work" >"$work/bin/curl"
    chmod 755 "$work/bin/curl"
    echo top-secret-value >"$work/secret"
    check "a release that does not start is refused" refused "it did not start" env PATH="$work/bin:$PATH" bash "$STAGE/99.2/install.sh" --container \
        --order-id 550e8400-e29b-41d4-a716-446655440000 --callback-url https://plane.example/api/heartbeat
    check "and nothing of it is left" same_machine "$work/before"
    check "nor its units" refused "could not be found" systemctl status osmoda-agentd.service
    check "the control plane was told why, in JSON" failure_told "$work/told"
    rm "$work/told"
    check "one that is cut off while it starts leaves nothing either" cut_off
    check "so it is as it was" same_machine "$work/before"
    check "it is installed" env PATH="$work/bin:$PATH" timeout 200 bash "$TREE/scripts/install.sh" --container --archive "$archive" --operator olga \
        --order-id 550e8400-e29b-41d4-a716-446655440000 --callback-url https://plane.example/api/heartbeat --heartbeat-secret-file "$work/secret" \
        --api-key x --skip-nixos --runtime=claude-code
    check "agentd is up" agentd_is active
    check "the doctor finds nothing to mend" agentctl doctor
    check "agentctl knows which daemons are installed" test "$(agentctl status --json | grep -o '"daemon":' | wc -l)" = "$(grep -lx Type=notify "$TREE"/nix/units/osmoda-*.service | wc -l)"
    check "so do agents" test -r /var/lib/osmoda/suite.json
    check "it starts with the machine" systemctl is-enabled osmoda.target osmoda-agentd.service
    check "the control plane was told of every step" says complete grep -o '"step":"[a-z]*"' "$work/told"
    check "in JSON with the order's id" grep -q '^{"order_id":"550e8400-e29b-41d4-a716-446655440000","step":"services","status":"started","detail":"' "$work/told"
    check "at the address beside the heartbeat's" grep -q 'https://plane.example/api/provision-progress' "$work/told"
    check "and its secret stood in no argument" not grep -q top-secret-value "$work/told"
    check "what the heartbeat needs is root's alone" test "$(stat -c '%a %u' /var/lib/osmoda/config/heartbeat-secret)" = "600 0"
    check "and as it was given" test "$(cat /var/lib/osmoda/config/heartbeat-secret)" = top-secret-value
    check "there are manual pages" test "$(find /usr/share/man/man1 -name 'agentctl*.1.gz' | wc -l)" -gt 10
    check "there is one of the doctor" test -s /usr/share/man/man1/agentctl-doctor.1.gz
    check "there are completions" grep -q verify-ledger /usr/share/bash-completion/completions/agentctl
    check "for every shell" test -s /usr/share/zsh/vendor-completions/_agentctl -a -s /usr/share/fish/vendor_completions.d/agentctl.fish
    for subject in kernel disk clock groups permissions units sockets ledger wallets models memory egress; do
        check "the doctor looks at: $subject" says "\"check\":\"$subject\"" agentctl doctor --json
    done
    check "the state is agentd's alone" test "$(stat -c '%a %U' /var/lib/osmoda/agentd)" = "700 root"
    check "the sockets are the group's" test "$(stat -c '%a %U %G' /run/osmoda /run/osmoda/agentd.sock | tr '\n' ' ')" = "750 root osmoda 660 root osmoda "
    check "an operator's account is an operator" runuser -u olga -- agentctl call shell_exec --json '{"command": "echo hi | sh"}'
    check "the agents' account is an agent" refused approval_required runuser -u osmoda-agent -- agentctl call shell_exec --json '{"command": "echo hi | sh"}'
    check "a stranger is nobody" refused "may not open" runuser -u nobody -- agentctl health

    keyd_is_shut_in

    # Within the unit's limits, commands do what a server's administrator does.
    check "a command may ask systemd" agentctl call shell_exec --json '{"command": "systemctl restart systemd-journald && systemctl is-active systemd-journald"}'
    check "and write to the system" says ',"exit_code":0' agentctl call shell_exec --json '{"command": "touch /etc/x /usr/x && rm /etc/x /usr/x"}'
    check "and be another account" says uid=65534 agentctl call shell_exec --json '{"command": "runuser -u nobody -- id"}'
    check "and see every process" says /systemd agentctl call shell_exec --json '{"command": "readlink /proc/1/exe"}'
    check "and add accounts" says ',"exit_code":0' agentctl call shell_exec --json '{"command": "useradd kurt && userdel kurt"}'
    check "not mount" says "permission denied" agentctl call shell_exec --json '{"command": "mount -t tmpfs x /mnt"}'
    check "nor make namespaces" says "Operation not permitted" agentctl call shell_exec --json '{"command": "unshare -m true"}'
    check "the way out is a unit of its own" says mounted agentctl call shell_exec --json '{"command": "systemd-run --quiet --pipe --wait unshare -m sh -c \"mount -t tmpfs x /mnt && echo mounted\""}'
    in_terminal() { printf 'unset HISTFILE; tty; exit\n' | timeout 30 agentctl terminal; }
    check "an operator has a terminal" says /dev/pts/ in_terminal

    check "installing it again, from a pipe, changes nothing" piped --archive "$archive"
    check "and agentd is up" agentd_is active
    check "no file of the installer is left" test -z "$(find / -xdev -name '*.osmoda-new' -o -xdev -path '/tmp/osmoda-install*')"
    kill -KILL "$(systemctl show --value --property MainPID osmoda-agentd)"
    back() { for _ in $(seq 100); do agentd_is active && agentctl status && return; sleep 0.1; done; return 1; }
    check "agentd comes back when it is killed" back
    check "and the ledger verifies" agentctl verify-ledger
    cp "$work/before" /root/machine-before
    events >/root/events
}

versions() {
    check "after a power cut agentd is up" agentd_is active
    check "the ledger verifies" agentctl verify-ledger
    check "and nothing of it is lost" test "$(events)" -ge "$(cat /root/events)"
    check "what the agent's last session wrote is there" says before-the-cut agentctl events --type shell_exec. --json
    check "the doctor finds nothing to mend" agentctl doctor
    systemctl disable --now osmoda-keyd.socket osmoda-keyd.service
    check "another version takes its place" bash "$STAGE/99.1/install.sh" --container --upgrade
    check "it is that version" version_is 99.1
    check "what an operator has disabled stays so" says disabled systemctl is-enabled osmoda-keyd.service
    check "and is not started" says inactive systemctl is-active osmoda-keyd.socket osmoda-keyd.service
    systemctl enable --quiet --now osmoda-keyd.socket osmoda-keyd.service
    check "with a folder that it makes" test -d /var/lib/osmoda/newer
    count=$(events)
    check "a version that does not start is refused" refused "returning to the version before" bash "$STAGE/99.2/install.sh" --container --upgrade
    check "the one before is back" version_is 99.1
    check "and up" agentctl status
    check "with its ledger" test "$(events)" -ge "$count"
    check "nor is one that starts and is not well" refused "it is not well" env OSMODA_MOST_WAIT=5 bash "$STAGE/99.3/install.sh" --container --upgrade
    check "the one before is back again" version_is 99.1
    check "and well" agentctl status
    check "--rollback returns to the version before" installer --rollback
    check "which is the first" version_is "$version"
    check "whose files alone are there" test ! -e /usr/lib/tmpfiles.d/osmoda-newer.conf
    check "and it is up" agentctl status
    check "it is uninstalled" installer --uninstall
    check "its programs are gone" test ! -e /usr/bin/agentctl -a ! -e /usr/lib/osmoda
    check "its state is kept" test -s /var/lib/osmoda/agentd/ledger.db
    check "it is installed anew" release
    check "with the ledger it had" test "$(events)" -ge "$count"
    check "it is uninstalled again" installer --uninstall
    check "and what was kept is taken away too" installer --uninstall --purge
    # What the agent wrote was asked for.
    rm -f /srv/note /srv/asked
    mv /root/machine-before "$work/before" && rm /root/events
    check "nothing of it is left" same_machine "$work/before"
    check "no account either" not grep -q osmoda /etc/passwd /etc/group
    check "and no process" not pgrep osmoda
    check "uninstalling nothing is refused" refused "not installed" installer --uninstall
}

package() {
    machine >"$work/before"
    check "the Debian package is installed" dpkg --install "$STAGE"/release/osmoda_"$version"_*.deb
    check "agentd is up" agentctl status
    check "the doctor finds nothing to mend" agentctl doctor
    check "the installer leaves it to apt" refused "as a Debian package" release
    check "it is installed over itself" dpkg --install "$STAGE"/release/osmoda_"$version"_*.deb
    check "agentd is up again" agentctl status
    systemctl disable --quiet osmoda-keyd.service
    check "a newer one takes its place" dpkg --install "$STAGE"/release/newer.deb
    check "agentd is up in it" agentctl status
    check "a unit that only the newer one has is up" systemctl --quiet is-active osmoda-newer.service
    check "and starts with the machine" systemctl --quiet is-enabled osmoda-newer.service
    check "one that the operator disabled does not" not systemctl --quiet is-enabled osmoda-keyd.service
    check "it is removed" dpkg --remove osmoda
    check "its state is kept" test -s /var/lib/osmoda/agentd/ledger.db
    check "it is purged" dpkg --purge osmoda
    check "nothing of it is left" same_machine "$work/before"
}

case $2 in
install) install_it ;;
versions) versions ;;
package) package ;;
esac
rm -rf -- "$work"
((FAILED == 0))
