#!/usr/bin/env bash
# Boots a real systemd in namespaces of its own, runs a command in it as root, prints what it prints, powers off.
#   scripts/booted.sh [--keep DIR] [--cut] [--pid-file FILE] [--] COMMAND [ARGUMENT...]
#     --keep DIR        changes are kept in this folder: the next boot with it is a reboot
#     --cut             ends as by a power cut, without a power-off
#     --pid-file FILE   where the pid is put by which others enter: nsenter -t PID -a COMMAND
# Inside: the build folder read-only at /opt/osmoda-test, this tree read-only at /opt/osmoda-tree, an own network with a
# loopback alone, and a fresh copy of a small Debian whose changes are forgotten. The status is the command's.
# It needs root, and the first time Debian's packages; the small Debian stays in the cache.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly PACKAGES=systemd,systemd-sysv,dbus,udev,iproute2,procps,bubblewrap,nftables
readonly BOOT_SECONDS=60 STOP_SECONDS=20
# What a machine of its own may do and a guest of this kernel may not: devices, modules, the clock.
readonly FORGONE=--bounding-set=-mknod,-sys_module,-sys_rawio,-sys_time,-syslog,-mac_admin,-mac_override

# The host's own release, so that what was built here runs there.
release() {
    local id codename
    id=$(sed -n 's/^ID=//p' /etc/os-release)
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    if [[ $id == debian && -n $codename ]]; then echo "$codename"; else echo bookworm; fi
}

