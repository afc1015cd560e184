#!/usr/bin/env bash
# The suite on a machine of its own, in QEMU: a real kernel with all of control groups version 2, a power cut in the middle
# of work (the process killed, the disk kept) and a reboot. Slow, so it runs only when it is asked for: scripts/test.sh --vm
#   tests/vm/machine.sh [AGENTCTL]
# KVM is used where it works; otherwise the machine is emulated.
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
agentctl_from "${1:-}"
((EUID == 0)) || die "making a machine's disk needs root: sudo $0 $*"
readonly BOOT_SECONDS=600 PROBE_SECONDS=20 ACKNOWLEDGED=25
case $(uname -m) in
x86_64) kernel_package=linux-image-cloud-amd64 qemu=qemu-system-x86_64 ;;
*) die "there is no machine for $(uname -m) here yet" ;;
esac
have "$qemu" || need_apt qemu-system-x86
have mke2fs || need_apt e2fsprogs
# The small Debian that scripts/booted.sh makes; it is made by a first boot.
codename=$("$OSMODA_ROOT/scripts/booted.sh" -- sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
small=$OSMODA_CACHE/booted/$codename
base=$OSMODA_CACHE/vm/$codename

# make_base: the same with a kernel.
make_base() {
    if [[ -e $base/vmlinuz ]]; then return 0; fi
    say "giving the small Debian a kernel (once; it stays in $OSMODA_CACHE)"
    rm -rf -- "$base.new"
    mkdir -p -- "$base.new"
    cp -a -- "$small" "$base.new/root"
    cp -L -- /etc/resolv.conf "$base.new/root/etc/resolv.conf"
    # In namespaces of its own, whose mounts go away with them.
    # shellcheck disable=SC2016
    limit 1200 unshare --mount --propagation private --pid --fork --kill-child sh -ec '
        mount -t proc proc "$1/proc"
        DEBIAN_FRONTEND=noninteractive chroot "$1" apt-get -q update
        DEBIAN_FRONTEND=noninteractive chroot "$1" apt-get -q install -y --no-install-recommends "$2" initramfs-tools
    ' sh "$base.new/root" "$kernel_package" >"$base.new/log" 2>&1 </dev/null || {
        tail -n 10 "$base.new/log" >&2
        die "the kernel could not be installed"
    }
    rm -rf -- "$base.new"/root/var/cache/apt/archives/*.deb "$base.new"/root/var/lib/apt/lists/* "$base.new/root/etc/resolv.conf"
    cp -L -- "$base.new"/root/boot/initrd.img-* "$base.new/initrd"
    cp -L -- "$base.new"/root/boot/vmlinuz-* "$base.new/vmlinuz"
    rm -rf -- "$base"
    mv -- "$base.new" "$base"
}
with_cache_lock make_base

work=''
scratch work
mkdir "$work/programs"
for program in "${AGENTCTL%/*}"/agentctl "${AGENTCTL%/*}"/osmoda-*; do
    [[ -x $program && ! -d $program && $program != *.d ]] || continue
    strip -o "$work/programs/${program##*/}" "$program"
done
say "making its disk"
cp -a --reflink=auto -- "$base/root" "$work/root"
OSMODA_PROGRAMS=$work/programs limit 120 "$OSMODA_ROOT/scripts/release.sh" --tree "$work/root/opt/osmoda" 2>"$work/log" || die "$(tail -n 3 "$work/log")"
install -m 755 "$OSMODA_ROOT/tests/vm/inside.sh" "$work/root/opt/inside.sh"
cat >"$work/root/etc/systemd/system/stage.service" <<'END'
[Unit]
After=multi-user.target osmoda.target
[Service]
Type=oneshot
ExecStart=/opt/inside.sh
StandardOutput=file:/dev/ttyS1
StandardError=journal+console
TimeoutStartSec=infinity
[Install]
WantedBy=multi-user.target
END
sed -i 's/^After=multi-user.target /After=/' "$work/root/etc/systemd/system/stage.service"
mkdir -p "$work/root/etc/systemd/system/multi-user.target.wants"
ln -s ../stage.service "$work/root/etc/systemd/system/multi-user.target.wants/stage.service"
echo '/dev/vda / ext4 defaults 0 1' >"$work/root/etc/fstab"
limit 300 mke2fs -q -t ext4 -d "$work/root" "$work/disk" 3G >"$work/log" 2>&1 || die "$(tail -n 3 "$work/log")"
rm -rf -- "$work/root"

