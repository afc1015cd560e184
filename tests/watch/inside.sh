#!/usr/bin/env bash
# Runs in the booted machine: one line a check. The second run is after a power cut within probation.
#   inside.sh first|second PROGRAMS
set -uo pipefail
RUN=$1 BIN=$2
export NO_COLOR=1
PATH=$BIN:$PATH
PROFILE=/nix/var/nix/profiles/demo
failed=0

check() {
    local name=$1 output
    if output=$("${@:2}" 2>&1 </dev/null); then
        echo "ok    $RUN: $name"
    else
        echo "FAIL  $RUN: $name: $(tail -n 4 <<<"$output" | tr '\n' ' ')"
        failed=1
    fi
}
# until_ok SECONDS COMMAND...: within these seconds, however slow the machine is.
until_ok() {
    local until=$((SECONDS + $1))
    while ((SECONDS <= until)); do
        "${@:2}" >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    "${@:2}"
}
not() { ! "$@"; }
says() {
    local words=$1 output
    output=$("${@:2}" 2>&1) || true
    printf '%s\n' "$output"
    [[ $output == *"$words"* ]]
}
unit() { printf '%s\n' "${@:2}" >"/etc/systemd/system/$1"; }
# What is in force: the profile's generation, and what the unit runs.
leads() { basename "$(readlink -f "$PROFILE")" | sed 's/^[^-]*-//'; }
runs() { systemctl show -P Environment demo.service | sed -n 's/.*GENERATION=\([a-z]*\).*/\1/p'; }
is() { [[ "$(leads) $(runs) $(systemctl is-active demo.service)" == "$1 $1 active" ]] || { echo "it is $(leads) $(runs) $(systemctl is-active demo.service)" && return 1; }; }
state() { agentctl switch status "$1" --json | grep -o '"state":"[a-z_]*"' | sed -n '1s/.*:"\(.*\)"/\1/p'; }
# Why a session was not begun is what its `begin` said.
state_is() { [[ $(state "$1") == "$2" ]] || { agentctl switch status "$1"; cat /root/begin.errors; return 1; }; }
first_id() { grep -o '"id":"sw_[A-Z0-9]*"' | sed -n '1s/.*:"\(.*\)"/\1/p'; }
# begin WORDS...: prints the new session's id.
begin() { agentctl switch begin "$@" --json 2>/root/begin.errors | first_id; }
to() { begin "to $1" --profile "$PROFILE" --store-path "${store[$1]}" --check unit:demo --grace 0 "${@:2}"; }
ledger_says() { agentctl events --json --type "$1" 2>/dev/null | grep -q "$2"; }
alarms() { systemctl list-units --all --plain --no-legend 'osmoda-switch-*' | wc -l; }
quiet() { [[ $(alarms) == 0 ]] || { systemctl list-units --all --plain --no-legend 'osmoda-switch-*' && return 1; }; }

# A generation whose switch changes a unit, and restarts it.
generation() {
    local folder=/root/generations/$1
    mkdir -p "$folder/bin"
    cat >"$folder/bin/switch-to-configuration" <<END
#!/bin/sh
set -e
mkdir -p /run/systemd/system
cat >/run/systemd/system/demo.service <<UNIT
[Service]
Environment=GENERATION=$1
ExecStart=${2:-/bin/sleep infinity}
UNIT
systemctl daemon-reload
systemctl restart demo.service
END
    chmod 755 "$folder/bin/switch-to-configuration"
    nix-store --add "$folder"
}

