#!/usr/bin/env bash
# egress between a machine and a world of its own: two network namespaces with a wire between them. curl, pip and npm work
# through it, and the table of tricks does not.
#   tests/egress/run.sh [AGENTCTL]
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
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
export OSMODA_TEST_FOLDER=$TMP
run_checks egress 600 unshare --mount --net --pid --fork --kill-child --mount-proc bash "$OSMODA_ROOT/tests/egress/inside.sh"
conclude
