#!/usr/bin/env bash
# A suite in a folder, through agentctl alone: approvals from the question to the use, the ledger, a backup, the limits, the end.
#   tests/e2e/run.sh [AGENTCTL]
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
agentctl_from "${1:-}"
HERE=$OSMODA_ROOT/tests/e2e
export PYTHONDONTWRITEBYTECODE=1
need python zstd
scratch TMP
# ctl FOLDER ARGUMENT...
ctl() { limit 60 "$AGENTCTL" --dir "$TMP/$1" "${@:2}"; }
# agent FOLDER TOOL JSON: prints the code that an agent's call is refused with, or "fine".
agent() {
    local answer
    if answer=$(ctl "$1" call "$2" --as agent --json "$3"); then echo fine; else json 'it["code"]' <<<"$answer"; fi
}

# Many acts in one minute are wanted here; the limit itself is tested below.
OSMODA_AGENTD_SHELL__PER_MINUTE=600 start_suite "$TMP/one"
run_checks approvals 300 python3 "$HERE/approvals.py" "$AGENTCTL" "$TMP/one" "$TMP/approvals"
run_checks ledger 120 python3 "$HERE/ledger.py" "$AGENTCTL" "$TMP/one" "$TMP/ledger"
run_checks backup 120 python3 "$HERE/backup.py" "$AGENTCTL" "$TMP/one" "$TMP/backup"

OSMODA_AGENTD_APPROVALS__TTL_SECS=2 OSMODA_AGENTD_SHELL__PER_MINUTE=5 start_suite "$TMP/two"
run_checks "too late" 60 python3 "$HERE/approvals.py" "$AGENTCTL" "$TMP/two" "$TMP/late" --too-late
too_often() {
    local codes='' number
    for ((number = 0; number < 8; number++)); do codes+=$(agent two shell_exec '{"command": "true"}')' '; done
    echo "$codes"
    [[ $codes == *rate_limited* && $codes != *fine*rate_limited*fine* ]]
}
check "an agent that runs commands too often is told so" too_often
check "an operator is not held up by it" ctl two call shell_exec --json '{"command": "true"}'

status_is() {
    local expected=$1 status=0
    shift
    "$@" || status=$?
    echo "it ended with status $status"
    ((status == expected))
}
check "status is fine while the suite is up" ctl one status
check "a wrong command line is a usage error" status_is 2 ctl one call
check "the suite ends when it is told to" stop_suite "$TMP/one"
check "nobody is reachable then" status_is 3 ctl one status
check "a call finds nobody" status_is 3 ctl one call system_health
check "the other suite still runs" ctl two status
check "it ends too" stop_suite "$TMP/two"
nothing_left() { ! suite_processes "$TMP"; }
check "no process of either is left" nothing_left
conclude
