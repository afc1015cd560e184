#!/usr/bin/env bash
# watch with what it must hold against: real servers and certificates, crashes at system calls, slow starters, and in a
# booted systemd real Nix profiles with a unit, timers and a reboot.
#   tests/watch/run.sh [AGENTCTL]
# OSMODA_CASES=all tries every system call and 1,000 slow starters; a sample is tried without.
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
agentctl_from "${1:-}"
HERE=$OSMODA_ROOT/tests/watch
BIN=$(dirname -- "$AGENTCTL")
export PYTHONDONTWRITEBYTECODE=1
if ((EUID != 0)); then
    warn "tests/watch is SKIPPED: tracing, accounts of checks and booting need root (sudo $0)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
crashes=4 slow=100 patience=600
if [[ ${OSMODA_CASES:-} == all ]]; then crashes=all slow=1000 patience=7200; fi
need python strace openssl
need_apt nix-bin

scratch TMP
SUITE=$TMP/s
limit 60 "$AGENTCTL" --dir "$SUITE" up --only agentd --detach </dev/null >"$TMP/up.log" 2>&1 || die "agentd did not come up: $(cat "$TMP/up.log")"
at_exit "end_suite '$SUITE' >/dev/null 2>&1"
agentd=$SUITE/run/agentd.sock
run_checks looks 120 python3 "$HERE/looks.py" "$BIN" "$agentd"
run_checks slow "$patience" python3 "$HERE/slow.py" "$BIN" "$agentd" "$slow"
run_checks crashes "$patience" python3 "$HERE/crashes.py" "$BIN" "$agentd" "$crashes"

# What Nix needs, as a layer over the small Debian of the booted machine.
keep=$TMP/keep
layer=$keep/upper
mkdir -p "$layer"
base=$OSMODA_CACHE/booted/$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
with_libraries() {
    local file=$1
    echo "$file"
    ldd "$file" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p'
}
for program in nix nix-env nix-store nix-build; do with_libraries "$(command -v "$program")"; done | sort -u | while read -r file; do
    # /lib is a link there, and stays one.
    [[ -e $base$file ]] || install -D -m 755 "$(realpath -- "$file")" "$layer/usr${file#/usr}"
done
mkdir -p "$layer/usr/libexec/nix"
ln -s ../../bin/nix "$layer/usr/libexec/nix/build-remote"
built=$(realpath -- "$(build_folder)")
[[ $AGENTCTL == "$built"/* ]] || die "the booted machine sees $built alone, and agentctl is $AGENTCTL: set CARGO_TARGET_DIR"
inside=/opt/osmoda-tree/tests/watch/inside.sh
boot() { run_checks "$1" 300 "$OSMODA_ROOT/scripts/booted.sh" --keep "$keep" "${@:3}" -- bash "$inside" "$2" "/opt/osmoda-test/${BIN#"$built"/}"; }
boot booted first --cut
boot rebooted second
conclude
