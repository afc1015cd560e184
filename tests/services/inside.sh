#!/usr/bin/env bash
# Runs in the booted machine: prints one line a check. There is no Python here; answers are JSON on one line.
#   inside.sh AGENTCTL
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
AGENTCTL=$1
BIN=$(dirname -- "$AGENTCTL")

unit() { printf '%s\n' "${@:2}" >"/etc/systemd/system/$1"; }
# call TOOL JSON [PATTERN...]: the answer has every pattern (extended regular expressions).
call() {
    local answer pattern
    answer=$(limit 60 "$AGENTCTL" call "$1" --json "$2") || true
    for pattern in "${@:3}"; do
        grep -qE -- "$pattern" <<<"$answer" || {
            echo "no $pattern in $answer"
            return 1
        }
    done
}
is_state() { [[ $(systemctl is-active "$1") == "$2" ]]; }

unit osmoda-agentd.service '[Service]' Type=notify "ExecStart=$BIN/osmoda-agentd" Restart=always
# A stand-in for another daemon of the suite: what matters is that systemd runs it.
unit osmoda-voice.service '[Service]' 'ExecStart=/bin/sh -c "echo voice says hello; exec sleep infinity"'
unit osmoda-deaf.service '[Service]' 'ExecStart=/bin/sh -c "trap : TERM; while :; do sleep 1; done"' TimeoutStopSec=600
unit fails.service '[Service]' 'ExecStart=/bin/sh -c "echo it is broken >&2; exit 3"'
unit ticks.service '[Service]' Type=oneshot ExecStart=/bin/true
unit ticks.timer '[Timer]' OnCalendar=hourly AccuracySec=1
# The loop is for the unit's shell.
# shellcheck disable=SC2016
unit talks.service '[Service]' Type=oneshot 'ExecStart=/bin/sh -c "for n in 1 2 3 4 5 6 7 8 9; do echo line $n; done; echo \"<3>grave\""'
systemctl daemon-reload
systemctl start osmoda-agentd osmoda-voice talks ticks.timer
systemctl start fails || true
until_true 20 is_state fails.service failed || true
journalctl --sync

check "agentd answers under systemd" call system_health '{}' '"status":"ok"'
check "a service that runs is told" call service_status '{"unit":"osmoda-voice"}' \
    '"unit":"osmoda-voice.service"' '"load":"loaded"' '"active":"active"' '"sub":"running"' '"pid":[0-9]+' '"since":"20[0-9-]+T' 'voice says hello'
check "a service that failed says how" call service_status '{"unit":"fails.service"}' '"active":"failed"' '"result":"exit-code"' 'it is broken'
check "a unit that is none is unknown" call service_status '{"unit":"nowhere"}' '"code":"unit_unknown"'
check "a pattern is no unit" call service_status '{"unit":"*"}' '"code":"invalid_unit"'
check "another kind of unit is told" call service_status '{"unit":"ticks.timer"}' '"active":"active"' '"sub":"waiting"'
check "units are a table" call system_query '{"query":"units","args":{"filter":{"name":"fails.service"}}}' '"total":1' '"active":"failed"' '"sub":"failed"'
check "units can be sorted and limited" call system_query '{"query":"units","args":{"sort":"-name","limit":1,"filter":{"active":"active"}}}' '"rows":\[\{[^}]*\}\],"total":[0-9]{2,}'
check "timers are a table" call system_query '{"query":"timers","args":{"filter":{"name":"ticks"}}}' '"total":1' '"starts":"ticks.service"' '"next":"20[0-9-]+T[0-9]{2}:00:00Z"'
check "loaded services are counted" call system_discover '{}' '"total_systemd_services":[0-9]{2,}'

