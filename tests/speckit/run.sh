#!/usr/bin/env bash
# Spec-driven projects with the real specify CLI, and an agent CLI of the test's own that says what it was told.
#   tests/speckit/run.sh [AGENTCTL]
set -euo pipefail
# shellcheck source=../lib/suite.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib/suite.sh"
# shellcheck source=../../scripts/peers.sh
source "$OSMODA_ROOT/scripts/peers.sh"
agentctl_from "${1:-}"
need python
peer specify
folder=''
# Where everybody may go: as root the programs run as nobody.
TMPDIR=/var/tmp scratch folder
chmod 755 "$folder"
# The environment's own Python may lie in somebody's home.
python=$("${PEER%/specify}/python" -c 'import os, sys; print(os.path.realpath(sys.executable))')
[[ $python == /usr/* || $EUID != 0 ]] || python=/usr/bin/python3
cp -r -- "${PEER%/bin/specify}"/lib/python3*/site-packages "$folder/packages"
chmod -R a+rX "$folder/packages"
mkdir "$folder/suite"
cat >"$folder/agent" <<'AGENT'
#!/bin/sh
echo "i am $(id -u) in $(pwd)"
echo "told: $*"
case $* in *slowly*) sleep 60 ;; esac
echo done >>agent-was-here
AGENT
chmod 755 "$folder/agent"
cat >"$folder/suite/osmoda.toml" <<TOML
[agentd.spec_kit]
workspace = "$folder/workspace"
account = "nobody"
specify = ["/usr/bin/env", "PYTHONPATH=$folder/packages", "$python", "-c", "import sys, specify_cli; sys.exit(specify_cli.main())"]
[agentd.spec_kit.agents]
claude = ["$folder/agent", "--print"]
codex = ["no-such-agent"]
TOML

suite=$folder/bare
call() {
    local answer pattern
    answer=$(limit 120 "$AGENTCTL" --dir "$suite" call "$1" --json "$2" 2>&1) || true
    for pattern in "${@:3}"; do
        grep -qE -- "$pattern" <<<"$answer" || {
            echo "no $pattern in $answer"
            return 1
        }
    done
}

# Where the specify CLI is missing: what is refused has made nothing.
mkdir "$suite"
printf '[agentd.spec_kit]\nworkspace = "%s/made"\naccount = "nobody"\nspecify = ["no-such-specify"]\n' "$folder" >"$suite/osmoda.toml"
OSMODA_CONFIG=$suite/osmoda.toml start_suite "$suite"
check "a missing specify says so" call spec_kit_init '{"project_name":"shop"}' '"code":"program_missing"' 'no-such-specify'
check "and the workspace was not made" test ! -e "$folder/made"
stop_suite "$suite"

if ((EUID == 0)); then install -d -o nobody "$folder/workspace"; fi
suite=$folder/suite
export OSMODA_CONFIG=$suite/osmoda.toml
start_suite "$suite"
own=$(id -u) && if ((own == 0)); then own=65534; fi
project=$folder/workspace/shop
check "a project is made" call spec_kit_init '{"project_name":"shop","constitution_seed":"Tests come first."}' "\"project_path\":\"$project\"" '"speckit-specify"' '"next_action":"spec_kit_run'
check "it begins with the principles that were given" grep -q "Tests come first" "$project/.specify/memory/constitution.md"
owned() { [[ $(stat -c %u "$project") == "$own" ]]; }
check "it belongs to the account" owned
check "a second one of its name is refused" call spec_kit_init '{"project_name":"shop"}' '"code":"project_exists"'
for name in Shop ../shop --here ''; do
    check "the name '$name' is refused" call spec_kit_init "{\"project_name\":\"$name\"}" '"code":"(invalid_project_name|invalid_request)"'
done
check "a phase is run as the account, in the project" call spec_kit_run "{\"project_path\":\"$project\",\"command\":\"specify\",\"prompt\":\"a shop; \$(id)\"}" \
    "i am $own in $project" 'told: --print /speckit-specify a shop; \$\(id\)' '"exit_code":0'
check "it works on the project's files" test -e "$project/agent-was-here"
check "a phase that is none is refused" call spec_kit_run "{\"project_path\":\"$project\",\"command\":\"deploy\"}" '"code":"invalid_request"'
check "outside the workspace nothing is run" call spec_kit_run '{"project_path":"/etc","command":"specify"}' '"code":"outside_workspace"'
ln -s /etc "$folder/workspace/link"
check "nor behind a link out of it" call spec_kit_run "{\"project_path\":\"$folder/workspace/link\",\"command\":\"specify\"}" '"code":"outside_workspace"'
for integration in codex gemini copilot generic; do
    check "a project for $integration is made" call spec_kit_init "{\"project_name\":\"for-$integration\",\"integration\":\"$integration\"}" '"speckit.specify"'
done
check "a missing agent says how to install it" call spec_kit_run "{\"project_path\":\"$folder/workspace/for-codex\",\"command\":\"plan\"}" '"code":"program_missing"' 'no-such-agent'
check "an agent that is not configured says how to" call spec_kit_run "{\"project_path\":\"$folder/workspace/for-generic\",\"command\":\"plan\"}" '"code":"program_missing"' 'agentd.spec_kit.agents'
# Progress: a receipt at once, lines while it runs, the end when the caller wants no more.
socket=$folder/suite/run/agentd.sock
receipt=$(curl -sS --unix-socket "$socket" -H 'Prefer: respond-async' -H 'Content-Type: application/json' \
    -d "{\"project_path\":\"$project\",\"command\":\"plan\",\"prompt\":\"slowly\"}" http://localhost/spec-kit/run)
id=$(json 'it["id"]' <<<"$receipt" 2>/dev/null || json 'it["request_id"]' <<<"$receipt")
progress() {
    local end=$((SECONDS + 20))
    until curl -sS --unix-socket "$socket" "http://localhost/requests/$id" | grep -q 'told: --print /speckit-plan slowly'; do
        ((SECONDS < end)) || { echo "$receipt" && return 1; }
        sleep 0.2
    done
}
check "what a phase says is its progress" progress
conclude
