#!/usr/bin/env bash
# Installs osmoda on Debian 12 and newer and Ubuntu 22.04 and newer, changes it to another version, or takes it away.
#   sudo scripts/install.sh                            from this checkout, or from the unpacked archive it lies in
#   curl -fsSL URL/install.sh | sudo bash -s -- --archive URL/osmoda-VERSION-ARCH.tar.gz --sha256 HEX
# What to do (to install is the default, and repairs where it is installed):
#   --upgrade              only where it is installed; returns to the version before where the new one is not well
#   --rollback             back to the version before
#   --uninstall [--purge]  takes it away; with --purge also state, settings and accounts
#   --check                only says whether it could be installed
# What from, and for whom:
#   --archive FILE|URL     a release archive; its checksum is in --sha256 HEX or in FILE.sha256 beside it
#   --operator NAME        an account that has the last word (repeatable); root has it always
#   --agent NAME           an account that MCP clients run as, beside osmoda-agent (repeatable)
#   --container            go on in a container that systemd runs
# For a control plane (stored for the heartbeat, and told how the installation goes):
#   --order-id UUID  --callback-url URL  --heartbeat-secret-file FILE|-      (- is standard input)
# Flags of the original installer that this one takes and leaves unused say why when they are given:
#   --heartbeat-secret --api-key --provider --credential --default-model --runtime --branch --skip-nixos --snapshot
#   --skip-spec-kit --spec-kit-version --advanced-openclaw-native --ssh-key
# OSMODA_MOST_WAIT: seconds that the suite may take to get well; 60 by default.
# Exit codes: 0 done, 1 failed and nothing is left half done, 2 the command line is wrong.
set -euo pipefail
umask 022
export LC_ALL=C

readonly LIB=/usr/lib/osmoda STATE=/var/lib/osmoda LOCK=/run/osmoda-install.lock
readonly MOST_WAIT=${OSMODA_MOST_WAIT:-60} MEMORY_MIB=256 DISK_MIB=400 BUILD_MEMORY_MIB=1800 BUILD_DISK_MIB=6000

say() { printf '==> %s\n' "$*" | tee -a "$log" >&2; }
warn() { printf 'warning: %s\n' "$*" | tee -a "$log" >&2; }
die() {
    reason=$* said=yes
    printf 'error: %s\n' "$*" | tee -a "$log" >&2
    exit 1
}
usage() {
    said=yes
    printf 'error: %s; see --help\n' "$*" >&2
    exit 2
}
have() { command -v -- "$1" >/dev/null 2>&1; }

# ---- the control plane ----------------------------------------------------------------------------------------------

