#!/usr/bin/env bash
# Memory as people and agents use it: agentctl, both roles, the real all-MiniLM-L6-v2, documents of every kind, kill -9.
#   tests/memory/run.sh [AGENTCTL]
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
# shellcheck source=../../scripts/memory/model.sh
source "$OSMODA_ROOT/scripts/memory/model.sh"
agentctl_from "${1:-}"
export PYTHONDONTWRITEBYTECODE=1
need python
scratch TMP
minilm
start_suite "$TMP/one"
run_checks "memory" 600 python3 "$OSMODA_ROOT/tests/memory/memory.py" "$AGENTCTL" "$TMP/one" "$MODEL" "$TMP"
check "the suite ends when it is told to" stop_suite "$TMP/one"
conclude
