#!/usr/bin/env bash
# What the suite promises of its speed, measured: one row a promise, each against a peer in the same run.
#   scripts/bench.sh [--json] [NAME...]    these promises (hop append verify journal proof stream
#                                          backup mcp sign status tools), or all
# The status is 1 where a promise does not hold. `status` and `journal` boot a systemd of their own and need
# root; without root they are left out. Quiet the machine first: ratios bear company, times do not.
set -euo pipefail
# shellcheck source=peers.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
source "$OSMODA_ROOT/scripts/peers.sh"
cd -- "$OSMODA_ROOT"

names=() json=()
while (($#)); do
    case $1 in
    --json) json=(--json) ;;
    -h | --help)
        sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit
        ;;
    *) names+=("$1") ;;
    esac
    shift
done
if ((${#names[@]} == 0)); then
    names=(hop append verify proof stream backup mcp sign tools)
    if ((EUID == 0)); then names+=(status journal); else warn "not root: status and journal are left out"; fi
fi

need build
say "building what ships, with its symbols"
cargo build --locked --quiet --profile bench --workspace --bins --examples
if [[ " ${names[*]} " =~ " "(mcp|sign)" " ]]; then
    need npm
    peer node
    export BENCH_NODE=$PEER
    peer sdk
    export BENCH_SDK=$PEER
    peer viem
    export BENCH_VIEM=$PEER
fi
exec "$(build_folder)/release/xtask" bench "${json[@]}" "${names[@]}"
