#!/usr/bin/env bash
# Apps and sandboxes on a machine that systemd runs: deployed, limited, crashed, restarted, rebooted, removed. In a booted
# namespace, twice, so that the second boot is a reboot.
#   tests/apps/run.sh [AGENTCTL]
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
agentctl_from "${1:-}"
if ((EUID != 0)); then
    warn "tests/apps is SKIPPED: booting systemd in namespaces needs root (sudo $0)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
built=$(realpath -- "$(build_folder)")
[[ $AGENTCTL == "$built"/* ]] || die "the booted machine sees $built alone, and agentctl is $AGENTCTL: set CARGO_TARGET_DIR"
kept=''
scratch kept
for boot in first second; do
    run_checks "apps, $boot boot" 150 "$OSMODA_ROOT/scripts/booted.sh" --keep "$kept" -- \
        bash /opt/osmoda-tree/tests/apps/inside.sh "$boot" "/opt/osmoda-test/${AGENTCTL#"$built"/}"
done
conclude