# json TEXT MOST: as a JSON string of so many characters.
json() {
    local text
    # A cut may have left half of a character.
    text=$(printf '%s' "${1:0:$2}" | tr '\n\t' '  ' | tr -d '\000-\037' | iconv -c -f UTF-8 -t UTF-8)
    text=${text//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}
# tell PATH BODY: never in the way of the installation. The secret goes over TLS or to this machine itself, never in an argument.
tell() {
    [[ -n $order_id && -n $callback_url ]] && have curl || return 0
    local -a header=(--header 'Content-Type: application/json')
    if [[ -n $secret && $callback_url =~ ^(https://|http://(127\.0\.0\.1|localhost|\[::1\])[:/]) ]]; then
        header+=(--header "@$work/header")
        (umask 077 && printf 'X-Heartbeat-Secret: %s\n' "$secret" >"$work/header")
    fi
    curl --silent --output /dev/null --max-time 10 --request POST "${header[@]}" --data-binary @- "${callback_url%/api/heartbeat}$1" <<<"$2" ||
        warn "the control plane could not be told (curl's status $?)"
}
# step NAME WORDS: what is done now, to the person and to the control plane.
step() {
    current=$1
    say "$2"
    tell /api/provision-progress "{\"order_id\":$(json "$order_id" 64),\"step\":$(json "$1" 64),\"status\":\"started\",\"detail\":$(json "$2" 256)}"
}
tell_failure() {
    tell /api/provision-progress "{\"order_id\":$(json "$order_id" 64),\"step\":$(json "$current" 64),\"status\":\"error\",\"detail\":$(json "$reason" 256)}"
    tell /api/provision-failed "{\"order_id\":$(json "$order_id" 64),\"step\":$(json "$current" 64),\"reason\":$(json "$reason" 512),\"log_tail\":$(json "$(tail -c 8000 "$log")" 8000)}"
}

# ---- the command line -----------------------------------------------------------------------------------------------

# read_secret FILE|-: one line of a private file or of standard input.
read_secret() {
    local file=$1
    if [[ $file == - ]]; then
        [[ -f ${BASH_SOURCE[0]:-} ]] || usage "standard input is this script: give the secret in a file"
        file=/dev/stdin
    fi
    [[ -r $file ]] || usage "$1 can't be read"
    IFS= read -r secret <"$file" || [[ -n $secret ]] || usage "$1 is empty"
}
unused() { unused+=("$1: $2"); }
parse() {
    local flag value
    while (($#)); do
        flag=$1 value=''
        case $flag in
        --*=*) value=${flag#*=} flag=${flag%%=*} && shift ;;
        --archive | --sha256 | --operator | --agent | --order-id | --callback-url | --heartbeat-secret | --heartbeat-secret-file | --api-key | \
            --api-key-file | --provider | --credential | --default-model | --runtime | --branch | --spec-kit-version | --ssh-key)
            (($# >= 2)) || usage "$flag needs a value"
            value=$2 && shift 2
            ;;
        *) shift ;;
        esac
        case $flag in
        --upgrade | --rollback | --uninstall | --check) [[ $what == install || $what == "${flag#--}" ]] || usage "$flag and --$what are two things" && what=${flag#--} ;;
        --purge) purge=yes ;;
        --container) container=yes ;;
        --archive) archive=$value ;;
        --sha256) checksum=${value,,} ;;
        --operator) operators+=("$value") ;;
        --agent) agents+=("$value") ;;
        --order-id) order_id=$value ;;
        --callback-url) callback_url=$value ;;
        --heartbeat-secret) secret=$value && warn "a secret in an argument is seen by every process: prefer --heartbeat-secret-file" ;;
        --heartbeat-secret-file) read_secret "$value" ;;
        --api-key | --api-key-file | --provider | --credential | --default-model) unused "$flag" "this version runs no model; your MCP client has its own key" ;;
        --runtime | --advanced-openclaw-native) unused "$flag" "this version runs no agent of its own; connect one with: agentctl mcp" ;;
        --branch) unused "$flag" "this installs the checkout it lies in, or an archive: check the branch out first" ;;
        --skip-nixos | --snapshot) unused "$flag" "the system is never turned into another, so there is nothing to skip or to keep" ;;
        --skip-spec-kit | --spec-kit-version) unused "$flag" "spec-kit is no part of this version" ;;
        --ssh-key) unused "$flag" "keys for ssh are the cloud's and yours" ;;
        -h | --help) help && exit 0 ;;
        *) usage "unknown argument $flag" ;;
        esac
    done
    [[ -z $purge || $what == uninstall ]] || usage "--purge belongs to --uninstall"
    [[ -z $callback_url || $callback_url =~ ^https?://[^[:space:]]+$ ]] || usage "--callback-url is no URL"
    [[ $order_id =~ ^[A-Za-z0-9-]{0,64}$ ]] || usage "--order-id is no id"
    [[ -z $order_id && -n $callback_url$secret ]] && warn "without --order-id the control plane's URL and secret are not stored"
    return 0
}
help() {
    if [[ -f ${BASH_SOURCE[0]:-} ]]; then sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; else echo "see the head of install.sh"; fi
}

# ---- checks ---------------------------------------------------------------------------------------------------------

nixos() {
    [[ -e /etc/NIXOS || $(sed -n 's/^ID=//p' /etc/os-release) == nixos ]]
}
preflight() {
    ((EUID == 0)) || die "this needs root: run it with sudo"
    local id version arch kind
    id=$(sed -n 's/^ID="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release)
    version=$(sed -n 's/^VERSION_ID="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release)
    case $id:$version in
    debian:1[2-9]* | debian:[2-9][0-9]* | debian:) ;;
    ubuntu:2[2-9].* | ubuntu:[3-9][0-9].*) ;;
    *) die "this is ${id:-unknown} ${version:-}; it installs on Debian 12 or newer and Ubuntu 22.04 or newer" ;;
    esac
    arch=$(uname -m)
    [[ $arch == x86_64 || $arch == aarch64 ]] || die "there is no osmoda for $arch; there is for x86_64 and aarch64"
    [[ -d /run/systemd/system ]] || die "systemd does not run this machine; a suite without it is started with: agentctl up"
    kind=$(systemd-detect-virt --container 2>/dev/null || true)
    [[ ${kind:-none} == none || -n $container ]] ||
        die "this is a container ($kind): its agents would see the container for the machine, and what limits them is its host's. Install on the host; or say --container"
    (($(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo) >= MEMORY_MIB)) || die "the machine has less than $MEMORY_MIB MiB of memory"
    local folder
    for folder in /usr /var; do room "$folder" $DISK_MIB; done
    if [[ $(dpkg-query -W -f '${db:Status-Status}' osmoda 2>/dev/null) == installed ]]; then
        die "osmoda is installed here as a Debian package: use apt-get install ./osmoda_VERSION_ARCH.deb, or apt-get purge osmoda first"
    fi
    local account
    for account in "${operators[@]}" "${agents[@]}"; do
        getent passwd "$account" >/dev/null || die "there is no account $account: make it first (useradd --create-home $account)"
    done
}
# room FOLDER MIB
room() { (($(df --output=avail -m "$1" | tail -n 1) >= $2)) || die "$1 has less than $2 MiB free"; }