# make_root FOLDER RELEASE: the small Debian that every boot starts from.
make_root() {
    local root=$1
    if [[ -e $root ]]; then return 0; fi
    say "making a small Debian for booting (once; it stays in $OSMODA_CACHE)"
    need debootstrap
    rm -rf -- "$root.new"
    mkdir -p -- "$root.new"
    if ! limit 900 debootstrap --variant=minbase --include="$PACKAGES" "$2" "$root.new" >"$root.log" 2>&1 </dev/null; then
        tail -n 15 "$root.log" >&2
        die "debootstrap failed: is Debian's package registry reachable from here? The whole story: $root.log"
    fi
    rm -rf -- "$root.new"/var/cache/apt/archives/*.deb
    # The host's name servers and identity have no business there; systemd makes an identity for each boot.
    rm -f -- "$root.new/etc/resolv.conf" "$root.new/var/lib/dbus/machine-id"
    : >"$root.new/etc/machine-id"
    echo osmoda-test >"$root.new/etc/hostname"
    mv -- "$root.new" "$root"
}

# hold RUN BASE BUILD: in the first namespace, whose mounts go away with it whatever happens to this script. Gives the
# booted systemd a control group of its own, so that it never touches the host's.
hold() {
    local run=$1 group own
    mkdir "$run/root" "$run/build" "$run/tree" "$run/cgroup"
    mount --bind "$2" "$run/root" && mount -o remount,bind,ro "$run/root"
    mount --bind "$3" "$run/build"
    mount --bind "$OSMODA_ROOT" "$run/tree"
    mount -t cgroup2 cgroup2 "$run/cgroup" || die "control groups (version 2) can't be mounted here"
    own=$(sed -n 's/^0:://p' /proc/self/cgroup)
    group=$run/cgroup${own%/}/osmoda-booted.$$
    mkdir "$group" || die "no control group can be made under ${own}"
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        exec setpriv --pdeathsig KILL unshare --pid --fork --kill-child --uts --ipc --net --cgroup --mount --propagation private "$0" --boot "$run"
    ) || true # Its power-off is a signal's end; a machine that never came up is found by whoever waits for its systemd.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep 0.2
    done
}

# boot RUN: in the second namespaces, becomes the booted machine's process 1.
boot() {
    local run=$1 root=$1/merged device
    mkdir "$run/changes" "$root"
    if [[ -n $keep ]]; then mount --bind "$keep" "$run/changes"; else mount -t tmpfs -o mode=755,size=2g changes "$run/changes"; fi
    mkdir -p "$run/changes/upper" "$run/changes/work"
    mount -t overlay -o "lowerdir=$run/root,upperdir=$run/changes/upper,workdir=$run/changes/work" overlay "$root"
    cd "$root"
    mkdir -p opt/osmoda-test opt/osmoda-tree .old
    mount --bind "$run/build" opt/osmoda-test && mount -o remount,bind,ro opt/osmoda-test
    mount --bind "$run/tree" opt/osmoda-tree && mount -o remount,bind,ro opt/osmoda-tree
    mount -t proc -o nosuid,nodev,noexec proc proc
    # The kernel is the host's: its settings can be read there, and nothing of it changed.
    for device in sys sysrq-trigger irq bus; do
        [[ -e proc/$device ]] || continue
        mount --bind "proc/$device" "proc/$device" && mount -o remount,bind,ro,nosuid,nodev,noexec "proc/$device"
    done
    mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
    mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
    mount -t tmpfs -o nosuid,nodev,mode=755,size=256m run run
    mount -t tmpfs -o nosuid,nodev,mode=1777,size=1g tmp tmp
    mount -t tmpfs -o nosuid,mode=755,size=16m dev dev
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
    mount -t tmpfs -o nosuid,nodev,mode=1777,size=256m shm dev/shm
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    # Own nodes, so that nothing done to them is done to the host's.
    mknod -m 666 dev/null c 1 3
    mknod -m 666 dev/zero c 1 5
    mknod -m 666 dev/full c 1 7
    mknod -m 666 dev/random c 1 8
    mknod -m 666 dev/urandom c 1 9
    mknod -m 666 dev/tty c 5 0
    ip link set lo up 2>/dev/null || chroot . ip link set lo up
    pivot_root . .old
    umount -l /.old
    exec setpriv "$FORGONE" env -i container=osmoda-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --log-target=journal --show-status=0 </dev/null >/dev/null 2>&1
}

inside() {
    nsenter -t "$init" -a setpriv "$FORGONE" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        TERM="${TERM:-dumb}" SYSTEMD_PAGER='' "$@"
}

# Ends the booted machine: by its own power-off, and if it does not go, by its process. Whom a signal no longer finds is gone,
# which is what is wanted; that is all that is passed over here.
stop() {
    trap '' INT TERM
    if [[ -n ${init:-} && -n $cut ]]; then
        kill -KILL "$init" 2>/dev/null || true
    elif [[ -n ${init:-} ]] && kill -0 "$init" 2>/dev/null; then
        inside timeout 10 systemctl poweroff --no-block >/dev/null 2>&1 || true
        for ((i = 0; i < STOP_SECONDS * 10; i++)); do
            kill -0 "$init" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$init" 2>/dev/null || true
    fi
    if [[ -n ${holder:-} ]]; then
        # It still has its control group to remove.
        for ((i = 0; i < 50; i++)); do
            kill -0 "$holder" 2>/dev/null || break
            sleep 0.1
        done
        kill -TERM "$holder" 2>/dev/null || true
        wait "$holder" 2>/dev/null || true
    fi
}

# The booted machine's process 1: the only grandchild of the holder, once unshare has forked it.
find_init() {
    local child
    child=$(cat "/proc/$holder/task/$holder/children" 2>/dev/null) || return 1
    child=${child%% *}
    [[ -n $child ]] || return 1
    init=$(cat "/proc/$child/task/$child/children" 2>/dev/null) || return 1
    init=${init%% *}
    [[ -n $init && $(cat "/proc/$init/comm" 2>/dev/null) == systemd ]]
}

keep=${OSMODA_BOOT_KEEP:-} cut='' pid_file=''
while [[ ${1:-} == --keep || ${1:-} == --cut || ${1:-} == --pid-file ]]; do
    case $1 in
    --keep) mkdir -p -- "$2" && keep=$(realpath -- "$2") && shift ;;
    --cut) cut=yes ;;
    --pid-file) pid_file=$2 && shift ;;
    esac
    shift
done
export OSMODA_BOOT_KEEP=$keep
case ${1:-} in
--hold) hold "${@:2}" && exit ;;
--boot) boot "$2" ;;
-h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0" && exit ;;
--) shift ;;
esac
(($#)) || misuse "which command"
((EUID == 0)) || die "this needs root: sudo $0 $*"

base=$OSMODA_CACHE/booted/$(release)
mkdir -p -- "${base%/*}"
with_cache_lock make_root "$base" "$(release)"
scratch run
init='' holder=''
build=$(build_folder)
mkdir -p -- "$build"
setsid setpriv --pdeathsig KILL unshare --mount --propagation private "$(realpath "$0")" --hold "$run" "$base" "$build" </dev/null >"$run/log" 2>&1 &
holder=$!
at_exit stop
for ((i = 0; i < BOOT_SECONDS * 10; i++)); do
    kill -0 "$holder" 2>/dev/null || die "nothing could be booted here: $(tail -n 5 "$run/log")"
    find_init && break
    sleep 0.1
done
[[ -n $init ]] || die "systemd did not start within $BOOT_SECONDS s: $(tail -n 5 "$run/log")"
state=''
for ((i = 0; i < BOOT_SECONDS * 5; i++)); do
    # Its status is 1 in every state but `running`: what it prints decides, below.
    state=$(inside timeout 5 systemctl is-system-running 2>/dev/null) || true
    [[ $state == running || $state == degraded ]] && break
    sleep 0.2
done
case $state in
running) ;;
degraded) warn "booted, but not whole: $(inside systemctl list-units --failed --plain --no-legend)" ;;
*) die "systemd is not up within $BOOT_SECONDS s: ${state:-no answer}" ;;
esac
[[ -z $pid_file ]] || { echo "$init" >"$pid_file.new" && mv -- "$pid_file.new" "$pid_file"; }
status=0
# In a control group of the booted machine's, as a person's shell there would be.
# shellcheck disable=SC2016
inside sh -c 'mkdir -p /sys/fs/cgroup/command && echo $$ >/sys/fs/cgroup/command/cgroup.procs && exec "$@"' sh "$@" || status=$?
exit "$status"
