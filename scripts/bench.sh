#!/usr/bin/env bash
# What the suite promises of its speed, measured: one row a promise, each against a peer in the same run.
#   scripts/bench.sh [--json] [NAME...]    these promises (hop append verify journal proof stream
#                                          backup mcp memory sign status tools egress watch), or all
# The status is 1 where a promise does not hold. `status`, `journal` and `watch` boot a systemd of their own and
# `egress` unpacks Debian's proxies: they need root; without root they are left out. Quiet the machine first: ratios
# bear company, times do not.
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
        sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit
        ;;
    *) names+=("$1") ;;
    esac
    shift
done
if ((${#names[@]} == 0)); then
    names=(hop append verify proof stream backup mcp memory sign tools)
    if ((EUID == 0)); then names+=(status journal egress watch); else warn "not root: status, journal, egress and watch are left out"; fi
fi

# Memory's promises are about a crate that stands alone, with peers of its own.
status=0 others=()
for name in "${names[@]}"; do
    if [[ $name == memory ]]; then scripts/memory-bench.sh || status=1; else others+=("$name"); fi
done
names=("${others[@]}")
((${#names[@]})) || exit "$status"

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
if [[ " ${names[*]} " == *" egress "* ]]; then
    peer squid
    export BENCH_SQUID=$PEER
    peer tinyproxy
    export BENCH_TINYPROXY=$PEER
fi
if [[ " ${names[*]} " == *" watch "* ]]; then need monit; fi
"$(build_folder)/release/xtask" bench "${json[@]}" "${names[@]}" || status=1
exit "$status"