# ---- what is installed ----------------------------------------------------------------------------------------------

# obtain: sets tree to a folder with VERSION, ARCH and root/, from the archive, the folder or the checkout this lies in.
obtain() {
    local here=''
    [[ -f ${BASH_SOURCE[0]:-} ]] && here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
    if [[ -n $archive ]]; then
        step dependencies "unpacking $archive"
        local file=$archive
        if [[ $archive =~ ^https?:// ]]; then
            [[ -n $checksum ]] || die "an archive from elsewhere needs its checksum: --sha256 HEX"
            have curl || need_apt curl ca-certificates
            file=$work/archive.tar.gz
            curl --fail --silent --show-error --location --proto '=https,http' --max-time 900 --output "$file" "$archive" 2>>"$log" || die "$archive could not be fetched"
        fi
        [[ -f $file ]] || die "there is no archive at $file"
        [[ -n $checksum || ! -f $file.sha256 ]] || checksum=$(cut -d' ' -f1 "$file.sha256")
        [[ $checksum =~ ^[0-9a-f]{64}$ ]] || die "the archive's checksum is wanted: --sha256 HEX, or $file.sha256 beside it"
        [[ $(sha256sum <"$file" | cut -d' ' -f1) == "$checksum" ]] || die "the archive is not what its checksum says: fetch it again"
        mkdir "$work/archive"
        tar --extract --gzip --no-same-owner --file "$file" --directory "$work/archive" --strip-components=1 2>>"$log" || die "the archive can't be unpacked"
        tree=$work/archive
    elif [[ -n $here && -d $here/root && -f $here/VERSION ]]; then
        tree=$here
    elif [[ -n $here && -f $here/../Cargo.toml ]]; then
        build "$(cd -- "$here/.." && pwd)"
    else
        die "there is nothing to install from: run it from a checkout, or give --archive with --sha256"
    fi
    [[ -f $tree/VERSION && -d $tree/root ]] || die "this is no release of osmoda: it has no VERSION"
    [[ $(<"$tree/ARCH") == "$(uname -m)" ]] || die "this release is for $(<"$tree/ARCH"), and this machine is $(uname -m)"
    "$tree/root/usr/bin/agentctl" --version >>"$log" 2>&1 || die "this release does not run here: $(tail -n 1 "$log")"
}
# build CHECKOUT: as whoever called sudo, with their Rust.
build() {
    local account=${SUDO_USER:-root} home
    home=$(getent passwd "$account" | cut -d: -f6)
    tree=$work/tree
    mkdir "$tree" && chown "$account" "$tree"
    if [[ -z ${OSMODA_PROGRAMS:-} ]]; then
        step dependencies "looking for what a build needs"
        (($(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo) >= BUILD_MEMORY_MIB)) ||
            die "a build needs $BUILD_MEMORY_MIB MiB of memory: take a release with --archive"
        room "$1" $BUILD_DISK_MIB
        need_apt gcc libc6-dev
        PATH=$home/.cargo/bin:$PATH have cargo || die "cargo is missing for $account: install Rust (https://rustup.rs), or take a release with --archive"
    fi
    step build "building (this takes a few minutes)"
    runuser -u "$account" -- env "HOME=$home" "PATH=$home/.cargo/bin:$PATH" "$1/scripts/release.sh" --tree "$tree" >>"$log" 2>&1 ||
        die "the build failed: $(tail -n 3 "$log" | tr '\n' ' ')"
    chown -R root:root "$tree"
}
need_apt() {
    local package missing=()
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    timeout 300 apt-get -q update >>"$log" 2>&1 || warn "the package lists could not be renewed"
    DEBIAN_FRONTEND=noninteractive timeout 900 apt-get -q install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 </dev/null ||
        die "${missing[*]} could not be installed: $(tail -n 2 "$log" | tr '\n' ' ')"
}

# ---- putting it in place --------------------------------------------------------------------------------------------

installed() { [[ -s $LIB/installed/files ]]; }
units_of() { sed -n 's#^/usr/lib/systemd/system/\(osmoda[^/]*\)$#\1#p' "$1"; }
# disabled_units: those that an operator has disabled, which they stay.
disabled_units() {
    units_of "$LIB/installed/files" | while read -r unit; do
        case $(systemctl is-enabled "$unit" 2>/dev/null || true) in disabled | masked) echo "$unit" ;; esac
    done
}
# well: every daemon is up but those that an operator has disabled.
well() {
    local daemon state
    timeout 10 agentctl status >"$work/status" 2>&1 && return
    [[ -s $work/disabled ]] || return 1
    { timeout 10 agentctl status --json 2>/dev/null || true; } | grep -o '"daemon":"[a-z]*","state":"[a-z]*"' >"$work/states" || return 1
    while IFS='"' read -r _ _ _ daemon _ _ _ state _; do
        [[ $state == up ]] || grep -qx "osmoda-$daemon\.\(service\|socket\)" "$work/disabled" || return 1
    done <"$work/states"
}
# accounts_of FILES: the users and groups that its sysusers.d files name.
accounts_of() {
    local file
    grep '^/usr/lib/sysusers.d/' "$1" | while read -r file; do awk '$1 ~ /^[ug]/ { print $2 }' "$file" 2>/dev/null || true; done
}

# place: the tree's files, each at once; what was there is kept in $LIB/before.
place() {
    local file folder
    (cd "$tree/root" && find . -type f -printf '/%P\n' | sort) >"$work/files"
    touched=yes
    mkdir -p "$LIB"
    rm -rf -- "$LIB/before.new"
    if installed; then
        was_installed=yes
        mkdir -p "$LIB/before.new/root"
        disabled_units >"$work/disabled"
        cp -a "$LIB/installed/." "$LIB/before.new/"
        while read -r file; do
            [[ -e $file ]] && install -D -p -m "$(stat -c %a "$file")" "$file" "$LIB/before.new/root$file"
        done <"$LIB/installed/files"
    fi
    mkdir -p "$LIB/installed"
    touch "$LIB/installed/folders"
    # Named before they are made: whatever ends this, they can be found.
    while read -r file; do
        folder=${file%/*}
        while [[ ! -d $folder ]]; do
            echo "$folder" >>"$LIB/installed/folders"
            folder=${folder%/*}
        done
    done <"$work/files"
    touch "$LIB/installed/files"
    sort -u -o "$LIB/installed/files.new" "$work/files" "$LIB/installed/files" || die "what is installed can't be written down in $LIB/installed; is the disk full?"
    mv "$LIB/installed/files.new" "$LIB/installed/files"
    while read -r file; do
        install -D -m "$(stat -c %a "$tree/root$file")" "$tree/root$file" "$file.osmoda-new"
        mv -T "$file.osmoda-new" "$file"
    done <"$work/files"
    # What only the version before had.
    comm -13 "$work/files" <(sort "$LIB/installed/files") | while read -r file; do forget_unit "$file" && rm -f -- "$file"; done
    cp "$work/files" "$LIB/installed/files"
    cp "$tree/VERSION" "$LIB/installed/VERSION"
}
forget_unit() {
    case $1 in /usr/lib/systemd/system/*) systemctl disable --now "${1##*/}" >>"$log" 2>&1 || true ;; esac
}
# restore: the files of the version before.
restore() {
    local file
    # The units of the newer version that the one before did not have.
    comm -23 <(sort "$LIB/installed/files") <(sort "$1/files") | while read -r file; do forget_unit "$file" && rm -f -- "$file"; done
    while read -r file; do
        install -D -p -m "$(stat -c %a "$1/root$file")" "$1/root$file" "$file.osmoda-new"
        mv -T "$file.osmoda-new" "$file"
    done <"$1/files"
    cp "$1/files" "$1/VERSION" "$1/folders" "$LIB/installed/"
}
accounts() {
    local account names
    made_accounts=$(accounts_of "$LIB/installed/files" | sort -u | while read -r account; do
        getent passwd "$account" >/dev/null || getent group "$account" >/dev/null || echo "$account"
    done)
    mapfile -t names < <(sed -n 's#^/usr/lib/sysusers.d/##p' "$LIB/installed/files")
    systemd-sysusers "${names[@]}" >>"$log" 2>&1 || die "the accounts could not be made: $(tail -n 1 "$log")"
    mapfile -t names < <(sed -n 's#^/usr/lib/tmpfiles.d/##p' "$LIB/installed/files")
    systemd-tmpfiles --create "${names[@]}" >>"$log" 2>&1 || die "the folders could not be made: $(tail -n 1 "$log")"
    for account in "${operators[@]}"; do usermod --append --groups osmoda,osmoda-operator "$account"; done
    for account in "${agents[@]}"; do usermod --append --groups osmoda,osmoda-agent "$account"; done
    # Where agentd is up it looks its callers' groups up anew at the restart that follows.
}
store_order() {
    [[ -n $order_id ]] || return 0
    local name value
    install -d -m 700 "$STATE/config"
    for name in order-id callback-url heartbeat-secret; do
        case $name in order-id) value=$order_id ;; callback-url) value=$callback_url ;; *) value=$secret ;; esac
        [[ -n $value ]] || continue
        (umask 077 && printf '%s\n' "$value" >"$STATE/config/$name.new")
        mv -T "$STATE/config/$name.new" "$STATE/config/$name"
    done
    warn "order id, URL and secret are stored in $STATE/config; this version has no heartbeat yet that would use them"
}
start() {
    local units
    touch "$work/disabled"
    mapfile -t units < <(units_of "$LIB/installed/files" | grep -vxF -f "$work/disabled")
    systemctl daemon-reload
    systemctl enable "${units[@]}" >>"$log" 2>&1 || die "the units could not be enabled: $(tail -n 1 "$log")"
    # A unit that never failed has nothing to be reset; whether they start is what counts.
    systemctl reset-failed "${units[@]}" >>"$log" 2>&1 || true
    timeout 120 systemctl restart "${units[@]}" >>"$log" 2>&1 || {
        # For the log alone: a journal that can't be read must not hide why nothing started.
        journalctl --unit 'osmoda*' --lines 5 --no-pager --output cat >>"$log" 2>&1 || true
        reason="it did not start: $(tail -n 1 "$log")"
        return 1
    }
    local deadline=$((SECONDS + MOST_WAIT))
    until well; do
        ((SECONDS < deadline)) || {
            reason="it is not well within $MOST_WAIT s: $(tr '\n' ' ' <"$work/status")"
            return 1
        }
        sleep 0.5
    done
}

