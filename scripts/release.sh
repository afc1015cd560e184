#!/usr/bin/env bash
# Builds what ships for this machine's architecture: an archive with its checksum and a Debian package.
#   scripts/release.sh [--out DIR] [--tree DIR]
#     --out DIR    where they are put; dist/ in the build folder by default
#     --tree DIR   only lays the tree out that both are made of, in this empty folder
# OSMODA_PROGRAMS names a folder of programs that are built already; DEBFULLNAME and DEBEMAIL are the package's maintainer, as
# for Debian's own tools. The same sources make the same archive; build on the
# oldest system that it is to run on, for programs need the C library they were built with, or a newer one.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd -- "$OSMODA_ROOT"

out='' tree=''
while (($#)); do
    case $1 in
    --out | --tree)
        [[ -n ${2:-} ]] || die "$1 needs a folder"
        if [[ $1 == --out ]]; then out=$2; else tree=$2; fi
        shift
        ;;
    -h | --help)
        sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit
        ;;
    *) die "unknown argument $1; see --help" ;;
    esac
    shift
done

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
arch=$(uname -m)
daemons=()
for unit in nix/units/osmoda-*.service; do daemons+=("$(basename "$unit" .service)"); done
# Those of them that answer for themselves; the others are a daemon's hands.
answering=()
for unit in "${daemons[@]}"; do
    if grep -q '^Type=notify$' "nix/units/$unit.service"; then answering+=("$unit"); fi
done
# Two runs of the same sources make the same files.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -c safe.directory='*' log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

# build: sets programs to the folder that they are in.
build() {
    programs=${OSMODA_PROGRAMS:-}
    [[ -z $programs ]] || return 0
    local packages=(--package osmoda-agentctl) daemon
    for daemon in "${daemons[@]}"; do packages+=(--package "$daemon"); done
    need build
    say "building ${daemons[*]} and agentctl"
    cargo build --locked --profile dist --bins "${packages[@]}"
    static_init dist "$(build_folder)/dist"
    programs=$(build_folder)/dist
}

