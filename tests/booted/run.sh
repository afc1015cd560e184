#!/usr/bin/env bash
# agentd under a real systemd, as root, with real accounts: readiness, watchdog, socket activation, roles, and every
# disguise of a command that would end the machine, which there is one that can be lost.
#   tests/booted/run.sh [AGENTCTL]
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
agentctl_from "${1:-}"
if ((EUID != 0)); then
    warn "booting a systemd needs root: tests/booted is left out"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
build=$(build_folder)
[[ $AGENTCTL == "$(realpath -- "$build")"/* ]] || die "$AGENTCTL is not in the build folder $build, which is all that the booted machine sees"
inside=/opt/osmoda-test/${AGENTCTL#"$(realpath -- "$build")"/}
run_checks booted 300 "$OSMODA_ROOT/scripts/booted.sh" -- bash /opt/osmoda-tree/tests/booted/inside.sh "${inside%/*}"
conclude
