#!/usr/bin/env bash
# The installer on a booted Debian: what it refuses, what it installs, that a failure leaves nothing, the suite through a
# real MCP client as the agents' own account, a power cut, a reboot, versions forth and back, and that it goes without a
# trace. tests/install/run.sh [AGENTCTL]
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
agentctl_from "${1:-}"
if ((EUID != 0)); then
    warn "booting a systemd needs root: tests/install is left out"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
# shellcheck source=../../scripts/peers.sh
source "$OSMODA_ROOT/scripts/peers.sh"
peer mcp-v2
build=$(realpath -- "$(build_folder)")
[[ $AGENTCTL == "$build"/* ]] || die "$AGENTCTL is not in the build folder $build, which is all that the booted machine sees"
HERE=$OSMODA_ROOT/tests/install

# What is installed lies in the build folder, where the booted machine sees it. Stripped, for there are several.
stage=$build/install-test.$$
rm -rf -- "$stage"
mkdir -p -- "$stage/programs"
at_exit "rm -rf -- '$stage'"
for program in "${AGENTCTL%/*}"/agentctl "${AGENTCTL%/*}"/osmoda-*; do
    [[ -x $program && ! -d $program && $program != *.d ]] || continue
    strip -o "$stage/programs/${program##*/}" "$program"
done
export OSMODA_PROGRAMS=$stage/programs
OSMODA_DEB_COMPRESSION=none limit 300 "$OSMODA_ROOT/scripts/release.sh" --out "$stage/release" 2>"$stage/log" || {
    cat "$stage/log" >&2
    die "the release could not be made"
}
# Three newer versions, of which one can't start and one starts and does not answer.
for version in 99.1 99.2 99.3; do
    limit 60 "$OSMODA_ROOT/scripts/release.sh" --tree "$stage/$version" 2>>"$stage/log"
    echo "$version" >"$stage/$version/VERSION"
done
echo 'd /var/lib/osmoda/newer 0755 root root -' >"$stage/99.1/root/usr/lib/tmpfiles.d/osmoda-newer.conf"
printf '#!/bin/sh\necho broken on purpose >&2\nexit 1\n' >"$stage/99.2/root/usr/lib/osmoda/osmoda-agentd"
cat >"$stage/99.3/root/usr/lib/osmoda/osmoda-agentd" <<'END'
#!/usr/bin/perl
# Says that it is ready, and does nothing.
use Socket;
socket(my $notify, AF_UNIX, SOCK_DGRAM, 0) or die;
send($notify, "READY=1", 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET} =~ s/^@/\0/r)) or die;
sleep 1 while 1;
END
# A newer Debian package, which has a unit more.
mkdir "$stage/newer"
dpkg-deb --raw-extract "$stage"/release/*.deb "$stage/newer"
sed -i 's/^Version: .*/Version: 99.1/' "$stage/newer/DEBIAN/control"
cat >"$stage/newer/usr/lib/systemd/system/osmoda-newer.service" <<'END'
[Unit]
PartOf=osmoda.target
[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=osmoda.target
END
dpkg-deb --root-owner-group -Znone --build "$stage/newer" "$stage/release/newer.deb" >/dev/null
rm -r -- "$stage/newer"

work=''
scratch work
booted=("$OSMODA_ROOT/scripts/booted.sh" --keep "$work/disk")
inside=(bash /opt/osmoda-tree/tests/install/inside.sh "/opt/osmoda-test/${stage##*/}")

run_checks install 300 "${booted[@]}" -- "${inside[@]}" install

# The second boot finds it all back. It stays up for a client from outside, and ends by a power cut.
pid_file=$work/pid
"${booted[@]}" --cut --pid-file "$pid_file" -- sh -c 'until [ -e /run/test-is-over ]; do sleep 0.2; done' </dev/null >"$work/boot.log" 2>&1 &
boot=$!
at_exit "kill $boot 2>/dev/null; wait $boot 2>/dev/null"
for ((i = 0; i < 600; i++)); do
    [[ ! -s $pid_file ]] || break
    kill -0 "$boot" 2>/dev/null || die "the second boot failed: $(tail -n 3 "$work/boot.log")"
    sleep 0.1
done
pid=$(<"$pid_file")
export PYTHONDONTWRITEBYTECODE=1
run_checks "the agents' account" 300 "$PEER" "$HERE/agent.py" "$pid" || true
limit 20 nsenter -t "$pid" -a touch /run/test-is-over
wait "$boot" || true

run_checks versions 300 "${booted[@]}" -- "${inside[@]}" versions
run_checks package 300 "${booted[@]}" -- "${inside[@]}" package
conclude
