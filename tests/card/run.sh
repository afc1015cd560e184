#!/usr/bin/env bash
# The agent card before the A2A project's own SDK: its schema and its signature.
#   tests/card/run.sh [AGENTCTL]
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
# shellcheck source=../../scripts/peers.sh
source "$OSMODA_ROOT/scripts/peers.sh"
agentctl_from "${1:-}"
export PYTHONDONTWRITEBYTECODE=1
peer a2a
scratch TMP
mkdir "$TMP/plain" "$TMP/full"
cat >"$TMP/full/osmoda.toml" <<'END'
[agentd.card]
name = "Bücherei \"Nord\""
organization = "Example"
provider_url = "https://example.org"
url = "https://agent.example.org/mcp"
documentation_url = "https://example.org/docs"
image = "https://example.org/icon.png"
agent_registry = "eip155:1:0x8004A169FB4a3325136EB29fA0ceB6D2e539a432"
agent_id = 4294967295
supported_trust = ["reputation"]
END
for kind in plain full; do
    start_suite "$TMP/$kind"
    run_checks "$kind card" 60 "$PEER" "$OSMODA_ROOT/tests/card/card.py" "$AGENTCTL" "$TMP/$kind"
done
conclude
