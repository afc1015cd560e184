#!/usr/bin/env bash
# What can be known of the Nix files without nixpkgs: each parses, has its form and nothing unused, the lock fits the flake,
# the module evaluates, refuses what it should, and makes of the units what is in nix/units; the page of options is what the
# module says.
#   tests/nix/run.sh [AGENTCTL]
#   tests/nix/run.sh --generate     writes docs/nixos-options.md, and gives the Nix files their form
# Nix itself is Debian's, unpacked into the cache and installed nowhere.
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"

readonly SUITE=trixie VERSION=2.26.3
# nixfmt (the form of RFC 166) and deadnix from the crates' registry; statix is not to be had there.
readonly NIXFMT_VERSION=0.5.3 DEADNIX_VERSION=1.3.1
skip() {
    warn "$1: tests/nix is left out"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
if ! have apt-get || [[ ! -r /usr/share/keyrings/debian-archive-keyring.gpg ]]; then skip "Debian's packages can't be had here"; fi

# get_nix FOLDER: Nix and all that it is linked with, of a Debian of their own.
get_nix() {
    local to=$1 package options
    if [[ -e $to/.complete ]]; then return 0; fi
    say "fetching Nix (once; it stays in $OSMODA_CACHE)"
    rm -rf -- "$to"
    mkdir -p "$to"/{root,apt/lists/partial,apt/archives/partial}
    : >"$to/apt/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $SUITE main" >"$to/apt/sources.list"
    options=(-q -o "Dir::Etc::SourceList=$to/apt/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State=$to/apt" -o "Dir::State::status=$to/apt/status"
        -o "Dir::Cache=$to/apt" -o APT::Install-Recommends=0 -o Acquire::Languages=none -o APT::Sandbox::User= -o Debug::NoLocking=1)
    limit 180 apt-get "${options[@]}" update >"$to/log" 2>&1 || return 1
    limit 600 apt-get "${options[@]}" install -y --download-only nix-bin >>"$to/log" 2>&1 || return 1
    for package in "$to"/apt/archives/*.deb; do dpkg-deb --extract "$package" "$to/root"; done
    rm -rf -- "$to/apt"
    touch "$to/.complete"
}
tools=$OSMODA_CACHE/nix-$VERSION
with_cache_lock get_nix "$tools" || skip "Nix can't be fetched"
loader=$(echo "$tools"/root/usr/lib/*/ld-linux-*.so.*)
need build
need_crate nixfmt_rs "$NIXFMT_VERSION" nixfmt || die "nixfmt could not be built: is the crates' registry reachable from here?"
nixfmt=$PROGRAM_PATH
need_crate deadnix "$DEADNIX_VERSION" deadnix || die "deadnix could not be built: is the crates' registry reachable from here?"
deadnix=$PROGRAM_PATH
work=''
scratch work
export HOME=$work NIX_CONF_DIR=$work NIX_STORE_DIR=$work/store NIX_STATE_DIR=$work/var NIX_LOG_DIR=$work/log
# Its own loader, so that nothing of this system is in it; and no group of builders, since nothing is built.
nix() {
    limit 120 "$loader" --library-path "${loader%/*}" "$tools/root/usr/bin/nix" --extra-experimental-features 'nix-command flakes' --option build-users-group '' "$@"
}
cd -- "$OSMODA_ROOT"
mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.nix')
# value ATTRIBUTE [VALUES [ACCOUNTS]]: what the module makes of these values of services.osmoda, as JSON.
value() { nix eval --impure --json --expr "(import $OSMODA_ROOT/nix/eval { values = { enable = true; ${2:-} }; accounts = [ ${3:-} ]; }).$1"; }
page() { value options | python3 nix/eval/options.py; }
if [[ ${1:-} == --generate ]]; then
    "$nixfmt" "${files[@]}"
    page >docs/nixos-options.md
    say "docs/nixos-options.md is written"
    exit 0
fi

parse() {
    limit 60 "$loader" --library-path "${loader%/*}" --argv0 nix-instantiate "$tools/root/usr/bin/nix" --parse "$1" >/dev/null
}
same() {
    [[ $1 == "$2" ]] || { echo "found $1, expected $2" && return 1; }
}
# refuses WORDS COMMAND...: it fails, in these words.
refuses() {
    local words=$1 output
    if output=$("${@:2}" 2>&1); then echo "it did not fail: $output" && return 1; fi
    [[ $output == *"$words"* ]] || { echo "$output" && return 1; }
}
for file in "${files[@]}"; do check "nix: $file parses" parse "$file"; done
echo '{ a = ; }' >"$work/wrong.nix"
check "nix: what does not parse is found" refuses "syntax error" parse "$work/wrong.nix"
form() { limit 60 "$nixfmt" --check "$@"; }
unused() { limit 60 "$deadnix" --fail "$@"; }
check "nix: every file has its form (tests/nix/run.sh --generate)" form "${files[@]}"
check "nix: nothing in them is unused" unused "${files[@]}"
printf '{a,b }:\na\n' >"$work/wrong.nix"
check "nix: another form is found" refuses "" form "$work/wrong.nix"
check "nix: what is unused is found" refuses "Unused" unused "$work/wrong.nix"

# What drives each machine.
script() { nix eval --impure --raw --expr "(import $OSMODA_ROOT/$1 { module = { }; }).testScript" | python3 -c 'import sys; compile(sys.stdin.read(), sys.argv[1], "exec")' "$1"; }
for file in nix/tests/*.nix; do check "nix: the script of $file is Python" script "$file"; done

# It asks the network only where the lock does not cover the inputs, and there is none for it.
mkdir "$work/flake"
cp flake.nix flake.lock "$work/flake/"
locked() { nix --offline flake metadata --no-update-lock-file --json "path:$1"; }
check "nix: flake.lock covers flake.nix" locked "$work/flake"
mkdir "$work/more"
sed 's#^  inputs = {#&\n    more.url = "github:a/more";#' flake.nix >"$work/more/flake.nix"
cp flake.lock "$work/more/"
check "nix: an input that is not locked is found" refuses "" locked "$work/more"

units=()
for unit in nix/units/osmoda-*.service; do
    name=$(basename "$unit" .service)
    units+=("${name#osmoda-}")
done
check "nix: the module has every daemon that has a unit" same "$(value services | json 'sorted(it)')" "$(printf '%s\n' "${units[@]/#/osmoda-}" | sort | python3 -c 'import json, sys; print(json.dumps(sys.stdin.read().split()))')"
# NixOS leaves a unit's [Install] alone.
check "nix: what wants a unit elsewhere wants it here" same "$(value wanted | json 'sorted(name + " " + by[0] for name, by in it.items())')" \
    "$(grep -H '^WantedBy=' nix/units/osmoda* | sed 's#^nix/units/\(.*\):WantedBy=#\1 #' | sort | python3 -c 'import json, sys; print(json.dumps(sys.stdin.read().splitlines()))')"
check "nix: every service has a PATH" same "$(value services | json 'all(each["path"] for each in it.values())')" true
check "nix: a change of settings is a reload" same "$(value services | json 'all(each["reloadTriggers"] for each in it.values())')" true
check "nix: folders are made as everywhere" same "$(value tmpfiles)" true
shipped=$(awk '$1 ~ /^[ug]/ { print $2 }' nix/units/sysusers.d/* | sort -u | tr '\n' ' ')
check "nix: the groups are those of the other systems" same "$(value groups | json '" ".join(it) + " "')" "$shipped"
check "nix: agents may open the sockets and are nothing more" same "$(value users | json 'it["osmoda-agent"]["extraGroups"]')" '["osmoda"]'
check "nix: an operator is one" same "$(value users 'operators = [ "olga" ];' '"olga"' | json 'it["olga"]["extraGroups"]')" '["osmoda", "osmoda-operator"]'
check "nix: settings become osmoda.toml, defaults and all" same \
    "$(value toml 'agentd.settings = { shell.per_minute = 7; guard.always_ask = [ "make" ]; };' | json 'it["agentd"]["shell"]["per_minute"], it["agentd"]["approvals"]["ttl_secs"], it["agentd"]["guard"]')" '[7, 900, {"always_ask": ["make"]}]'
check "nix: a secret is a credential" same "$(value services 'agentd.credentials.token = "/run/token";' | json 'it["osmoda-agentd"]["serviceConfig"]["LoadCredential"]')" '["token:/run/token"]'
check "nix: a secret in the store is refused" refuses "outside of the Nix store" value services 'agentd.credentials.token = "/nix/store/x";'
check "nix: a wrong type is refused" refuses "positive integer" value toml 'agentd.settings.shell.per_minute = "many";'
check "nix: nothing is refused that is right" same "$(value refusals 'operators = [ "olga" ];' '"olga"')" '[]'
check "nix: two roles are refused, with the way out" says "take it out of" value refusals 'operators = [ "olga" ]; agents = [ "olga" ];' '"olga"'
check "nix: an account that does not exist is refused, with the way out" says "isNormalUser = true" value refusals 'operators = [ "nobody-here" ];'
check "nix: a suite without agentd is refused" says "no ledger" value refusals 'agentd.enable = false;'

without() { value "$1" 'keyd.enable = false;' | json "[each for each in $2 if 'keyd' in each]"; }
check "nix: a daemon that is left out has no unit" same "$(without wanted it)" '[]'
check "nix: nor an account or group" same "$(without users it) $(without groups it)" '[] []'
check "nix: nor settings" same "$(without toml it)" '[]'

# The units as the module makes them are the shipped ones but for the store's paths.
cat >"$work/shim" <<'END'
substituteInPlace() {
    local file=$1 old=$3 new=$4
    grep -qF -- "$old" "$file" || { echo "no $old in $file" && exit 1; }
    python3 -c 'import sys; path, old, new = sys.argv[1:]; text = open(path).read(); open(path, "w").write(text.replace(old, new))' "$file" "$old" "$new"
}
END
# render FOLDER [VALUES]
render() {
    { echo 'set -eu' && cat "$work/shim" && value units "${2:-}" | json it; } >"$work/render"
    out=$work/$1 limit 60 bash "$work/render"
}
left_out() {
    render fewer 'keyd.enable = false;'
    find "$work/fewer" -name '*keyd*'
    [[ -z $(find "$work/fewer" -name '*keyd*') && -e $work/fewer/lib/systemd/system/osmoda-agentd.service ]]
}
check "nix: nor files" left_out
rendered() {
    render rendered
    ! grep -l -e '[ =]/usr/' -e '[ =]/bin/' "$work"/rendered/lib/systemd/system/* || return 1
    sed -i -e 's#/store/osmoda/lib/osmoda/#/usr/lib/osmoda/#' -e 's#/store/coreutils/bin/#/bin/#' "$work"/rendered/lib/systemd/system/*.service
    sed -i "s#$work/rendered/suite.json#/usr/lib/osmoda/suite.json#" "$work/rendered/lib/tmpfiles.d/osmoda.conf"
    # The sandbox's runner is no daemon.
    [[ $(json 'it["daemons"]' <"$work/rendered/suite.json") == "$(value services | json '[name.removeprefix("osmoda-") for name in it if name != "osmoda-sandbox"]')" ]] || return 1
    diff -r --exclude='*.md' --exclude='*.d' nix/units "$work/rendered/lib/systemd/system" && diff -r nix/units/tmpfiles.d "$work/rendered/lib/tmpfiles.d"
}
check "nix: the rendered units are the shipped ones" rendered
check "nix: docs/nixos-options.md is what the module says (tests/nix/run.sh --generate)" same "$(page)" "$(cat docs/nixos-options.md)"
conclude
