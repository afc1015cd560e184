#!/usr/bin/env bash
# How well recall finds what was meant, on real data that nobody here wrote, next to Tantivy and plain rank fusion.
#   scripts/memory-eval.sh [--quick] [NAME...]     cranfield, debian, chat, or all; prints the tables of docs/memory.md
# The first run computes every vector, which takes an hour or two on a small machine; they are kept in the cache. With
# --quick, debian has the descriptions of 2,000 packages and 500 of their questions, and chat 150 conversations.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=memory/model.sh
source "$OSMODA_ROOT/scripts/memory/model.sh"
cd -- "$OSMODA_ROOT"

texts=0 asked=2000 chats=1500 names=()
while (($#)); do
    case $1 in
    --quick) texts=2000 asked=500 chats=150 ;;
    cranfield | debian | chat) names+=("$1") ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
    *) misuse "there is no evaluation called $1" ;;
    esac
    shift
done
((${#names[@]})) || names=(cranfield debian chat)

need build python
work=$OSMODA_CACHE/memory-eval
mkdir -p -- "$work"
minilm
say "building the evaluation"
cargo build --locked --quiet --release --package osmoda-memory --example evaluate

# translations: sets TRANSLATIONS to Debian's English descriptions, fetched into lists of its own.
translations() {
    local lists=$work/apt list
    mkdir -p -- "$lists/lists/partial" "$lists/cache"
    local own=(-o "Dir::State::lists=$lists/lists" -o "Dir::Cache=$lists/cache" -o Acquire::Languages=en)
    limit 300 apt-get -q "${own[@]}" update >&2
    TRANSLATIONS=()
    for list in "$lists"/lists/*Translation-en*; do
        [[ $list == *.text ]] && continue
        /usr/lib/apt/apt-helper cat-file "$list" >"$list.text"
        TRANSLATIONS+=("$list.text")
    done
    ((${#TRANSLATIONS[@]})) || die "apt brought no English descriptions"
}

for name in "${names[@]}"; do
    data=$work/$name-data
    case $name in
    cranfield)
        collection=${OSMODA_CRANFIELD:-$OSMODA_ROOT/../shared/data/cranfield}
        if [[ ! -e $collection/cran.qry ]]; then
            warn "the Cranfield collection is not at $collection: cranfield is left out"
            continue
        fi
        python3 scripts/memory/prepare.py cranfield "$collection" "$data" >&2
        ;;
    debian)
        translations
        python3 scripts/memory/prepare.py debian "$data" "$texts" 2000 "${TRANSLATIONS[@]}" >&2
        sed -i "$((asked + 1)),\$d" "$data/queries.jsonl"
        ;;
    chat)
        wheel chitchat-dataset==0.9.0
        python3 scripts/memory/prepare.py chat "$WHEEL" "$data" "$chats" >&2
        ;;
    esac
    "$(build_folder)/release/examples/evaluate" "$work" "$MODEL" "$name" "$data"
done
