#!/usr/bin/env bash
# keyd's signatures, byte for byte against ethers, viem, eth-account and solders, and executed by real chains (anvil,
# LiteSVM), over a real suite.
#   tests/keyd/run.sh [AGENTCTL]
# OSMODA_CASES sets how many random cases of each of the six kinds of transaction and typed data are tried.
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
agentctl_from "${1:-}"
HERE=$OSMODA_ROOT/tests/keyd
export PYTHONDONTWRITEBYTECODE=1

# shellcheck source=../../scripts/peers.sh
source "$OSMODA_ROOT/scripts/peers.sh"
peer signers
signers=$PEER
peer node
node=$PEER
peer ethers
export ETHERS=$PEER
peer viem
export VIEM=$PEER
peer solana-messages
export SOLANA_MESSAGES=$PEER
peer anvil
anvil=$PEER
peer solc
export SOLC=$PEER
scratch TMP

# suite NAME SCRIPT: a suite under the policy that the script prints; sets SUITE.
suite() {
    SUITE=$TMP/$1
    (umask 077 && mkdir -p -- "$SUITE/state/keyd")
    "$signers" "$HERE/$2" --policy >"$SUITE/state/keyd/policy.toml"
    chmod 0644 "$SUITE/state/keyd/policy.toml"
    start_suite "$SUITE"
}

suite c chains.py
token=$(limit 60 "$node" "$HERE/compile.mjs" <"$HERE/Token.sol")
run_checks chains 120 "$signers" "$HERE/chains.py" "$SUITE/run/keyd.sock" "$SUITE/run/keyd-clef.sock" "$anvil" "$token"
check "the suite of the chains ends" stop_suite "$SUITE"
suite s signatures.py

run_checks signatures 900 "$signers" "$HERE/signatures.py" "$SUITE/run/keyd.sock" "$node" "$HERE/reference.mjs" "${OSMODA_CASES:-1667}"

# Every thread of the running process, after all these signatures.
is_filtered() {
    local pid status
    read -r pid <"$SUITE/run/keyd.pid"
    for status in /proc/"$pid"/task/*/status; do
        grep -q '^Seccomp:[[:space:]]*2' "$status" || return 1
    done
}
check "every thread is under the filter" is_filtered
conclude
