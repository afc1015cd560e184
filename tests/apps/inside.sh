#!/usr/bin/env bash
# Runs in the booted machine: prints one line a check. There is no Python here; answers are JSON on one line.
#   inside.sh first|second AGENTCTL
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
BOOT=$1 AGENTCTL=$2
BIN=$(dirname -- "$AGENTCTL")

# call TOOL JSON [PATTERN...]: the answer has every pattern (extended regular expressions).
call() {
    local answer pattern
    answer=$(limit 60 "$AGENTCTL" call "$1" --json "$2" 2>&1) || true
    for pattern in "${@:3}"; do
        grep -qE -- "$pattern" <<<"$answer" || {
            echo "no $pattern in $answer"
            return 1
        }
    done
}
lacks() {
    local answer
    answer=$(limit 60 "$AGENTCTL" call "$1" --json "$2" 2>&1) || true
    if grep -qE -- "$3" <<<"$answer"; then
        echo "$3 is in $answer"
        return 1
    fi
}
show() { systemctl show -P "$2" "osmoda-app-$1.service"; }
is() { [[ $(show "$1" "$2") == "$3" ]] || { echo "$2 of $1 is $(show "$1" "$2"), not $3" && return 1; }; }
pid_of() { show "$1" MainPID; }

install_units() {
    local unit
    systemd-sysusers /opt/osmoda-tree/nix/units/sysusers.d/osmoda{,-egress,-sandbox}.conf
    mkdir -p /usr/lib/osmoda /etc/osmoda
    # The programs can't be bound there: agentd's and the runner's unit make mounts of their own.
    cp "$BIN"/osmoda-agentd "$BIN"/osmoda-egress "$BIN"/osmoda-sandbox "$BIN"/osmoda-sandbox-init /usr/lib/osmoda/
    # Who is to be reached here is this machine itself: there is no other.
    printf '[egress]\nallow_addresses = ["127.0.0.0/8"]\n' >/etc/osmoda/osmoda.toml
    cp /opt/osmoda-tree/nix/units/tmpfiles.d/osmoda{,-egress}.conf /usr/lib/tmpfiles.d/
    for unit in osmoda-agentd.service osmoda-egress.service osmoda-egress.socket osmoda-sandbox.service osmoda-sandbox.socket osmoda.target; do
        cp "/opt/osmoda-tree/nix/units/$unit" /usr/lib/systemd/system/
    done
    systemctl daemon-reload
}
up() {
    systemd-tmpfiles --create osmoda.conf osmoda-egress.conf 2>/dev/null || true
    # This machine's /proc is covered in part, as in a container, which no machine's is. Two things of a sandbox need what is
    # under the covers: the kernel lets a user namespace have its own /proc only where a whole one is in sight, and bwrap forbids
    # further namespaces (--disable-userns) by a number that it writes to the /proc/sys it came from. What is written there is of
    # the sandbox's own namespace; the host's settings stay root's, and no program of this test touches them.
    mkdir -p /opt/proc
    mount -t proc proc /opt/proc
    umount -l /proc/sys
    systemctl start osmoda-sandbox.socket osmoda-agentd.service osmoda-egress.service
}

if [[ $BOOT == second ]]; then
    up
    check "after a reboot an app runs again" until_true 30 is talks ActiveState active
    check "an app that was stopped stays stopped" call app_list '{}' '"active":"stopped"[^}]*"name":"rests"'
    check "the stopped one has no unit" is rests ActiveState inactive
    check "what it wrote is still there" call app_logs '{"name":"talks"}' 'this is start 2'
    check "the registry knows both" call app_list '{}' '"name":"talks"' '"name":"rests"'
    check "a stopped app is started by a restart" call app_restart '{"name":"rests"}' '"status":"active"'
    check "an app is removed" call app_remove '{"name":"talks"}' '"removed":true' '"data":"/var/lib/private/osmoda-app-talks"'
    check "its unit is gone" is talks LoadState not-found
    check "it is forgotten" lacks app_list '{}' '"name":"talks"'
    check "a removed app is unknown" call app_restart '{"name":"talks"}' '"code":"app_unknown"'
    check "its name is free again" call app_deploy '{"name":"talks","command":"/bin/sleep","args":["600"]}' '"status":"active"'
    ((FAILED == 0))
    exit
fi

