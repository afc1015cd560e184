#!/usr/bin/env bash
# egress between a machine and a world of its own: two network namespaces with a wire between them. curl, pip and npm work
# through it, and the table of tricks does not.
#   tests/egress/run.sh [--table FILE] [AGENTCTL]
#     --table FILE    only the tricks of a hostile client, on squid and tinyproxy too, all of it as a table of Markdown
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
# shellcheck source=../../scripts/peers.sh
source "$OSMODA_ROOT/scripts/peers.sh"
table=''
if [[ ${1:-} == --table ]]; then table=$(realpath -- "$2") && shift 2; fi
agentctl_from "${1:-}"
left_out() {
    warn "tests/egress is SKIPPED: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
((EUID == 0)) || left_out "namespaces with addresses of their own need root (sudo $0)"
unshare --mount --net true 2>/dev/null || left_out "this root may not make namespaces"
need curl ip npm openssl python
export PYTHONDONTWRITEBYTECODE=1
scratch TMP
export OSMODA_TEST_FOLDER=$TMP OSMODA_TEST_TABLE=$table OSMODA_TEST_SQUID='' OSMODA_TEST_TINYPROXY=''
if [[ -n $table ]]; then
    peer squid
    OSMODA_TEST_SQUID=$PEER
    peer tinyproxy
    OSMODA_TEST_TINYPROXY=$PEER
fi
run_checks egress 600 unshare --mount --net --pid --fork --kill-child --mount-proc bash "$OSMODA_ROOT/tests/egress/inside.sh"
conclude
