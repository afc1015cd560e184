#!/usr/bin/env bash
# Every test: the crates' own, then the suites under tests/ that need the built programs and real clients.
#   scripts/test.sh [SUITE...]     only these suites of tests/ (such as: e2e mcp), without the crates' tests
#   scripts/test.sh --vm           only the suite on a machine of its own in QEMU, which is slow
# What the tests need is installed by name, as root; otherwise the script says what to install.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd -- "$OSMODA_ROOT"

case ${1:-} in
-h | --help)
    sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit
    ;;
esac
runner=run.sh most=1200
if [[ ${1:-} == --vm ]]; then
    shift
    (($# == 0)) || misuse "--vm stands alone"
    set -- vm
    # Emulated, each boot takes minutes.
    runner=machine.sh most=3600
fi
suites=("$@")
need build python npm
logs=''
scratch logs
passed=0 failed=0 skipped=0

# add NAME STATUS PASSED FAILED SKIPPED: one more part of the whole. A part that failed without a failed test counts as one.
add() {
    local broken=$4
    if (($2 != 0 && broken == 0)); then
        broken=1
        warn "$1 ended with status $2"
    elif (($3 + broken + $5 == 0)); then
        broken=1
        warn "$1 ran no test"
    fi
    passed=$((passed + $3)) failed=$((failed + broken)) skipped=$((skipped + $5))
    ((broken == 0)) || warn "$1: $broken failed"
}

# sum FIELD: adds up what cargo's closing lines say of it, such as `3 ignored`.
sum() { sed -n "s/^test result: .* \([0-9]*\) $1;.*/\1/p" "$logs/cargo" | awk '{ n += $1 } END { print n + 0 }'; }

say "building every program"
# The crates' tests start each other's programs.
cargo build --locked --workspace --bins
if ((${#suites[@]} == 0)); then
    say "the crates' tests"
    status=0
    limit 3000 cargo test --locked --workspace --no-fail-fast </dev/null 2>&1 | tee "$logs/cargo" || status=$?
    add "the crates' tests" "$status" "$(sum passed)" "$(sum failed)" "$(sum ignored)"
    suites=()
    for found in tests/*/run.sh; do suites+=("$(basename "$(dirname "$found")")"); done
fi

for suite in "${suites[@]}"; do
    [[ -x tests/$suite/$runner ]] || misuse "there is no suite tests/$suite"
    say "tests/$suite"
    status=0
    limit "$most" "tests/$suite/$runner" "$(build_folder)/debug/agentctl" </dev/null | tee "$logs/$suite" || status=$?
    closing=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$logs/$suite" | tail -n 1 || true)
    read -r good _ bad _ none _ <<<"${closing:-0 passed, 0 failed}"
    add "tests/$suite" "$status" "$good" "$bad" "${none:-0}"
done

say "failed checks:"
grep -hE '^(FAIL  |test .* FAILED$)' "$logs"/* >&2 || echo "    none" >&2
if ((skipped)); then echo "$passed passed, $failed failed, $skipped skipped"; else echo "$passed passed, $failed failed"; fi
((failed == 0))
