#!/usr/bin/env bash
# The ledger for a third party: a second verifier, written in Python from the public texts alone, and agentctl agree on
# the chain, the tree, the checkpoints, the proofs and the tiles, and on every way of tampering with them.
#   tests/ledger/run.sh [AGENTCTL]
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
agentctl_from "${1:-}"
export PYTHONDONTWRITEBYTECODE=1
need python
scratch TMP
start_suite "$TMP/one"
run_checks "two verifiers" 300 python3 "$OSMODA_ROOT/tests/ledger/agree.py" "$AGENTCTL" "$TMP/one" "$TMP/ledger"
check "the suite ends when it is told to" stop_suite "$TMP/one"
conclude
