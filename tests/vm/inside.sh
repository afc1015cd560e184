#!/usr/bin/env bash
# Runs in the machine at each boot, as root; the kernel's command line says which stage this is. What it prints goes to the
# second serial line.
set -uo pipefail
export NO_COLOR=1 HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin
stage=$(sed -n 's/.*osmoda\.stage=\([^ ]*\).*/\1/p' /proc/cmdline)
check() {
    local name=$1 output
    if output=$("${@:2}" 2>&1 </dev/null); then echo "ok    vm: $name"; else echo "FAIL  vm: $name: $(tail -n 4 <<<"$output" | tail -c 600 | tr '\n' ' ')"; fi
}
says() {
    local words=$1 output
    output=$("${@:2}" 2>&1)
    printf '%s\n' "$output"
    [[ $output == *"$words"* ]]
}
up() { for _ in $(seq 300); do agentctl status && return; sleep 0.2; done; return 1; }
command_of_agent() { runuser -u osmoda-agent -- agentctl call shell_exec --json "{\"command\": \"$1\", \"timeout\": 100000}"; }
case $stage in
probe) echo ALIVE ;;
install)
    check "it is installed on a machine, and no container is seen" /opt/osmoda/install.sh
    check "agentd is up" up
    check "the doctor finds nothing to mend" agentctl doctor
    check "the doctor finds control groups that limit" says "limit cpu, memory and pids" agentctl doctor
    pid=$(systemctl show --value --property MainPID osmoda-agentd)
    systemctl set-property --runtime osmoda-agentd MemoryMax=200M MemorySwapMax=0
    check "a command that eats all the memory is ended" says '"exit_code":137' command_of_agent 'cat /dev/zero | tail -c 2G'
    check "and agentd is not" test "$(systemctl show --value --property MainPID osmoda-agentd)" = "$pid"
    check "which still answers" agentctl health
    killed() { cat /sys/fs/cgroup/system.slice/osmoda-agentd.service/memory.{max,events}; journalctl --dmesg --no-pager | grep -i 'out of memory' | tail -n 1; grep -qE '^oom_kill [1-9]' /sys/fs/cgroup/system.slice/osmoda-agentd.service/memory.events; }
    check "the kernel says that it was the memory" killed
    sandboxed() { runuser -u osmoda-agent -- agentctl call sandbox_exec --json "{\"command\": \"$1\"}"; }
    said_of_sandbox() { journalctl --dmesg --no-pager | grep -i 'killed process' | tail -n 3; journalctl --dmesg --no-pager | grep -q 'task_memcg=[^,]*osmoda-sandbox.service/run-'; }
    check "a sandbox works" says '"stdout":"shut in' sandboxed 'echo shut in'
    check "one that eats memory is told which limit it met" says '"limits_hit":["memory"]' sandboxed 'cat /dev/zero | tail -c 2G'
    check "it was its control group's" said_of_sandbox
    # shellcheck disable=SC2016
    check "one that makes processes without end too" says '"limits_hit":["processes"]' sandboxed 'for i in $(seq 300); do sleep 3 & done; wait'
    check "and the machine still answers" agentctl health
    # Acts without end; each is told only when it was answered.
    for ((number = 1; ; number++)); do
        agentctl call file_write --json "{\"path\": \"/srv/act-$number\", \"content\": \"$number\"}" >/dev/null && echo "ACKNOWLEDGED $number"
    done
    ;;
cut.* | reboot.*)
    last=${stage#*.}
    check "agentd is up by itself (${stage%.*})" up
    check "the ledger verifies (${stage%.*})" agentctl verify-ledger
    check "the doctor finds nothing to mend (${stage%.*})" agentctl doctor
    # An intent and an outcome an act.
    whole() {
        local events
        events=$(agentctl verify-ledger --json | sed -n 's/.*"events":\([0-9]*\).*/\1/p')
        echo "$events events of $last acts"
        ((events >= 2 * last))
    }
    check "no acknowledged act is lost from the ledger (${stage%.*})" whole
    files() { for ((number = 1; number <= last; number++)); do [[ $(cat "/srv/act-$number") == "$number" ]] || return 1; done; }
    check "nor from the disk (${stage%.*})" files
    echo DONE
    sync
    if [[ $stage == cut.* ]]; then systemctl reboot; else systemctl poweroff; fi
    ;;
esac