install_suite() {
    mkdir -p /usr/lib/osmoda /etc/osmoda
    ln -sf "$BIN/osmoda-agentd" "$BIN/osmoda-watch" /usr/lib/osmoda/
    cp /opt/osmoda-tree/nix/units/osmoda-{agentd,watch}.service /opt/osmoda-tree/nix/units/osmoda.target /etc/systemd/system/
    for group in osmoda osmoda-operator osmoda-agent osmoda-daemon; do groupadd --system "$group"; done
    printf '[watch]\ncheck_interval_secs = 1\nrollback_tries = 3\n' >/etc/osmoda/osmoda.toml
    # As a boot of NixOS does: the profile's generation is put in force.
    unit demo-boot.service '[Unit]' Before=osmoda-watch.service '[Service]' Type=oneshot RemainAfterExit=yes \
        "ExecStart=$PROFILE/bin/switch-to-configuration boot" '[Install]' WantedBy=multi-user.target
    mkdir -p /etc/nix
    printf 'build-users-group =\nsandbox = false\nsubstitute = false\nexperimental-features = nix-command flakes\n' >/etc/nix/nix.conf
    systemctl daemon-reload
    systemctl enable --quiet osmoda.target osmoda-agentd osmoda-watch demo-boot 2>/dev/null
}

