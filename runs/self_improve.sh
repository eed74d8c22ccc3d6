#!/usr/bin/env bash
# Does a model get better by training on its own tests, after execution has selected them? In each iteration the current model answers
# functions of the training split, its tests are executed, the best rows of all iterations so far train the base model, and the result
# answers held-out functions. With TEACHER, another model answers in the first iteration: then the base model learns from it.
#
#   runs/self_improve.sh [DATASET] [OUT]      defaults: the Go standard library, self_improve/
#
# The same command resumes. MODEL=FOLDER is the base model (default: the embedded SmolLM2-135M), ITERATIONS=2, SAMPLES=4 replies for
# each of FUNCTIONS=200 training functions at temperature TEMPERATURE=0.8, HELD_OUT=60 functions for the comparison, RECIPE the recipe, STEPS
# its steps (default: the recipe's), WHERE which tests teach. SELECT, GENERATE, EXECUTE and TRAIN have further options.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export PATH="$root/.venv/bin:$PATH" TOKENIZERS_PARALLELISM=false PYTHONWARNINGS=ignore
dataset=${1:-} out=${2:-self_improve}
iterations=${ITERATIONS:-2} recipe=${RECIPE:-demo}
where=${WHERE:-"status = 'PASSED' AND mutation_score > 0"}
# Packages of the standard library whose own tests take seconds, and small pure functions: what the embedded model can do.
std='^(archive|bytes|container|encoding|errors|go|hash|html|index|mime|net/url|path|sort|strconv|strings|text|unicode)'
read -ra select <<<"${SELECT:---pure --budget 256 --cross-file-tokens 0 --paths $std}"
read -ra generate <<<"${GENERATE:--M batch_size=8 --connections 8 --max-tokens 200}"
read -ra execute <<<"${EXECUTE:-}"
read -ra train <<<"${TRAIN:-}"
[ -z "${STEPS:-}" ] || train+=(--set "sft.max_steps=$STEPS")
step() { printf '\n== %s\n' "$*"; }

mkdir -p "$out"
if [ -z "$dataset" ]; then
  dataset="$out/dataset"
  step "curate and split the Go standard library"
  goutbench curate --builtin std --out "$dataset"
  goutbench split "$dataset"
fi
base=${MODEL:-$out/base}
[ -n "${MODEL:-}" ] || goutbench train --prepare-embedded "$base"

ask() { # MODEL SPLIT OUT OPTION…: answer functions of a split and execute the tests
  local model=$1 split=$2 run=$3
  shift 3
  goutbench generate "$dataset" --model "$model" --unit function --split "leakfree:$split" --tokenizer "$base/tokenizer.json" \
    "${select[@]}" "${generate[@]}" "$@" --out "$run"
  goutbench execute "$run/candidates.parquet" --dataset "$dataset" --mutants 20 --out "$run" ${execute[@]+"${execute[@]}"}
}

step "the base model answers held-out functions"
ask "hf/$base" validation+test "$out/held-out-0" --limit "${HELD_OUT:-60}" --temperature 0
runs=() pages=("base=$out/held-out-0") current="hf/$base"
[ -z "${TEACHER:-}" ] || current=$TEACHER
for ((i = 1; i <= iterations; i++)); do
  step "iteration $i of $iterations: $current answers functions of the training split"
  # another seed draws other functions, and the samples are new in every iteration: it is another model
  ask "$current" train "$out/run-$i" --limit "${FUNCTIONS:-200}" --seed "$i" --samples "${SAMPLES:-4}" \
    --temperature "${TEMPERATURE:-0.8}"
  runs+=("$out/run-$i")
  step "iteration $i: the best tests so far become rows"
  goutbench harvest "${runs[@]}" --dataset "$dataset" --where "$where" --out "$out/rows-$i"
  step "iteration $i: the base model is trained on them"
  goutbench train "$recipe" --dataset "$dataset" --model "$base" --rows "$out/rows-$i" --rows-only --out "$out/model-$i" \
    ${train[@]+"${train[@]}"}
  current="hf/$out/model-$i/merged"
  step "iteration $i: the trained model answers held-out functions"
  ask "$current" validation+test "$out/held-out-$i" --limit "${HELD_OUT:-60}" --temperature 0
  pages+=("after $i=$out/held-out-$i")
done
goutbench report "${pages[@]}" --dataset "$dataset" --base base --out "$out/report.html" \
  --title "A model trained on its own executed tests, iteration by iteration"