# lay_out TREE: install.sh, VERSION, ARCH, and root/ as it is to be on a machine.
lay_out() {
    local root=$1/root file
    mkdir -p "$root"/usr/lib/systemd/system
    install -D -m 755 -t "$root/usr/bin" "$programs/agentctl"
    for daemon in "${daemons[@]}" osmoda-sandbox-init; do install -D -m 755 -t "$root/usr/lib/osmoda" "$programs/$daemon"; done
    printf '{"daemons":[%s]}\n' "$(printf '"%s"\n' "${answering[@]#osmoda-}" | paste -sd,)" >"$root/usr/lib/osmoda/suite.json"
    find nix/units -maxdepth 1 -type f ! -name '*.md' -exec install -m 644 -t "$root/usr/lib/systemd/system" {} +
    install -D -m 644 -t "$root/usr/lib/sysusers.d" nix/units/sysusers.d/*
    install -D -m 644 -t "$root/usr/lib/tmpfiles.d" nix/units/tmpfiles.d/*
    install -D -m 644 LICENSE "$root/usr/share/doc/osmoda/copyright"
    install -D -m 644 -t "$root/usr/share/doc/osmoda" README.md SECURITY.md CHANGELOG.md
    mkdir -p "$root/usr/share/man/man1"
    "$programs/agentctl" man-pages "$root/usr/share/man/man1" 2>/dev/null
    # One for `help` of each command says nothing that its own does not.
    rm -f -- "$root"/usr/share/man/man1/agentctl-help-*.1
    gzip -9 -n "$root"/usr/share/man/man1/*.1
    for shell in bash:bash-completion/completions/agentctl zsh:zsh/vendor-completions/_agentctl fish:fish/vendor_completions.d/agentctl.fish; do
        file=$root/usr/share/${shell#*:}
        mkdir -p "${file%/*}"
        "$programs/agentctl" completions "${shell%%:*}" >"$file"
    done
    install -m 755 scripts/install.sh "$1/install.sh"
    printf '%s\n' "$version" >"$1/VERSION"
    printf '%s\n' "$arch" >"$1/ARCH"
}

# newest_libc PROGRAM...: the newest version of the C library that they name.
newest_libc() { objdump -T "$@" | sed -n 's/.*GLIBC_\([0-9.]*\)).*/\1/p' | sort -uV | tail -n 1; }

# package TREE DEB: the Debian package of the same files.
package() {
    local stage=$1.deb libc
    cp -a "$1/root" "$stage"
    mkdir "$stage/DEBIAN"
    libc=$(newest_libc "$stage"/usr/bin/agentctl "$stage"/usr/lib/osmoda/osmoda-*)
    cat >"$stage/DEBIAN/control" <<END
Package: osmoda
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: ${DEBFULLNAME:-osmoda} <${DEBEMAIL:-root@localhost}>
Section: admin
Priority: optional
Depends: libc6 (>= ${libc:-2.35}), systemd (>= 249)
Recommends: bubblewrap
Installed-Size: $(du -sk --apparent-size "$stage/usr" | cut -f1)
Description: the on-machine half of an AI-native operating system
 Daemons that give an agent a whole server through typed tools, keep every act in
 a ledger that verifies, and leave the last word to the operator.
END
    cat >"$stage/DEBIAN/preinst" <<'END'
#!/bin/sh
set -e
[ "$1" = upgrade ] || exit 0
# Which units the version before had: those of the new one that it had not are enabled.
mkdir -p /run/osmoda-upgrade
(cd /usr/lib/systemd/system && ls osmoda*) >/run/osmoda-upgrade/units 2>/dev/null || true
END
    cat >"$stage/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
cd /usr/lib/systemd/system
systemd-sysusers osmoda.conf $(cd /usr/lib/sysusers.d && ls osmoda-*.conf 2>/dev/null || true)
systemd-tmpfiles --create osmoda.conf $(cd /usr/lib/tmpfiles.d && ls osmoda-*.conf 2>/dev/null || true)
# What an operator disabled stays so.
before=/run/osmoda-upgrade/units
for unit in osmoda.target osmoda-*.service $(ls osmoda-*.socket osmoda-*.timer 2>/dev/null || true); do
    if [ -z "$2" ] || { [ -e $before ] && ! grep -qxF "$unit" $before; }; then systemctl enable --quiet "$unit"; fi
done
rm -rf /run/osmoda-upgrade
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    if [ -n "$2" ]; then systemctl try-restart osmoda-*.service; fi
    # What was stopped stays so; what is new starts with what is up.
    if [ -z "$2" ] || systemctl --quiet is-active osmoda.target; then systemctl start osmoda.target; fi
fi
END
    cat >"$stage/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
[ "$1" = remove ] || exit 0
cd /usr/lib/systemd/system
now=''
[ ! -d /run/systemd/system ] || now=--now
systemctl disable --quiet $now osmoda.target osmoda-*.service $(ls osmoda-*.socket osmoda-*.timer 2>/dev/null || true)
# For a purge, which comes when these files are gone.
mkdir -p /var/lib/osmoda
awk '$1 ~ /^[ug]/ { print $2 }' /usr/lib/sysusers.d/osmoda.conf /usr/lib/sysusers.d/osmoda-*.conf 2>/dev/null | sort -u >/var/lib/osmoda/accounts-kept || true
END
    cat >"$stage/DEBIAN/postrm" <<'END'
#!/bin/sh
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload
[ "$1" = purge ] || exit 0
for account in $(cat /var/lib/osmoda/accounts-kept 2>/dev/null); do
    ! getent passwd "$account" >/dev/null || userdel "$account"
    ! getent group "$account" >/dev/null || groupdel "$account"
done
rm -rf /var/lib/osmoda /var/lib/osmoda-agent /etc/osmoda /run/osmoda
END
    chmod 755 "$stage"/DEBIAN/{preinst,postinst,prerm,postrm}
    dpkg-deb --root-owner-group "-Z${OSMODA_DEB_COMPRESSION:-xz}" --build "$stage" "$2" >/dev/null
}

build
if [[ -n $tree ]]; then
    mkdir -p -- "$tree"
    lay_out "$tree"
    exit 0
fi
out=${out:-$(build_folder)/dist/release}
mkdir -p -- "$out"
work=''
scratch work
name=osmoda-$version-$arch
lay_out "$work/$name"
say "packing $out/$name.tar.gz"
tar --create --gzip --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=go-w \
    --directory "$work" --file "$out/$name.tar.gz" "$name"
(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
if have dpkg-deb && have objdump; then
    say "packing $out/osmoda_${version}_$(dpkg --print-architecture).deb"
    package "$work/$name" "$out/osmoda_${version}_$(dpkg --print-architecture).deb"
else
    warn "without dpkg-deb and objdump there is no Debian package"
fi
ls -l -- "$out" >&2
