#!/usr/bin/env bash
# Builds the suite, starts it in a folder without systemd, and shows it at work: an agent calls ten tools, asks for leave
# to do what needs it, and gets it from the operator. Then the suite stays up until Ctrl-C.
#   scripts/try.sh [--dir DIR] [--once | --detach]
#     --dir DIR   the suite's folder (sockets in DIR/run, state in DIR/state); a fresh temporary one by default
#     --once      end after the demonstration, with its status
#     --detach    leave the suite running and end
# Root is not needed; as root, what is missing is installed.
set -euo pipefail
# shellcheck source=peers.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
source "$OSMODA_ROOT/scripts/peers.sh"

dir='' mode=stay
while (($#)); do
    case $1 in
    --dir)
        [[ -n ${2:-} ]] || misuse "--dir needs a folder"
        dir=$2
        shift
        ;;
    --dir=?*) dir=${1#--dir=} ;;
    --once) mode=once ;;
    --detach) mode=detach ;;
    -h | --help)
        sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit
        ;;
    *) misuse "unknown argument $1" ;;
    esac
    shift
done

need build python
peer mcp-v2
python=$PEER

# Unoptimised: built in half the time, and fast enough to look at.
say "building the suite (the first time takes a few minutes)"
(cd "$OSMODA_ROOT" && cargo build --locked --package osmoda-agentctl --package osmoda-agentd --package osmoda-sandbox --bins)
agentctl=$(build_folder)/debug/agentctl

if [[ -z $dir ]]; then
    if [[ $mode == detach ]]; then
        dir=$(mktemp -d "${TMPDIR:-/tmp}/osmoda.XXXXXX")
    else
        scratch dir
    fi
fi
mkdir -p -- "$dir"
dir=$(realpath -- "$dir")
ctl() { "$agentctl" --dir "$dir" "$@"; }

say "starting the suite in $dir"
limit 60 "$agentctl" --dir "$dir" up --detach </dev/null >/dev/null || die "the suite did not start; its logs are under $dir"
keep=no
end_suite() {
    if [[ $keep == no ]]; then limit 60 "$agentctl" --dir "$dir" down </dev/null >/dev/null; fi
}
at_exit end_suite
say "agentctl status"
ctl status

say "an agent (the Python MCP SDK over agentctl mcp) calls ten tools, then tries what needs leave"
agent() { limit 150 "$python" "$OSMODA_ROOT/scripts/try/agent.py" "$agentctl" "$dir" "$dir/demonstration" "$@" </dev/null; }
said=$(agent) || die "the agent failed"
printf '%s\n' "${said%$'\n'*}"
approval=${said##*$'\n'}

say "the operator sees the question, and says yes: agentctl approvals; agentctl approve $approval"
ctl approvals
ctl approve "$approval"
say "the agent tries again, with the approval"
agent "$approval" || die "the approval did not help"
say "nobody changed the ledger of all this: agentctl verify-ledger"
ctl verify-ledger

case $mode in
once) exit 0 ;;
detach)
    keep=yes
    say "the suite stays up. Speak to it with:  $agentctl --dir $dir status    End it with:  $agentctl --dir $dir down"
    exit 0
    ;;
esac
say "the suite stays up until Ctrl-C. In another terminal:"
cat >&2 <<END
    $agentctl --dir $dir status
    $agentctl --dir $dir events --follow
    claude mcp add osmoda -- $agentctl --dir $dir mcp
END
sleep infinity &
at_exit "kill $!"
trap 'exit 0' INT TERM
wait
