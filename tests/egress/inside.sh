#!/usr/bin/env bash
# Inside the machine's namespaces: makes the world on the other end of a wire, starts the suite, and checks.
# Started by run.sh, with AGENTCTL and OSMODA_TEST_FOLDER.
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
HERE=$OSMODA_ROOT/tests/egress
TMP=$OSMODA_TEST_FOLDER
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"

# The world has public addresses, a server of names, and what stands behind them; the machine has one wire to it.
unshare --net sleep 900 &
world=$!
at_exit "kill $world 2>/dev/null"
in_world() { nsenter --target "$world" --net "$@"; }
until [[ $(readlink "/proc/$world/ns/net") != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.05; done
ip link set lo up
ip link add wire type veth peer name far netns "$world"
ip addr add 93.184.215.1/24 dev wire
ip -6 addr add 2606:2800:21f::1/64 dev wire nodad
ip link set wire up
ip route add default via 93.184.215.14
in_world ip link set lo up
in_world ip addr add 93.184.215.14/24 dev far
in_world ip -6 addr add 2606:2800:21f::14/64 dev far nodad
in_world ip link set far up
# Where a machine's secrets would be: the world answers there, if it is ever asked.
in_world ip addr add 169.254.169.254/32 dev lo
in_world ip addr add 10.0.0.1/32 dev lo
in_world ip addr add 100.64.0.1/32 dev lo

cd -- "$TMP"
authority() { openssl "$@" >>openssl.log 2>&1 || { cat openssl.log >&2 && exit 1; }; }
authority req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=world -keyout ca.key -out ca.pem -addext basicConstraints=critical,CA:TRUE
authority req -newkey rsa:2048 -nodes -subj /CN=good.example -keyout host.key -out host.csr
cat >names.ext <<'EOF'
subjectAltName=DNS:good.example,DNS:evil.example,DNS:pypi.example,DNS:npm.example,DNS:xn--bcher-kva.example
EOF
authority x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names.ext -out host.pem
printf 'nameserver 93.184.215.14\noptions timeout:1 attempts:1\n' >resolv.conf
printf '127.0.0.1 localhost\n' >hosts
mount --bind resolv.conf /etc/resolv.conf
mount --bind hosts /etc/hosts

in_world python3 "$HERE/world.py" "$TMP" >world.log 2>&1 &
at_exit "kill $! 2>/dev/null"
for _ in {1..200}; do
    [[ -e $TMP/world.ready ]] && break
    sleep 0.1
done
[[ -e $TMP/world.ready ]] || { cat world.log >&2 && die "the world did not come up"; }

SUITE=$TMP/s
mkdir -p -- "$SUITE"
export OSMODA_EGRESS_LIMITS__CONNECTIONS=20000 OSMODA_EGRESS_MOST_CONNECTIONS=20000
at_exit "end_suite '$SUITE' >/dev/null 2>&1"
limit 60 "$AGENTCTL" --dir "$SUITE" up --only agentd,egress --detach </dev/null >up.log 2>&1 || { cat up.log >&2 && die "the suite did not come up"; }
if [[ -n $OSMODA_TEST_TABLE ]]; then
    limit 500 python3 "$HERE/attacks.py" "$AGENTCTL" "$SUITE" "$TMP" "$OSMODA_TEST_TABLE" "$OSMODA_TEST_SQUID" "$OSMODA_TEST_TINYPROXY"
    exit
fi
limit 500 python3 "$HERE/checks.py" "$AGENTCTL" "$SUITE" "$TMP"