# machine STAGE ACCELERATOR: starts it; its second serial line is $work/told. directsync: what the guest has flushed is on the disk.
machine() {
    local accelerator=$2 cpu=max
    [[ $accelerator != kvm ]] || cpu=host
    : >"$work/told"
    setpriv --pdeathsig KILL "$qemu" -accel "$accelerator" -cpu "$cpu" -m 1024 -smp 2 -display none -monitor none -no-reboot -nic none \
        -serial "file:$work/console" -serial "file:$work/told" -kernel "$base/vmlinuz" -initrd "$base/initrd" \
        -append "console=ttyS0 root=/dev/vda rw quiet osmoda.stage=$1" -drive "file=$work/disk,format=raw,if=virtio,cache=directsync" \
        </dev/null >"$work/qemu" 2>&1 &
    running=$!
}
running=''
# shellcheck disable=SC2016
at_exit '[[ -z $running ]] || kill -KILL "$running" 2>/dev/null'
# until SECONDS COMMAND...: false where the machine ends first.
until_so() {
    local deadline=$((SECONDS + $1))
    until "${@:2}"; do
        ((SECONDS < deadline)) && kill -0 "$running" 2>/dev/null || return 1
        sleep 0.5
    done
}
until_so_ended() {
    local deadline=$((SECONDS + $1))
    while kill -0 "$running" 2>/dev/null; do
        ((SECONDS < deadline)) || return 1
        sleep 0.5
    done
}
accelerator() {
    if [[ -w /dev/kvm ]]; then
        machine probe kvm
        # A guest that hangs under a half-working KVM says nothing.
        if until_so "$PROBE_SECONDS" grep -q ALIVE "$work/told"; then found=kvm; fi
        kill -KILL "$running" 2>/dev/null || true
        wait "$running" 2>/dev/null || true
    fi
    echo "${found:-tcg,thread=multi}" >"$work/accelerator"
}
accelerator
with=$(<"$work/accelerator")
say "running it by ${with%%,*}"

# report: the checks that the machine told.
report() {
    local good bad
    grep -aE '^(ok |FAIL)' "$work/told" | tr -d '\r' || true
    good=$(grep -ac '^ok ' "$work/told" || true) bad=$(grep -ac '^FAIL' "$work/told" || true)
    PASSED=$((PASSED + good)) FAILED=$((FAILED + bad))
}
acknowledged() { grep -a '^ACKNOWLEDGED' "$work/told" | tail -n 1 | tr -cd '0-9' || true; }
enough() { (($(acknowledged | grep . || echo 0) >= ACKNOWLEDGED)); }

machine install "$with"
check "vm: it is installed and works until the power is cut" until_so "$BOOT_SECONDS" enough
kill -KILL "$running" 2>/dev/null || true
wait "$running" 2>/dev/null || true
report
last=$(acknowledged | grep . || echo 0)
say "cut after act $last"

for stage in "cut.$last" "reboot.$last"; do
    machine "$stage" "$with"
    check "vm: it boots and ends by itself ($stage)" until_so_ended "$BOOT_SECONDS"
    kill -KILL "$running" 2>/dev/null || true
    wait "$running" 2>/dev/null || true
    report
    check "vm: every check of $stage was made" grep -aq '^DONE' "$work/told"
done
running=''
((FAILED == 0)) || tail -n 20 "$work/console" >&2
conclude