if [[ $RUN == first ]]; then
    install_suite
    declare -A store
    for name in blue green red; do store[$name]=$(generation "$name"); done
    store[dead]=$(generation dead /bin/false)
    mkdir -p /nix/var/nix/profiles
    nix-env -p "$PROFILE" --set "${store[blue]}" || exit 1
    systemctl start demo-boot osmoda.target osmoda-agentd osmoda-watch
    check "the unit comes up within its limits" until_ok 20 agentctl switch list
    check "blue is in force" is blue

    session=$(to green --ttl 600)
    check "green is put in force and watched" state_is "$session" probation
    check "what is in force is green" is green
    check "systemd will undo it if nobody else does" says "osmoda-switch-$session-probation.timer" systemctl list-timers --all
    check "nix knows the generation" says 2 nix-env -p "$PROFILE" --list-generations
    check "it is kept" agentctl switch commit "$session"
    check "then green stays" is green
    check "and nobody undoes it any more" until_ok 10 quiet

    session=$(to red --ttl 600)
    check "red is in force" is red
    check "it goes back when it is asked to" agentctl switch rollback "$session"
    check "then green is in force again" is green

    session=$(to red --ttl 600 --failures 1)
    systemctl kill --signal=KILL demo.service
    check "what dies within probation is undone" until_ok 20 state_is "$session" rolled_back
    check "then the unit runs as green again" is green
    check "red is not tried again by itself" says switch_quarantined agentctl switch begin again --profile "$PROFILE" --store-path "${store[red]}"
    check "unless a person allows it" agentctl switch release "${store[red]}"
    # A unit whose program ends at once: started, and failed a moment later.
    session=$(to dead --ttl 600 --failures 1)
    check "what never comes up is undone" until_ok 20 state_is "$session" rolled_back
    check "then green is in force" is green

    session=$(to red --ttl 2)
    check "what is green to the end is kept by itself" until_ok 20 state_is "$session" committed
    check "then red is in force" is red

    # Nobody is left but systemd: the daemon is killed well before the deadline, and is not started again.
    mkdir -p /run/systemd/system/osmoda-watch.service.d
    printf '[Service]\nRestart=no\n' >/run/systemd/system/osmoda-watch.service.d/gone.conf
    systemctl daemon-reload
    session=$(to green --ttl 8 --failures 1)
    check "a change waits for its deadline" state_is "$session" probation
    systemctl kill --kill-whom=main --signal=KILL osmoda-watch.service
    check "the daemon is gone" until_ok 10 not systemctl is-active osmoda-watch
    check "without the daemon green stays for now" is green
    check "and at the deadline systemd goes back" until_ok 40 is red
    rm /run/systemd/system/osmoda-watch.service.d/gone.conf
    systemctl daemon-reload
    systemctl reset-failed osmoda-watch.service
    systemctl start osmoda-watch
    check "the session says so" until_ok 20 state_is "$session" rolled_back
    check "and the ledger tells why" until_ok 20 ledger_says safe_switch.rolled_back 'deadline passed'
    check "nothing of it is left" until_ok 20 quiet

    agentctl switch release "${store[green]}" >/dev/null
    # The daemon dies while a program of the switch runs in a unit of its own.
    slow=$(cp -r /root/generations/green /root/generations/slow && sed -i 's/^set -e/set -e; sleep 2/; s/GENERATION=green/GENERATION=slow/' /root/generations/slow/bin/switch-to-configuration && nix-store --add /root/generations/slow)
    agentctl switch begin slowly --profile "$PROFILE" --store-path "$slow" --check unit:demo --ttl 600 >/dev/null 2>&1 &
    check "the switch runs in a unit of its own" until_ok 10 says apply.service systemctl list-units --all 'osmoda-switch-*'
    systemctl kill --kill-whom=main --signal=KILL osmoda-watch.service
    check "the daemon comes again and takes the switch up" until_ok 30 says '"state":"probation"' agentctl switch list --json -n 1
    check "then it is in force" is slow
    session=$(agentctl switch list --json -n 1 | first_id)
    check "and goes back like any other" agentctl switch rollback "$session"
    check "red again" is red

    # A flake with a system, built by the real Nix.
    mkdir -p /etc/nixos
    cat >/etc/nixos/flake.nix <<'END'
{
  outputs = { self }: {
    nixosConfigurations.test.config.system.build.toplevel = derivation {
      name = "system-1";
      system = "x86_64-linux";
      builder = "/bin/sh";
      args = [ "-c" "PATH=/bin:/usr/bin; mkdir -p $out/bin; printf '#!/bin/sh\necho two >/run/system\n' >$out/bin/switch-to-configuration; chmod 755 $out/bin/switch-to-configuration" ];
    };
  };
}
END
    sed -i "s/x86_64-linux/$(uname -m)-linux/" /etc/nixos/flake.nix
    mkdir -p /root/generations/system/bin
    printf '#!/bin/sh\necho one >/run/system\n' >/root/generations/system/bin/switch-to-configuration
    chmod 755 /root/generations/system/bin/switch-to-configuration
    nix-env -p /nix/var/nix/profiles/system --set "$(nix-store --add /root/generations/system)"
    session=$(begin "a system of a flake" --flake path:/etc/nixos#test --ttl 600)
    check "a system is built from a flake and put in force" state_is "$session" probation
    check "its own program put it in force" grep -q two /run/system
    check "safety status knows the generation" says '"generation":2' agentctl safety status --json
    check "it goes back" agentctl switch rollback "$session"
    check "by the program before" grep -q one /run/system

    # A configuration, with a channel that holds as much of nixpkgs as its build asks for.
    channel=/nix/var/nix/profiles/per-user/root/channels/nixpkgs
    mkdir -p "$channel/nixos"
    echo '{ configuration ? <nixos-config> }: { config = import configuration; }' >"$channel/nixos/default.nix"
    sed -n '/derivation {/,/};/p' /etc/nixos/flake.nix | sed -e '1s/.*/{ system.build.toplevel = derivation {/' -e '$s/$/ }/' -e 's/two/three/' -e 's/system-1/system-2/' >/etc/nixos/configuration.nix
    session=$(begin "a system of a configuration" --configuration /etc/nixos/configuration.nix --ttl 600)
    check "a system is built from a configuration and put in force" state_is "$session" probation
    check "by its own program too" grep -q three /run/system
    check "and goes back too" agentctl switch rollback "$session"
    check "to the one before" grep -q one /run/system

    # Files with a unit that reads them.
    printf old >/etc/demo.conf
    # What follows the dollar is for the unit's shell.
    # shellcheck disable=SC2016
    unit reads.service '[Service]' 'ExecStart=/bin/sh -c "cat /etc/demo.conf >/run/read; grep -q bad /etc/demo.conf && exit 1; exec sleep infinity"'
    systemctl daemon-reload && systemctl start reads
    printf new >/root/new.conf && printf bad >/root/bad.conf
    session=$(begin "new settings" --file /etc/demo.conf=/root/new.conf --restart reads --check unit:reads --ttl 600)
    check "a file is replaced and its unit restarted" until_ok 5 grep -q new /run/read
    check "both come back" agentctl switch rollback "$session"
    check "the unit reads the old file" until_ok 5 grep -q old /run/read
    session=$(begin "bad settings" --file /etc/demo.conf=/root/bad.conf --restart reads --check unit:reads --ttl 600 --grace 0)
    check "bad settings undo themselves" until_ok 30 grep -q old /run/read
    check "and the unit is up" until_ok 10 systemctl is-active reads

    # Watchers: events first.
    unit frail.service '[Service]' 'ExecStart=/bin/sleep infinity'
    systemctl daemon-reload && systemctl start frail
    pid_of() { systemctl show -P MainPID frail.service; }
    agentctl watcher add frail unit:frail --every 3600 --then 'restart x2 @5' --then notify >/dev/null
    check "a watcher sees that a unit runs" until_ok 10 says '"state":"ok"' agentctl watcher list --json
    before=$(pid_of)
    kill -KILL "$before"
    again() { [[ $(systemctl is-active frail) == active && $(pid_of) != "$before" ]]; }
    check "a unit that is killed is up again, long before the next look" until_ok 5 again
    check "its restart stands in the ledger" until_ok 10 ledger_says watcher.restart.outcome frail.service
    unit noisy.service '[Service]' Type=oneshot 'ExecStart=/bin/sh -c "echo \"<3>it is broken\""'
    systemctl daemon-reload
    agentctl watcher add noisy journal:noisy --every 1 --failures 1 >/dev/null
    check "a quiet journal is well" until_ok 10 says 'no new errors' agentctl watcher list --json
    systemctl start noisy
    check "new errors of a unit are seen" until_ok 10 says 'it is broken' agentctl watcher list --json
    check "and well again when none follow" until_ok 10 says 'no new errors' agentctl watcher list --json

    # What can't be undone is told.
    session=$(to green --ttl 600)
    printf '#!/bin/sh\nexit 9\n' >/root/broken && chmod 755 /root/broken
    mount --bind /root/broken "${store[red]}/bin/switch-to-configuration"
    check "a rollback that fails says so" says rollback_failed agentctl switch rollback "$session" --json
    check "safety status shows it" says "\"session\":\"$session\"" agentctl safety status --json
    umount "${store[red]}/bin/switch-to-configuration"
    check "it is made up for when it can" says '"state":"rolled_back"' agentctl switch rollback "$session" --json
    check "then safety status is quiet" not says failed_rollbacks agentctl safety status --json
    check "red is in force" is red

    # And now the power is cut.
    session=$(to green --ttl 600)
    stays=$(begin "a kernel" --profile /nix/var/nix/profiles/system --store-path "$(readlink -f "/nix/var/nix/profiles/system-2-link")" --ttl 600 --survives-reboot)
    echo "$session $stays ${store[red]}" >/root/sessions
    check "green is in force when the power goes" is green
    sync
else
    read -r session stays _ </root/sessions
    check "after the power cut the suite is up" until_ok 30 agentctl switch list
    check "what was in probation is undone" state_is "$session" rolled_back
    check "red is in force" until_ok 10 is red
    check "the ledger tells why" until_ok 20 ledger_says safe_switch.rolled_back 'started anew within probation'
    check "what said that it survives a reboot is watched on" state_is "$stays" probation
    check "and systemd has its timer again" until_ok 10 says "osmoda-switch-$stays-probation.timer" systemctl list-timers --all
    check "it can be kept" agentctl switch commit "$stays"
    check "watchers are still there" says '"name":"frail"' agentctl watcher list --json
fi
exit "$failed"
