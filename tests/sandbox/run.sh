#!/usr/bin/env bash
# A hostile program inside ring 2 and ring 1: about a hundred tries to get out, to see, to fill and to outlive. Nothing gets
# through, and the host stays well.
#   tests/sandbox/run.sh [--table FILE] [AGENTCTL]
#     --table FILE    the same tries also in bwrap alone and in npm's sandbox-runtime, all of it as a table of Markdown
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
# shellcheck source=../../scripts/peers.sh
source "$OSMODA_ROOT/scripts/peers.sh"
table=''
if [[ ${1:-} == --table ]]; then table=$(realpath -- "$2") && shift 2; fi
agentctl_from "${1:-}"
if ((EUID != 0)); then
    warn "tests/sandbox is SKIPPED: the account that sandboxes run as is taken by root (sudo $0)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
need python
need_apt bubblewrap iproute2 python3-minimal
# Where everybody may go: the attacks run as nobody. Not below /tmp, of which every sandbox has its own.
folder=''
TMPDIR=/var/tmp scratch folder
chmod 755 "$folder"
peers=()
if [[ -n $table ]]; then
    need_apt ripgrep socat
    peer node
    install -D -m 755 "$PEER" "$folder/peers/node"
    peer sandbox-runtime
    cp -r -- "${PEER%/node_modules/*}/node_modules" "$folder/peers/"
    chmod -R a+rX "$folder/peers"
    peers=(--bwrap --srt "$folder/peers/node" "$folder/peers/node_modules/@anthropic-ai/sandbox-runtime/dist/cli.js" --table "$table")
fi
mkdir "$folder/run"
run_checks sandbox 900 python3 -B "$OSMODA_ROOT/tests/sandbox/hostile.py" "$folder/run" "$AGENTCTL" "${peers[@]}"
conclude
