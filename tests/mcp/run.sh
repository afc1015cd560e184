#!/usr/bin/env bash
# Real MCP clients against a real suite, over stdio: the Python SDK in both its lines, the Inspector, a smoke tester over
# every tool, and Claude Code's own list of servers.
#   tests/mcp/run.sh [AGENTCTL]
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
agentctl_from "${1:-}"
HERE=$OSMODA_ROOT/tests/mcp
export PYTHONDONTWRITEBYTECODE=1

# shellcheck source=../../scripts/peers.sh
source "$OSMODA_ROOT/scripts/peers.sh"
peer mcp-v1
mcp_v1=$PEER
peer mcp-v2
mcp_v2=$PEER
peer amagi
amagi=$PEER
peer node
node=$PEER
peer inspector
inspector=$PEER
peer claude
claude=$PEER
scratch TMP
SUITE=$TMP/s
# Several clients in one minute are one agent; the limit itself has its own test.
export OSMODA_AGENTD_SHELL__PER_MINUTE=600
start_suite "$SUITE"

run_checks "python mcp 1.x" 300 "$mcp_v1" "$HERE/python_v1.py" "$AGENTCTL" "$SUITE" "$TMP/v1"
run_checks "python mcp 2.x" 600 "$mcp_v2" "$HERE/python_v2.py" "$AGENTCTL" "$SUITE" "$TMP/v2"

# One description of the server for the clients that read such files.
printf '{"mcpServers": {"osmoda": {"command": "%s", "args": ["--dir", "%s", "mcp"]}}}\n' "$AGENTCTL" "$SUITE" >"$TMP/mcp.json"
run_checks Inspector 300 "$mcp_v1" "$HERE/inspector.py" "$node" "$inspector" "$TMP/mcp.json" "$TMP/inspector"
run_checks amagi 300 "$mcp_v1" "$HERE/amagi.py" "$amagi" "$AGENTCTL" "$SUITE" "$TMP/mcp.json" "$TMP/amagi"
run_checks "Claude Code" 120 "$mcp_v1" "$HERE/claude_code.py" "$claude" "$AGENTCTL" "$SUITE" "$TMP/claude"

check "the ledger verifies after all of it" "$AGENTCTL" --dir "$SUITE" verify-ledger
check "the suite ends when it is told to" stop_suite "$SUITE"
nothing_left() { ! suite_processes "$SUITE"; }
check "no process of it is left" nothing_left
conclude