install_units
# An app that says how often it started, in the folder that is its own.
cat >/usr/local/bin/talks <<'APP'
#!/bin/sh
echo x >>starts
echo "this is start $(wc -l <starts) of $(id -u) in $(pwd), PORT=$PORT, HELLO=$HELLO"
exec sleep 1000
APP
cat >/usr/local/bin/listens <<'APP'
#!/usr/bin/perl
use Socket;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!;
setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
bind($s, sockaddr_in($ENV{PORT}, INADDR_ANY)) or die $!;
listen($s, 5);
sleep 1000;
APP
cat >/usr/local/bin/nosy <<'APP'
#!/bin/sh
for path in /etc/shadow /run/osmoda/agentd.sock /var/lib/osmoda /home /root; do
    if [ -r "$path" ] && [ -n "$(ls -A "$path" 2>/dev/null)" ]; then echo "sees $path"; fi
done
touch /usr/x 2>/dev/null && echo "wrote /usr"
unshare -U true 2>/dev/null && echo "has a namespace"
grep -q 'CapEff:.0000000000000000' /proc/self/status || echo "has capabilities"
echo looked
APP
chmod 755 /usr/local/bin/{talks,listens,nosy}
# What others brought to the machine, one of each of the eight kinds that are found.
cat >/usr/local/bin/engine <<'ENGINE'
#!/usr/bin/perl
# engine SOCKET ANSWER: answers as Docker does, and Podman, when it is asked for its containers.
use Socket;
my ($path, $body) = @ARGV;
socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die $!;
bind($s, pack_sockaddr_un($path)) or die $!;
listen($s, 5);
while (accept(my $c, $s)) {
    my $asked = '';
    while ($asked !~ /\r\n\r\n/) { sysread($c, $asked, 4096, length $asked) or last }
    my $good = $asked =~ m{^GET /containers/json\?all=1 HTTP/1\.[01]\r\n};
    my $answer = $good ? $body : '{"message":"page not found"}';
    my $status = $good ? '200 OK' : '404 Not Found';
    syswrite($c, "HTTP/1.0 $status\r\nContent-Type: application/json\r\nContent-Length: " . length($answer) . "\r\n\r\n$answer");
    close $c;
}
ENGINE
chmod 755 /usr/local/bin/engine
mkdir -p /home/ann/shop /root/{bot,workspace,.cache} /var/lib/osmoda/apps/left /etc/nginx/sites-{available,enabled} /etc/caddy /run/podman
touch /home/ann/shop/Cargo.toml /root/{bot,workspace,.cache}/main.py
echo '{"name":"left","status":"running","port":4444}' >/var/lib/osmoda/apps/left/app.json
cat >/etc/nginx/sites-available/store <<'NGINX'
# The usual pair: one sends on to the other.
server {
    listen 80 default_server;
    server_name _;
    return 301 https://$host$request_uri;
}
server {
    listen 443 ssl;
    server_name store.example www.store.example 192.0.2.7; # server_name old.example;
    location / { proxy_pass http://127.0.0.1:7070; }
}
NGINX
ln -s ../sites-available/store /etc/nginx/sites-enabled/store
printf '{\n\temail ann@blog.example\n}\n\nblog.example:443 {\n\treverse_proxy localhost:7070\n}\n\nlocalhost {\n\trespond ok\n}\n' >/etc/caddy/Caddyfile
# others: starts those of them that are processes.
others() {
    systemd-run --quiet --unit=osmoda-app-foreign --description="brought by another" /bin/sleep 1000
    systemd-run --quiet --unit=peoples --setenv=PORT=7070 /usr/local/bin/listens
    systemd-run --quiet --unit=low --setenv=PORT=77 /usr/local/bin/listens
    systemd-run --quiet --unit=dockerd /usr/local/bin/engine /run/docker.sock '[{"Id":"8dfafdbc3a40","Names":["/db"],"Image":"postgres:16","ImageID":"sha256:d74508fb6632","Command":"docker-entrypoint.sh postgres","Created":1767854155,"Ports":[{"PrivatePort":5433,"Type":"tcp"},{"IP":"0.0.0.0","PrivatePort":5432,"PublicPort":15432,"Type":"tcp"}],"Labels":{},"State":"running","Status":"Up 2 hours","HostConfig":{"NetworkMode":"bridge"},"NetworkSettings":{"Networks":{}},"Mounts":[]}]'
    systemd-run --quiet --unit=podmand /usr/local/bin/engine /run/podman/podman.sock '[{"Id":"3176a2479c92","Names":["/cache"],"Image":"docker.io/library/redis:7","Command":"redis-server","Ports":null,"State":"exited","Status":"Exited (0) 5 minutes ago"}]'
}
up
check "agentd answers in its own unit" until_true 20 call system_health '{}' '"status":"ok"'

# What systemd and a shell would read something into, and nobody may.
# shellcheck disable=SC2016
check "an app is deployed" call app_deploy '{"name":"talks","command":"/usr/local/bin/talks","env":{"HELLO":"world %i $X"},"memory_max":"64M","cpu_quota":"50%"}' \
    '"unit":"osmoda-app-talks.service"' '"status":"active"' '"pid":[0-9]+'
# shellcheck disable=SC2016
check "it has an account, a folder and variables of its own" until_true 20 call app_logs '{"name":"talks"}' 'this is start 1 of 6[0-9]{4} in /var/lib/(private/)?osmoda-app-talks, PORT=, HELLO=world %i \$X'
check "its memory is limited" is talks MemoryMax 67108864
check "its processor is limited" is talks CPUQuotaPerSecUSec 500ms
check "it is hardened" is talks ProtectSystem strict
check "it has no capabilities" is talks CapabilityBoundingSet ''
check "it has no new privileges" is talks NoNewPrivileges yes
check "a second one of its name is refused" call app_deploy '{"name":"talks","command":"/bin/true"}' '"code":"app_exists"'
for name in Shop shop_1 ../x 'a b' -x x- '' 'a;b'; do
    check "the name '$name' is refused and not cleaned" call app_deploy "{\"name\":\"$name\",\"command\":\"/bin/true\"}" '"code":"(invalid_app_name|invalid_request)"'
done
check "a program that is not there is refused" call app_deploy '{"name":"none","command":"/nowhere"}' '"code":"invalid_app"'
check "an agent needs leave to deploy" limit 60 bash -c "'$AGENTCTL' call app_deploy --as agent --json '{\"name\":\"x\",\"command\":\"/bin/true\"}' 2>&1 | grep -q approval_required"

kill -KILL "$(pid_of talks)"
restarted() { [[ $(show talks NRestarts) == 1 && $(show talks ActiveState) == active ]]; }
check "an app that crashes is started again" until_true 30 restarted
check "the list says so" call app_list '{}' '"name":"talks"[^}]*"restarts":1'
check "it finds its folder as it left it" until_true 20 call app_logs '{"name":"talks"}' 'this is start 2'
before=$(pid_of talks)
other() { [[ $(pid_of talks) != "$before" && $(show talks ActiveState) == active ]]; }
check "an app is restarted" call app_restart '{"name":"talks"}' '"status":"active"'
check "it is another process then" other

check "an app that listens is seen to" call app_deploy '{"name":"web","command":"/usr/local/bin/listens","port":8080}' '"listening":true'
check "a port that is taken is refused" call app_deploy '{"name":"other","command":"/usr/local/bin/listens","port":8080}' '"code":"port_taken"'
check "one that fails says so" call app_deploy '{"name":"fails","command":"/bin/false","restart_policy":"no"}' '"status":"(failed|inactive)"'
check "its end is in the list" until_true 10 call app_list '{}' '"active":"failed"[^}]*"name":"fails"'
check "a failed one can be started again" call app_restart '{"name":"fails"}' '"status":"(failed|inactive|activating|active)"'
check "a failed one can be removed" call app_remove '{"name":"fails"}' '"removed":true'
useradd --system svc 2>/dev/null || adduser --system --quiet svc
check "an app runs as the account that is named" call app_deploy '{"name":"named","command":"/bin/sleep","args":["600"],"user":"svc"}' '"status":"active"'
runs_as() { [[ $(stat -c %U "/proc/$(pid_of named)") == svc ]]; }
check "it does" runs_as
check "osmoda's own accounts are not for apps" call app_deploy '{"name":"x","command":"/bin/true","user":"osmoda-agent"}' '"code":"invalid_app"'
check "an account that is none is refused" call app_deploy '{"name":"x","command":"/bin/true","user":"nobodyhere"}' '"code":"invalid_app"'
call app_deploy '{"name":"nosy","command":"/usr/local/bin/nosy","restart_policy":"no"}' || true
check "a nosy app finishes" until_true 20 call app_logs '{"name":"nosy"}' looked
check "it sees and does nothing that is not its own" lacks app_logs '{"name":"nosy"}' '"message":"(sees|wrote|has)'

check "an app is deployed to be stopped" call app_deploy '{"name":"rests","command":"/bin/sleep","args":["1000"]}' '"status":"active"'
check "an app is stopped" call app_stop '{"name":"rests"}' '"status":"stopped"'
check "it rests" is rests ActiveState inactive
check "the list joins what else there is" call app_list '{}' '"name":"shop"[^}]*"source":"project"' '"name":"left"[^}]*"source":"app"' '"name":"web"[^}]*"source":"managed"'
others
# found PATTERN: one row of the list has it, and one alone.
found() {
    local answer many
    answer=$(limit 60 "$AGENTCTL" call app_list --json '{}' 2>&1) || true
    many=$(grep -oE -- "\{[^{}]*$1[^{}]*\}" <<<"$answer" | wc -l)
    ((many == 1)) || { echo "$1 is there $many times in $answer" && return 1; }
}
check "a service called as apps are is found" until_true 20 found '"active":"active","detail":"brought by another"[^}]*"name":"foreign","pid":[0-9]+[^}]*"source":"app","unit":"osmoda-app-foreign.service"'
check "a project in a home is found" found '"detail":"rust","name":"shop","path":"/home/ann/shop","source":"project"'
check "a program that listens is found" until_true 20 found '"name":"listens","pid":[0-9]+,"port":7070,"source":"port","unit":"peoples.service"'
check "one at a low port is not" lacks app_list '{}' '"port":77,'
check "a container of Docker is found" until_true 20 found '"active":"running","detail":"postgres:16 \(docker\)","name":"db","port":15432,"source":"container"'
check "a container of Podman is found" until_true 20 found '"active":"exited","detail":"docker.io/library/redis:7 \(podman\)","name":"cache","source":"container"'
check "a site of nginx is found" found '"detail":"nginx","name":"store.example","path":"/etc/nginx/sites-enabled/store","source":"domain"'
check "and its other name" found '"detail":"nginx","name":"www.store.example"'
check "a site of Caddy is found" found '"detail":"caddy","name":"blog.example","path":"/etc/caddy/Caddyfile","source":"domain"'
check "a site of nobody is not" lacks app_list '{}' '"name":"(_|localhost|192.0.2.7|old.example)"'
check "a project in root's home is found" found '"detail":"python","name":"bot","path":"/root/bot","source":"project"'
check "what is root's own there is not" lacks app_list '{}' '"path":"/root/(workspace|.cache)"'
check "what another control plane left is found" found '"active":"running","name":"left"[^}]*"path":"/var/lib/osmoda/apps/left/app.json","port":4444,"source":"app"'
check "and nothing was out of sight" lacks app_list '{}' '"not_seen":\["'
check "an app's own listener is not listed twice" lacks app_list '{}' '"port":8080[^}]*"source":"port"'
systemctl kill -s KILL osmoda-agentd
check "apps outlive agentd" is talks ActiveState active
systemctl start osmoda-agentd
check "agentd is back" until_true 20 call system_health '{}' '"status":"ok"'
check "no app was started twice" until_true 10 call app_list '{}' '"name":"talks"[^}]*"restarts":0'

# Sandboxes, through the unit of the runner: agentd's own may make no namespaces.
check "a sandbox runs as systemd's" call sandbox_exec '{"command":"id -u; pwd"}' '"stdout":"1000\\n/sandbox\\n"' '"exit_code":0'
runner_is() { [[ $(stat -c %U "/proc/$(systemctl show -P MainPID osmoda-sandbox.service)") == osmoda-sandbox ]]; }
check "its runner has an account of its own" runner_is
check "it sees nothing of this machine" call sandbox_exec '{"command":"ls /run /var /home/ann /root 2>/dev/null; cat /etc/shadow /opt/osmoda-tree/README.md; echo end"}' '"stdout":"end\\n"'
check "its limits hold" call sandbox_exec '{"command":"while :; do :; done","timeout_secs":1}' '"limits_hit":\[[^]]*time'
check "a fork bomb is its own end" call sandbox_exec '{"command":"perl -e \"fork while 1\"","timeout_secs":2}' '"limits_hit":[^]]*"processes"'
# shellcheck disable=SC2016
check "a memory bomb is its own end" call sandbox_exec '{"command":"perl -e \"\\$x .= q(y) x 1048576 while 1\"","timeout_secs":30}' '"limits_hit":\["memory"\]'
check "the runner goes on" runner_is

# Ring 1: files and a host that its token names, the host through egress's own unit.
cat >/usr/local/bin/greets <<'APP'
#!/usr/bin/perl
use Socket;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!;
setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
bind($s, sockaddr_in($ENV{PORT}, INADDR_LOOPBACK)) or die $!;
listen($s, 5);
while (accept(my $c, $s)) { sysread($c, my $said, 100); syswrite($c, "greetings to $said"); close $c }
APP
cat >/srv/reach.sh <<'REACH'
# Asks the proxy for HOST:PORT and says hello there.
proxy=${https_proxy#http://}
exec 3<>/dev/tcp/127.0.0.1/19999
printf 'CONNECT %s HTTP/1.1\r\nProxy-Authorization: Basic %s\r\n\r\n' "$1" "$(printf %s "${proxy%@*}" | base64 -w 0)" >&3
IFS= read -r answer <&3
echo "${answer%$'\r'}"
while IFS= read -r line <&3 && [[ $line != $'\r' ]]; do :; done
[[ $answer == *' 200 '* ]] || exit 0
printf hello >&3
cat <&3
REACH
chmod 755 /usr/local/bin/greets
mkdir -p /srv/data /srv/other /srv/out
echo "what was given" >/srv/data/file
echo "what was not" >/srv/other/file
chmod 755 /srv /srv/data /srv/other && chmod 644 /srv/reach.sh /srv/*/file
chown osmoda-sandbox /srv/out
check "a host to be reached is up" call app_deploy '{"name":"greets","command":"/usr/local/bin/greets","port":8090}' '"listening":true'
mint() { limit 20 "$AGENTCTL" capability mint test "$@" --json | sed -E 's/.*"token":"([^"]*)".*"id":"([^"]*)".*/\2 \1/'; }
token=$(mint fs.read:/srv/data fs.read:/srv/reach.sh fs.write:/srv/out net:127.0.0.1:8090)
id=${token% *} token=${token#* }
ring1() { call sandbox_exec "{\"ring\":1,\"capabilities\":[\"$token\"],\"command\":\"$1\"}" "${@:2}"; }
check "egress knows agentd's key" until_true 20 bash -c "'$AGENTCTL' egress status --json | grep -q '\"key_known\":true'"
check "ring 1 reads what its token names" ring1 'cat /srv/data/file' '"stdout":"what was given\\n"' '"exit_code":0' '"ring":1' "\"capability_ids\":\\[\"$id\""
check "and nothing else" ring1 'cat /srv/other/file; ls /srv' '"stdout":""' "/srv/other/file: No such file" "'/srv': Permission denied"
check "it writes where it may" ring1 'echo kept >/srv/out/file; echo no >/srv/data/file; echo end' '"stdout":"end\\n"'
check "what it wrote stays" grep -qx kept /srv/out/file
check "what it was only to read is as it was" grep -qx 'what was given' /srv/data/file
check "it reaches the host that its token names" ring1 'bash /srv/reach.sh 127.0.0.1:8090' 'HTTP/1.1 200 ' 'greetings to hello'
check "and no other" ring1 'bash /srv/reach.sh 127.0.0.1:8080' 'HTTP/1.1 403 '
check "without a token there is no proxy" call sandbox_exec '{"command":"bash -c \"exec 3<>/dev/tcp/127.0.0.1/19999\""}' 'refused'
check "the ledger has where it went, under the token of this run" until_true 10 bash -c "'$AGENTCTL' events --type egress.connections --json | grep -q '\"holder\":\"sandbox req_'"
ring1 'sleep 77.5' '"stopped":"capability_lost"' >/tmp/ring1.log 2>&1 &
lost=$!
runs() { pgrep -fx 'sleep 77.5' >/dev/null; }
check "a long run begins" until_true 20 runs
check "its token is taken back" limit 20 "$AGENTCTL" capability revoke "$id"
gone() { ! runs; }
check "which ends the run" until_true 2 gone
told() { wait "$lost"; }
check "whose caller is told why" told
check "and nothing begins under it any more" ring1 true '"code":"token_revoked"'
systemctl stop osmoda-sandbox.socket osmoda-sandbox.service
check "without its runner nothing is run" call sandbox_exec '{"command":"true"}' '"code":"sandbox_unavailable"'
systemctl start osmoda-sandbox.socket
check "with it again it is" call sandbox_exec '{"command":"echo back"}' '"stdout":"back\\n"'
((FAILED == 0))
