# shellcheck shell=bash
# What the scripts share: messages, missing packages, the cache of test tools, folders that go away again.
# Source it; it needs bash and coreutils alone.

OSMODA_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# Test tools live outside the tree and outlast a clone of it.
OSMODA_CACHE=${OSMODA_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/osmoda-tests}
readonly OSMODA_ROOT OSMODA_CACHE
export OSMODA_CACHE

if [[ -t 2 && -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' red='' plain=''
fi
readonly bold red plain

say() { printf '%s==>%s %s\n' "$bold" "$plain" "$*" >&2; }
warn() { printf '%swarning:%s %s\n' "$red" "$plain" "$*" >&2; }
die() {
    printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2
    exit 1
}
# misuse TEXT: the command line is wrong.
misuse() {
    printf '%serror:%s %s; see --help\n' "$red" "$plain" "$*" >&2
    exit 2
}

# limit SECONDS COMMAND...: ends a command that hangs, with everything that listens to its signals.
limit() { timeout --kill-after=10 "$@"; }

# The commands that run when the script ends, the last one first.
declare -ga _at_exit=()
at_exit() {
    _at_exit=("$1" "${_at_exit[@]}")
    trap _run_at_exit EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}
_run_at_exit() {
    local status=$? command
    trap '' INT TERM
    for command in "${_at_exit[@]}"; do eval "$command" || true; done
    exit "$status"
}

# scratch VARIABLE: a private folder that goes away with the script. Its path is short, since a Unix socket's may have
# 107 bytes at most.
scratch() {
    local -n _folder=$1
    _folder=$(mktemp -d "${TMPDIR:-/tmp}/osmoda.XXXXXX") || die "no folder can be made in ${TMPDIR:-/tmp}"
    at_exit "rm -rf -- '$_folder'"
}

have() { command -v -- "$1" >/dev/null 2>&1; }

_apt_is_fresh=''
# need_apt PACKAGE...: the Debian packages are there afterwards, or the script ends and says what to install.
need_apt() {
    local package missing=()
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    have apt-get || die "missing here: ${missing[*]} (Debian's names). Install them with this system's package manager and run this again."
    ((EUID == 0)) || die "missing here: ${missing[*]}. Run this and then the script again:  sudo apt-get install --no-install-recommends ${missing[*]}"
    say "installing ${missing[*]}"
    local log
    log=$(mktemp "${TMPDIR:-/tmp}/osmoda-apt.XXXXXX")
    if [[ -z $_apt_is_fresh ]]; then
        limit 180 apt-get -q update >"$log" 2>&1 || warn "Debian's package lists could not be renewed; the ones that are here are used"
        _apt_is_fresh=yes
    fi
    if ! DEBIAN_FRONTEND=noninteractive limit 900 apt-get -q install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 </dev/null; then
        tail -n 15 "$log" >&2
        rm -f -- "$log"
        die "${missing[*]} could not be installed: is Debian's package registry reachable from here?"
    fi
    rm -f -- "$log"
}

# need THING...: what the script stands on, all of it asked for at once. A thing is `build` (cargo of the workspace's
# Rust version, a C compiler and linker for SQLite), `python` (with virtual environments), or a command whose Debian
# package has the same name.
need() {
    local thing packages=()
    for thing in "$@"; do
        case $thing in
        build)
            _need_cargo
            have cc || packages+=(gcc libc6-dev)
            ;;
        python)
            have python3 || packages+=(python3)
            python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
            ;;
        *) have "$thing" || packages+=("$thing") ;;
        esac
    done
    ((${#packages[@]} == 0)) || need_apt "${packages[@]}"
    for thing in "$@"; do
        case $thing in
        build) have cc || die "there is still no C compiler called cc on the PATH" ;;
        python)
            python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))' ||
                die "python3 is too old, or has no module venv: this needs Python 3.10 or newer"
            ;;
        *) have "$thing" || die "there is still no $thing on the PATH" ;;
        esac
    done
}
_need_cargo() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$OSMODA_ROOT/Cargo.toml")
    have cargo || die "cargo is missing. Install Rust $wanted or newer (rustup, or your system's packages) and run this again."
    found=$(cd -- "$OSMODA_ROOT" && cargo --version 2>/dev/null | cut -d' ' -f2)
    [[ $(printf '%s\n' "$wanted" "${found:-0}" | sort -V | head -n 1) == "$wanted" ]] ||
        die "cargo ${found:-of unknown version} is too old: this needs Rust $wanted or newer (rustup update)."
}

# build_folder: where cargo puts what it builds.
build_folder() { printf '%s\n' "${CARGO_TARGET_DIR:-$OSMODA_ROOT/target}"; }

# static_init PROFILE FOLDER: process 1 of sandboxes among the programs in FOLDER becomes one that is linked with musl, where
# Rust's musl target is installed (rustup target add x86_64-unknown-linux-musl). It does the same; it starts in a tenth of
# the time, since there is no loader and glibc's questions to the processor are not asked, each of which a hypervisor answers.
static_init() {
    local target folder
    target=$(uname -m)-unknown-linux-musl
    folder=$(rustc --print target-libdir --target "$target" 2>/dev/null) || folder=''
    if [[ ! -d $folder ]]; then
        warn "Rust's target $target is not installed: sandboxes start a little slower (rustup target add $target)"
        return 0
    fi
    cargo build --locked --quiet --profile "$1" --target "$target" --package osmoda-sandbox --bin osmoda-sandbox-init || return 1
    # What profiles are called and where they build differs for two of them.
    case $1 in dev) folder=debug ;; bench) folder=release ;; *) folder=$1 ;; esac
    install -m 755 "$(build_folder)/$target/$folder/osmoda-sandbox-init" "$2/osmoda-sandbox-init"
}

# json EXPRESSION: evaluates a Python expression over `it`, the JSON document on standard input, and prints the result.
json() {
    python3 -c '
import json, sys
it = json.load(sys.stdin)
value = eval(sys.argv[1])
print(value if isinstance(value, str) else json.dumps(value))' "$1"
}

# with_cache_lock COMMAND...: one at a time a machine, so that two runs never install the same thing at once.
with_cache_lock() {
    mkdir -p -- "$OSMODA_CACHE"
    local status=0 lock
    exec {lock}>"$OSMODA_CACHE/.lock"
    limit 1800 flock "$lock" || die "another run holds $OSMODA_CACHE/.lock for half an hour"
    "$@" || status=$?
    exec {lock}>&-
    return "$status"
}

# need_crate CRATE VERSION PROGRAM: sets PROGRAM_PATH to a test tool of the crates' registry, built once into the cache;
# fails where it can't be had.
need_crate() {
    PROGRAM_PATH=$OSMODA_CACHE/cargo/bin/$3
    with_cache_lock _need_crate "$@"
}
_need_crate() {
    if [[ -x $PROGRAM_PATH ]] && grep -qF "\"$1 $2 " "$OSMODA_CACHE/cargo/.crates.toml" 2>/dev/null; then return 0; fi
    say "building $1 $2 (once; it stays in $OSMODA_CACHE)"
    CARGO_TARGET_DIR=$OSMODA_CACHE/cargo/build limit 1800 cargo install --quiet --locked --force --root "$OSMODA_CACHE/cargo" --version "$2" "$1" </dev/null || return 1
    rm -rf -- "$OSMODA_CACHE/cargo/build"
}
