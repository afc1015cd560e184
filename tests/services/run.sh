#!/usr/bin/env bash
# What only a machine that systemd runs can show: services, timers, the journal, the safety tools. In a booted namespace.
#   tests/services/run.sh [AGENTCTL]
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
agentctl_from "${1:-}"
if ((EUID != 0)); then
    warn "tests/services is SKIPPED: booting systemd in namespaces needs root (sudo $0)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
built=$(realpath -- "$(build_folder)")
[[ $AGENTCTL == "$built"/* ]] || die "the booted machine sees $built alone, and agentctl is $AGENTCTL: set CARGO_TARGET_DIR"
run_checks services 600 "$OSMODA_ROOT/scripts/booted.sh" -- bash /opt/osmoda-tree/tests/services/inside.sh "/opt/osmoda-test/${AGENTCTL#"$built"/}"
conclude
