#!/usr/bin/env bash
# What the suite promises of its speed, measured: one row a promise, each against a peer in the same run.
#   scripts/bench.sh [--json] [NAME...]    these promises (hop append verify journal proof stream
#                                          backup mcp memory sandbox sign status tools egress watch), or all
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
    names=(hop append verify proof stream backup mcp memory sandbox sign tools)
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
if [[ " ${names[*]} " == *" sandbox "* ]]; then
    static_init bench "$(build_folder)/release"
    need_apt bubblewrap ripgrep socat
    # Where everybody may go, since nobody runs it.
    peer node
    _folder_of_srt=''
    TMPDIR=/var/tmp scratch _folder_of_srt
    chmod 755 "$_folder_of_srt"
    install -m 755 "$PEER" "$_folder_of_srt/node"
    peer sandbox-runtime
    cp -r -- "${PEER%/node_modules/*}/node_modules" "$_folder_of_srt/"
    printf '{"network":{"allowedDomains":[],"deniedDomains":[]},"filesystem":{"denyRead":[],"allowWrite":["/tmp"],"denyWrite":[]}}\n' >"$_folder_of_srt/settings.json"
    # It looks through the folder that it starts in, for what it is to protect there: an empty one is the least work.
    mkdir "$_folder_of_srt/empty"
    printf '#!/bin/sh\ncd %s/empty && exec %s/node %s/node_modules/@anthropic-ai/sandbox-runtime/dist/cli.js --settings %s/settings.json "$@"\n' \
        "$_folder_of_srt" "$_folder_of_srt" "$_folder_of_srt" "$_folder_of_srt" >"$_folder_of_srt/srt"
    chmod -R a+rX "$_folder_of_srt" && chmod 755 "$_folder_of_srt/srt"
    export BENCH_SRT=$_folder_of_srt/srt
fi
if [[ " ${names[*]} " == *" egress "* ]]; then
    peer squid
    export BENCH_SQUID=$PEER
    peer tinyproxy
    export BENCH_TINYPROXY=$PEER
fi
if [[ " ${names[*]} " == *" watch "* ]]; then need monit; fi
# Not by exec: the scratch folder goes away with this script.
"$(build_folder)/release/xtask" bench "${json[@]}" "${names[@]}" || status=1
exit "$status"
