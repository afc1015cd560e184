# shellcheck shell=bash
# What the shell side of every test suite shares: a scratch suite of daemons, and a count of what held.
# Source it after setting nothing; it sources scripts/lib.sh itself.

# shellcheck source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

# agentctl_from "$@": sets AGENTCTL to the program in the first argument, in AGENTCTL, or in the build folder.
agentctl_from() {
    AGENTCTL=${1:-${AGENTCTL:-$(build_folder)/debug/agentctl}}
    [[ -x $AGENTCTL ]] || die "there is no agentctl at $AGENTCTL: build it (cargo build --bins) or name it as the first argument"
    AGENTCTL=$(realpath -- "$AGENTCTL")
    export AGENTCTL
}

# start_suite FOLDER: a suite of daemons in a folder, ended with the script.
start_suite() {
    at_exit "end_suite '$1' >/dev/null 2>&1"
    limit 60 "$AGENTCTL" --dir "$1" up --detach </dev/null >"$1.up.log" 2>&1 || {
        cat "$1.up.log" >&2
        die "the suite did not come up"
    }
}

# stop_suite FOLDER: ends it; nothing of it may be left.
stop_suite() {
    limit 60 "$AGENTCTL" --dir "$1" down </dev/null || return 1
    ! suite_processes "$1" >/dev/null
}

# end_suite FOLDER: the same when all is over, and by force where it does not go.
end_suite() {
    local pid
    stop_suite "$1" && return
    suite_processes "$1" | while read -r pid _; do kill -KILL "$pid"; done
}

# suite_processes FOLDER: the suite's processes that still live, with their command lines; fails where there is none.
suite_processes() {
    local process line found=1
    for process in /proc/[0-9]*; do
        if [[ ${process#/proc/} == "$$" || ${process#/proc/} == "$BASHPID" ]]; then continue; fi
        # Those that ended meanwhile can't be read; a dead one that nobody has buried has no command line.
        line=$({ tr '\0' '\n' <"$process/cmdline"; } 2>/dev/null) || continue
        [[ -n $line ]] || continue
        if grep -qxF -e "$1" -e "--dir=$1" -e "$1/run" <<<"$line" ||
            { tr '\0' '\n' <"$process/environ" | grep -qxF "OSMODA_RUN_DIR=$1/run"; } 2>/dev/null; then
            printf '%s %s\n' "${process#/proc/}" "${line//$'\n'/ }"
            found=0
        fi
    done
    return "$found"
}

PASSED=0 FAILED=0

# check NAME COMMAND...: one check, which holds where the command succeeds; what it prints is shown where it fails.
check() {
    local name=$1 output
    if output=$("${@:2}" 2>&1 </dev/null); then
        echo "ok    $name"
        PASSED=$((PASSED + 1))
    else
        echo "FAIL  $name: $(tail -n 5 <<<"$output" | tr '\n' ' ')"
        FAILED=$((FAILED + 1))
    fi
}

# not COMMAND...: it fails.
not() { ! "$@"; }

# says WORDS COMMAND...: the command prints these words, whatever its status.
says() {
    local words=$1 output
    output=$("${@:2}" 2>&1) || true
    printf '%s\n' "$output"
    [[ $output == *"$words"* ]]
}

# until_true SECONDS COMMAND...: the command succeeds within so many seconds; what the last try printed is shown.
until_true() {
    local end=$((SECONDS + $1))
    while ((SECONDS < end)); do
        "${@:2}" >/dev/null 2>&1 && return
        sleep 0.1
    done
    "${@:2}"
}

# run_checks NAME SECONDS COMMAND...: a script that prints one line a check, and fails where one of them does.
run_checks() {
    local name=$1 log passed failed status=0
    log=$(mktemp "${TMPDIR:-/tmp}/osmoda-checks.XXXXXX")
    limit "$2" "${@:3}" </dev/null 2>"$log.errors" | tee "$log" || status=$?
    passed=$(grep -c '^ok ' "$log" || true)
    failed=$(grep -c '^FAIL ' "$log" || true)
    if ((status != 0 && failed == 0)) || ((passed + failed == 0)); then
        echo "FAIL  $name: it ended with status $status: $(tail -n 8 "$log.errors" | tr '\n' ' ')"
        failed=$((failed + 1))
    fi
    PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed))
    rm -f -- "$log" "$log.errors"
}

# conclude: the closing line, and the script's status.
conclude() {
    echo "$PASSED passed, $FAILED failed"
    ((FAILED == 0 && PASSED > 0)) || exit 1
}