check "the journal's newest entries come oldest first" call journal_logs '{"unit":"talks","lines":5}' 'line 8.*line 9.*grave'
check "the journal is filtered by priority" call journal_logs '{"unit":"talks","priority":"err"}' '"entries":\[\{"identifier":"sh","message":"grave","pid":[0-9]+,"priority":"err","ts":"[^"]*","unit":"talks.service"\}\]'
check "nothing is newer than tomorrow" call journal_logs "{\"unit\":\"talks\",\"since\":\"$(date -u -d tomorrow +%F)\"}" '"entries":\[\]'
check "everything is newer than yesterday" call journal_logs "{\"unit\":\"talks\",\"since\":\"$(date -u -d yesterday +%F)\"}" 'line 1"'
check "an unknown cursor is refused or finds nothing" call journal_logs '{"unit":"talks","cursor":"s=nonsense"}' '"code":"(invalid_cursor|journal_failed)"'
pages() {
    local answer cursor seen=''
    answer=$("$AGENTCTL" call journal_logs --json "{\"unit\":\"talks\",\"lines\":500}")
    local whole
    whole=$(grep -o '"message":"[^"]*"' <<<"$answer")
    # The first entry alone, then two at a time behind it.
    cursor=$(journalctl -u talks.service -o json -n all --quiet | head -n 1 | sed 's/.*"__CURSOR":"\([^"]*\)".*/\1/; s/.*"__CURSOR" : "\([^"]*\)".*/\1/')
    seen=$(head -n 1 <<<"$whole")
    for ((n = 0; n < 30; n++)); do
        answer=$("$AGENTCTL" call journal_logs --json "{\"unit\":\"talks\",\"lines\":2,\"cursor\":\"$cursor\"}")
        [[ $answer == *'"next_cursor"'* ]] || break
        seen+=$'\n'$(grep -o '"message":"[^"]*"' <<<"$answer")
        cursor=${answer##*'"next_cursor":"'} cursor=${cursor%%'"'*}
        [[ $answer == *'"more":true'* ]] || break
    done
    [[ $seen == "$whole" ]] || {
        echo "whole: $whole seen: $seen"
        return 1
    }
}
check "pages behind a cursor are the whole, without gap or repetition" pages
no_children() { [[ -z $(pgrep -P "$(systemctl show -P MainPID osmoda-agentd)" || true) ]]; }
check "no reader of the journal is left" until_true 10 no_children

without_bus() {
    systemctl stop dbus.socket dbus.service && call service_status '{"unit":"fails"}' '"code":"systemd_unavailable"' && call system_health '{}' '"status":"ok"'
}
check "without the bus it says so, and the rest works" without_bus
systemctl start dbus.socket
check "the bus is met again" call service_status '{"unit":"fails"}' '"active":"failed"'

# The safety tools, with agentd and without it, while a daemon is deaf.
systemctl start osmoda-deaf
check "safety status tells the suite's units" call safety_status '{}' '"generation":null' '"name":"voice","pid":[0-9]+,"state":"active","unit":"osmoda-voice.service"' '"name":"agentd"'
check "a system without generations can't be rolled back" call safety_rollback '{}' '"code":"no_generation"'
agentds_pid() { systemctl show -P MainPID osmoda-agentd; }
before=$(agentds_pid)
check "a panic stops everything but agentd, also what is deaf" call safety_panic '{}' '"kept":\["agentd"\]' '"stopped":\["osmoda-deaf.service","voice"\]'
check "the daemons are stopped" is_state osmoda-voice inactive
deaf_is_gone() { ! systemctl is-active --quiet osmoda-deaf; }
check "the deaf one is gone" deaf_is_gone
same_agentd() { [[ $(agentds_pid) == "$before" ]]; }
check "agentd goes on" same_agentd
check "the panic is remembered" call safety_status '{}' '"panicked_at":"20'
check "an agent needs no approval to restart" limit 60 "$AGENTCTL" call safety_restart --as agent
check "what was stopped runs again" is_state osmoda-voice active
other_agentd() { is_state osmoda-agentd active && ! same_agentd; }
check "agentd itself is restarted last" until_true 20 other_agentd
check "it answers again" until_true 20 call system_health '{}' '"status":"ok"'
check "the acts are in the ledger" call event_log '{"type":"safety_panic."}' 'safety_panic.intent' 'safety_panic.outcome'
check "a restart that was cut off is none" call event_log '{"type":"safety_restart."}' '"ok":true'

kill -STOP "$(agentds_pid)"
alone() {
    local said
    if said=$(limit 60 "$AGENTCTL" safety "$1" --json 2>&1) && grep -q "$2" <<<"$said"; then
        grep -qE "the ledger could not be told|looked for itself" <<<"$said" && return
    fi
    echo "$said"
    return 1
}
check "with a hanging agentd agentctl looks for itself" alone status '"name":"voice"'
check "with a hanging agentd agentctl panics by itself" alone panic '"stopped":\[[^]]*"voice"'
check "the daemons are stopped then" is_state osmoda-voice inactive
check "with a hanging agentd agentctl restarts by itself" alone restart '"restarted":\[[^]]*"voice"[^]]*"agentd"\]'
check "then all of it runs again" is_state osmoda-voice active
check "agentd too" until_true 20 call system_health '{}' '"status":"ok"'
systemctl stop osmoda-agentd
check "without agentd agentctl panics by itself" alone panic '"voice"'
no_generation() { { "$AGENTCTL" safety rollback --json 2>&1 || true; } | grep -q '"code":"no_generation"'; }
check "without agentd agentctl says that there is no generation" no_generation
((FAILED == 0))
