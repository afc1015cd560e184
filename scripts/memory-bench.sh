#!/usr/bin/env bash
# The speed of memory beside Tantivy and sqlite-vec, in the same run: a row a promise.
#   scripts/memory-bench.sh [--growth]     --growth: also from 1,000 to 1,000,000 memories, plotted in docs/memory-growth.svg
# The status is 1 where a promise does not hold. Quiet the machine first.
set -euo pipefail
# shellcheck source=peers.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
source "$OSMODA_ROOT/scripts/peers.sh"
# shellcheck source=memory/model.sh
source "$OSMODA_ROOT/scripts/memory/model.sh"
cd -- "$OSMODA_ROOT"
counts=(100000)
case ${1:-} in
-h | --help) sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
--growth) counts=(1000 10000 100000 1000000) ;;
'') ;;
*) misuse "there is no option $1" ;;
esac

need build python
say "building what ships, with its symbols"
cargo build --locked --quiet --profile bench --package osmoda-memory --example bench
bench=$(build_folder)/release/examples/bench
peer sqlite-vec
minilm
scratch TMP
python3 scripts/memory/static_model.py "$MODEL" "$TMP/static"
# Beside what was built: a temporary folder may lie in memory, where durability costs nothing.
on_disk=$(mktemp -d "$(build_folder)/memory.XXXXXX")
at_exit "rm -rf -- '$on_disk'"
data=$OSMODA_CACHE/memory-eval/debian-data
if [[ ! -e $data/docs.jsonl ]]; then
    warn "scripts/memory-eval.sh debian has not run yet: made-up texts take its place"
    data=$TMP/words
    python3 scripts/memory/made_up.py "$data"
fi
{
    "$bench" text "$data"
    "$bench" store "$on_disk/store"
    "$bench" vectors "$TMP/vectors"
    "$PEER" scripts/memory/sqlite_vec_peer.py "$TMP/vectors" 50000 100 384
    for count in "${counts[@]}"; do
        "$bench" recall "$on_disk/recall-$count" "$TMP/static" "$MODEL" "$count"
        rm -rf -- "$on_disk/recall-$count"
    done
} | tee "$TMP/rows" >&2
if ((${#counts[@]} > 1)); then python3 scripts/memory/plot.py docs/memory-growth.svg <"$TMP/rows"; fi
python3 scripts/memory/table.py <"$TMP/rows"
