#!/usr/bin/env bash
# Every gate of the project, each once, then one table. Fails when a gate fails or ran nothing.
# Runs every gate even after a failure, so that one run shows everything there is to mend.
# The output of each gate is kept in artifacts/verify/<gate>.log.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

logs=artifacts/verify
tail_lines_max=80
declare -a rows=()
failures=0
export NO_COLOR=1
unset FORCE_COLOR
export PATH="$PWD/node_modules/.bin:$PATH"

# run_gate <name> <function>: the function prints what it does; its last line is the evidence shown.
run_gate() {
  local name=$1 gate=$2 log=$logs/$1.log status=0 started=$EPOCHREALTIME
  printf '%s ...\n' "$name"
  # Not `if "$gate"` or `"$gate" || ...`: there bash ignores a failure inside the function.
  set +e
  (
    set -euo pipefail
    "$gate"
  ) </dev/null >"$log" 2>&1
  status=$?
  set -e
  local seconds
  seconds=$(awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
  local verdict=ok evidence
  evidence=$(grep -v '^ *$' "$log" | tail -n 1 | cut -c 1-60 || true)
  if [ "$status" -ne 0 ]; then
    verdict=FAILED
    failures=$((failures + 1))
    tail -n "$tail_lines_max" "$log" | sed "s/^/  $name: /"
  fi
  rows+=("$(printf '%-8s %-6s %7ss  %s' "$name" "$verdict" "$seconds" "$evidence")")
}

# at_least_one <count> <what>: a gate that looked at nothing has not passed.
at_least_one() {
  if [ "${1:-0}" -lt 1 ]; then
    echo "no $2 seen: this gate ran nothing"
    return 1
  fi
  echo "$1 $2"
}

# count_of <pattern with one group> <log>: the number that a tool printed so far, or 0. Some tools
# colour their output on build machines whatever they are told.
count_of() {
  sed -E 's/\x1b\[[0-9;]*m//g' "$2" | sed -nE "s/.*$1.*/\1/p" | tail -n 1 | grep . || echo 0
}

gate_install() {
  node deploy/bootstrap/run.mjs install
  # This shell remembers where it found the host's Node, from before the pinned one was there.
  hash -r
  [ "$(node -p 'process.versions.node.split(".")[0]')" = 24 ] || { echo 'Node 24 is missing'; return 1; }
  echo "Node $(node -p process.version)"
}

gate_format() {
  npm run --silent format:check
  at_least_one "$(count_of 'Checked ([0-9]+) files?' "$logs/format.log")" 'files'
}

gate_lint() {
  npm run --silent lint
  at_least_one "$(count_of ' on ([0-9]+) files?' "$logs/lint.log")" 'files'
}

gate_types() {
  npm run --silent types
  local all pure
  all=$(tsc -p tsconfig.json --listFilesOnly | grep -vc /node_modules/ || true)
  pure=$(tsc -p tsconfig.pure.json --listFilesOnly | grep -vc /node_modules/ || true)
  at_least_one "$pure" 'files without Node types'
  at_least_one "$all" 'files'
}

gate_unused() {
  npm run --silent unused
  echo 'nothing unused'
}

gate_laws() {
  vitest run --project unit test/unit/laws
  at_least_one "$(count_of 'Tests +([0-9]+) passed' "$logs/laws.log")" 'law tests'
}

# The command that the README gives its readers, run as it stands there.
gate_tests() {
  local command line
  command=$(sed -nE 's/^(npm (run )?test)( *#.*)?$/\1/p' README.md | head -n 1)
  [ -n "$command" ] || { echo 'README.md names no test command'; return 1; }
  rm -f artifacts/test-report.json
  echo "\$ $command"
  bash -c "$command"
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$logs/tests.log" | tail -n 1 || true)
  at_least_one "${line%% *}" 'tests passed'
  echo "$line"
  case $line in *', 0 failed') ;; *) return 1 ;; esac
}

gate_trace() { node plans/trace.ts; }

rm -rf "$logs"
mkdir -p "$logs"
run_gate install gate_install
if [ "$failures" -eq 0 ]; then
  for gate in format lint types unused laws tests trace; do run_gate "$gate" "gate_$gate"; done
fi

printf '\n%-8s %-6s %8s  %s\n' gate result time evidence
printf '%s\n' "${rows[@]}"
[ "$failures" -eq 0 ] && echo 'verify: every gate passed' || echo "verify: $failures failed"
exit $((failures > 0))