# ---- taking it away -------------------------------------------------------------------------------------------------

remove_files() {
    local file units
    mapfile -t units < <(units_of "$LIB/installed/files")
    timeout 120 systemctl disable --now "${units[@]}" >>"$log" 2>&1 || true
    accounts_of "$LIB/installed/files" | sort -u >"$work/accounts"
    while read -r file; do rm -f -- "$file" "$file.osmoda-new"; done <"$LIB/installed/files"
    cp "$LIB/installed/folders" "$work/folders"
    rm -rf -- "$LIB"
    sort -ru "$work/folders" | while read -r file; do rmdir -- "$file" 2>/dev/null || true; done
    systemctl daemon-reload || true
    systemctl reset-failed "${units[@]}" >>"$log" 2>&1 || true
    rm -rf -- /run/osmoda
}
# remove_accounts: those on standard input, their groups too.
remove_accounts() {
    local account
    while read -r account; do
        if getent passwd "$account" >/dev/null; then userdel "$account" >>"$log" 2>&1 || true; fi
        if getent group "$account" >/dev/null; then groupdel "$account" >>"$log" 2>&1 || true; fi
    done
}
uninstall() {
    local kept=$STATE/accounts-kept
    if installed; then
        say "taking osmoda $(<"$LIB/installed/VERSION") away"
        remove_files
    elif [[ -n $purge && -f $kept ]]; then
        cp "$kept" "$work/accounts"
    else
        die "osmoda is not installed here by this script"
    fi
    if [[ -n $purge ]]; then
        remove_accounts <"$work/accounts"
        rm -rf -- "$STATE" /var/lib/osmoda-agent /etc/osmoda
        say "done; nothing of it is left"
    else
        cp "$work/accounts" "$kept"
        say "done; its state ($STATE), settings (/etc/osmoda) and accounts are kept; --uninstall --purge takes them too"
    fi
}

