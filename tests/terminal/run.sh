#!/usr/bin/env bash
# Terminals: a WebSocket client of somebody else's, and `agentctl terminal` in a real terminal, each with a real shell.
#   tests/terminal/run.sh [AGENTCTL]
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
# shellcheck source=../../scripts/peers.sh
source "$OSMODA_ROOT/scripts/peers.sh"
agentctl_from "${1:-}"
export PYTHONDONTWRITEBYTECODE=1
peer websockets
scratch TMP
mkdir "$TMP/one"
printf '[agentd.terminal]\nshell = "/bin/sh"\n' >"$TMP/one/osmoda.toml"
start_suite "$TMP/one"
run_checks "terminals" 120 "$PEER" "$OSMODA_ROOT/tests/terminal/terminal.py" "$AGENTCTL" "$TMP/one"
check "the suite ends when it is told to" stop_suite "$TMP/one"
conclude
