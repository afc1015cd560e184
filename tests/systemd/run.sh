#!/usr/bin/env bash
# agentd under a real systemd, as root, with real accounts: readiness, watchdog, socket activation, roles, and every
# disguise of a command that would end the machine, which there is one that can be lost.
#   tests/systemd/run.sh [AGENTCTL]
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
agentctl_from "${1:-}"
left_out() {
    warn "$1: tests/systemd is left out"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
((EUID == 0)) || left_out "booting a systemd needs root"
unshare --mount --pid --fork --uts --ipc --net --cgroup true 2>/dev/null || left_out "this root may not make namespaces"
build=$(build_folder)
[[ $AGENTCTL == "$(realpath -- "$build")"/* ]] || die "$AGENTCTL is not in the build folder $build, which is all that the booted machine sees"
inside=/opt/osmoda-test/${AGENTCTL#"$(realpath -- "$build")"/}
run_checks systemd 300 "$OSMODA_ROOT/scripts/booted.sh" -- bash /opt/osmoda-tree/tests/systemd/inside.sh "${inside%/*}"
conclude