# ---- the whole ------------------------------------------------------------------------------------------------------

finish() {
    local status=$?
    trap '' INT TERM HUP
    set +e
    if ((status != 0)) && [[ -n $touched ]]; then
        if [[ -n $was_installed ]]; then
            say "returning to the version before"
            restore "$LIB/before.new"
            rm -rf -- "$LIB/before.new"
            local failed_because=$reason
            if start; then say "the version before is up again"; else warn "the version before is not well either: $reason"; fi
            reason=$failed_because
        else
            say "taking away what was begun"
            remove_files
            remove_accounts <<<"$made_accounts"
            local folder
            for folder in "${new_folders[@]}"; do rm -rf -- "$folder"; done
        fi
    fi
    ((status == 0)) || tell_failure
    [[ $status == 0 || -n $said ]] || printf 'error: %s (status %s)\n' "$reason" "$status" >&2
    rm -rf -- "$work"
    [[ -z ${lock:-} ]] || rm -f -- "$LOCK"
    exit "$status"
}
on_nixos() {
    local here source=github:OWNER/osmoda
    here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]:-/}")" && pwd)
    [[ ! -f $here/../flake.nix ]] || source=path:${here%/*}
    printf '%s\n' 'This is NixOS: add these lines to your flake instead, and rebuild.' \
        "  inputs.osmoda.url = \"$source\";          # where this tree is" \
        '  modules = [ osmoda.nixosModules.default ];' '  services.osmoda.enable = true;'
}
next_steps() {
    cat >&2 <<END

osmoda $(<"$LIB/installed/VERSION") is up. Next:
  agentctl status                                  how it is (root and operators)
  sudo -u osmoda-agent agentctl mcp                the MCP server, for a client's configuration
  sudo usermod --append --groups osmoda,osmoda-operator NAME     who else has the last word
  agentctl approvals; agentctl approve ID          what waits for your answer
END
}
main() {
    what=install purge='' container='' archive='' checksum='' order_id='' callback_url='' secret=''
    operators=() agents=() unused=() new_folders=() current=preflight reason='it was cut off' said='' tree='' touched='' was_installed='' made_accounts=''
    work=$(mktemp -d "${TMPDIR:-/tmp}/osmoda-install.XXXXXX")
    chmod 755 "$work"
    log=$work/log
    : >"$log"
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    parse "$@"
    if nixos; then
        on_nixos
        exit 0
    fi
    ((EUID == 0)) || die "this needs root: run it with sudo"
    exec {lock}>"$LOCK"
    flock --nonblock "$lock" || die "another installation is at work"
    if [[ $what == uninstall ]]; then
        uninstall
        exit 0
    fi
    local line folder
    for line in "${unused[@]}"; do warn "unused: $line"; done
    step preflight "looking at the machine"
    preflight
    [[ -z $callback_url ]] || have curl || need_apt curl ca-certificates
    [[ $what != upgrade ]] || installed || die "osmoda is not installed here: leave --upgrade out"
    if [[ $what == check ]]; then
        say "osmoda can be installed here"
        exit 0
    fi
    for folder in "$STATE" /var/lib/osmoda-agent /etc/osmoda; do [[ -e $folder ]] || new_folders+=("$folder"); done
    if [[ $what == rollback ]]; then
        [[ -s $LIB/before/files ]] || die "there is no version before to return to"
        tree=$LIB/before
    else
        obtain
    fi
    step services "putting osmoda $(<"$tree/VERSION") in place"
    place
    accounts
    store_order
    start || die "$reason"
    rm -rf -- "$LIB/before"
    [[ ! -d $LIB/before.new ]] || mv -T "$LIB/before.new" "$LIB/before"
    touched=''
    say "it is up; the doctor says:"
    agentctl doctor >&2 || warn "the doctor has found something to mend"
    current=complete
    tell /api/provision-progress "{\"order_id\":$(json "$order_id" 64),\"step\":\"complete\",\"status\":\"done\",\"detail\":$(json "osmoda $(<"$LIB/installed/VERSION")" 256)}"
    next_steps
}
main "$@"
