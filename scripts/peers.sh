#!/usr/bin/env bash
# Real MCP clients and SDKs, the A2A SDK, wallets' libraries and a WebSocket client, by name and pinned version from the Python
# and npm registries, kept in the cache.
#   scripts/peers.sh [NAME...]     installs these, or all, and prints where each one's command is
# Sourced, it gives `peer NAME`, which sets PEER to that command's path and installs what is missing.
set -euo pipefail
# shellcheck source=lib.sh
[[ -n ${OSMODA_ROOT:-} ]] || source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly PEERS=(mcp-v1 mcp-v2 a2a amagi node inspector claude sdk signers ethers viem solana-messages anvil solc
    sqlite-vec squid tinyproxy websockets sandbox-runtime specify)

# peer NAME: sets PEER to the path of the peer's command: a Python with the SDK, a program, or the SDK's folder.
peer() {
    local name=$1
    case $name in
    mcp-v1 | mcp-v2 | a2a | websockets) _peer_python "$name" bin/python ;;
    specify) _peer_python "$name" bin/specify ;;
    amagi) _peer_python "$name" bin/amagi-mcp-probe ;;
    node) _peer_npm "$name" "node-linux-$(_npm_machine)@22.23.3" "node_modules/node-linux-$(_npm_machine)/bin/node" ;;
    # It wants Node 22: start it by `peer node`.
    inspector) _peer_npm "$name" @modelcontextprotocol/inspector@2.12.0 node_modules/.bin/mcp-inspector ;;
    # A native program that comes as a package of its own for each kind of machine.
    claude) _peer_npm "$name" @anthropic-ai/claude-code@2.1.330 "node_modules/@anthropic-ai/claude-code-linux-$(_npm_machine)/claude" ;;
    # Wallets' own libraries, whose signatures keyd's are held against.
    signers | sqlite-vec) _peer_python "$name" bin/python ;;
    ethers) _peer_npm "$name" ethers@6.17.0 node_modules/ethers ;;
    viem) _peer_npm "$name" viem@2.57.20 node_modules/viem ;;
    solana-messages) _peer_npm "$name" @solana/offchain-messages@8.4.0 node_modules/@solana/offchain-messages ;;
    # What untrusted code is otherwise shut in with; it stands on bubblewrap, socat and ripgrep.
    sandbox-runtime) _peer_npm "$name" @anthropic-ai/sandbox-runtime@0.0.83 node_modules/@anthropic-ai/sandbox-runtime/dist/cli.js ;;
    # A development chain of Ethereum: a native program, and a compiler for the token on it.
    anvil) _peer_npm "$name" "@foundry-rs/anvil-linux-$(_foundry_machine)@1.7.1" "node_modules/@foundry-rs/anvil-linux-$(_foundry_machine)/bin/anvil" ;;
    solc) _peer_npm "$name" solc@0.8.34 node_modules/solc ;;
    sdk) _peer_npm "$name" @modelcontextprotocol/sdk@1.32.2 node_modules/@modelcontextprotocol/sdk ;;
    # Proxies that egress is measured against, as Debian has them.
    squid) _peer_debian "$name" squid usr/sbin/squid ;;
    tinyproxy) _peer_debian "$name" tinyproxy usr/bin/tinyproxy ;;
    *) die "no peer is called $name; there are: ${PEERS[*]}" ;;
    esac
}

_npm_machine() {
    case $(uname -m) in
    x86_64) echo x64 ;;
    aarch64) echo arm64 ;;
    *) die "there is no Node for $(uname -m) among the npm packages" ;;
    esac
}

_foundry_machine() { if [[ $(_npm_machine) == x64 ]]; then echo amd64; else echo arm64; fi; }

# _peer NAME PINS COMMAND: sets PEER; true where these very pins are installed.
_peer() {
    PEER=$OSMODA_CACHE/peers/$1/$3
    [[ -e $PEER && $(cat "$OSMODA_CACHE/peers/$1/.installed" 2>/dev/null) == "$2" ]]
}

# _peer_install NAME PINS COMMAND INSTALLER...: runs the installer in a fresh folder.
_peer_install() {
    local name=$1 pins=$2 folder=$OSMODA_CACHE/peers/$1 log
    # Another run may have installed it while this one waited.
    if _peer "$@"; then return 0; fi
    say "installing the peer $name (once; it stays in $OSMODA_CACHE)"
    rm -rf -- "$folder"
    mkdir -p -- "$folder"
    log=$folder/install.log
    if ! (cd -- "$folder" && "${@:4}") >"$log" 2>&1 </dev/null || [[ ! -e $PEER ]]; then
        tail -n 15 "$log" >&2
        die "the peer $name could not be installed: is its registry (Python's or npm's) reachable from here? The whole story: $log"
    fi
    printf '%s\n' "$pins" >"$folder/.installed"
}

_peer_python() {
    local requirements=$OSMODA_ROOT/scripts/peers/$1.txt pins
    pins=$(sha256sum <"$requirements")
    if _peer "$1" "$pins" "$2"; then return 0; fi
    need python
    with_cache_lock _peer_install "$1" "$pins" "$2" _install_python "$requirements"
}
_install_python() {
    limit 120 python3 -m venv . && limit 600 bin/pip --disable-pip-version-check --no-input install --quiet --requirement "$1"
}

_peer_npm() {
    if _peer "$1" "$2" "$3"; then return 0; fi
    need npm
    with_cache_lock _peer_install "$1" "$2" "$3" _install_npm "$2"
}
_install_npm() {
    printf '{"private": true}\n' >package.json
    # No package's own installer runs, and the folder is no part of a project further up.
    limit 900 npm install --prefix . --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error "$1"
}

# _peer_debian NAME PACKAGE PROGRAM: Debian's package and what it needs, unpacked and not installed: no service of it starts.
_peer_debian() {
    if _peer "$1" "$2" run; then return 0; fi
    have apt-get || die "the peer $1 is a Debian package, and there is no apt-get here"
    ((EUID == 0)) || die "the peer $1 is a Debian package: run this once as root"
    with_cache_lock _peer_install "$1" "$2" run _unpack_debian "$2" "$3"
}
_unpack_debian() {
    local package archives=$PWD/archives
    mkdir -p archives/partial
    limit 180 apt-get -q update || true
    limit 600 apt-get -q install --download-only -y --no-install-recommends -o Dir::Cache::archives="$archives" "$1" || return 1
    for package in archives/*.deb; do dpkg-deb --extract "$package" . || return 1; done
    rm -rf archives
    cat >run <<EOF
#!/bin/sh
export LD_LIBRARY_PATH=$PWD/usr/lib/$(uname -m)-linux-gnu
exec $PWD/$2 "\$@"
EOF
    chmod +x run
    # Proxies give root up and still read their own files.
    chmod -R a+rX .
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    case ${1:-} in
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0" && exit ;;
    esac
    (($#)) || set -- "${PEERS[@]}"
    for name in "$@"; do
        peer "$name"
        printf '%s\t%s\n' "$name" "$PEER"
    done
fi
