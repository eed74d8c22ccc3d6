#!/usr/bin/env bash
# Act two of the demo: a model of 135 million weights writes tests for the functions of act one, as it is, with an example in its
# prompt, and after five minutes of training; the page of act one grows by its rows. About ten minutes on two CPU cores.
#
#   runs/demo_models.sh [JUDGE]      JUDGE: a model that compares the answers, such as openai/gpt-4o-mini; optional
#
# The same command resumes. SAMPLES=2 is the number of answers for each function, TOKENS=512 their maximum length. What other
# people's libraries print is in demo/log.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" TOKENIZERS_PARALLELISM=false PYTHONWARNINGS=ignore
judge=${1:-} data=demo/dataset base=demo/base
. runs/demo_items.sh
step() { printf '\n== %s\n' "$*"; }
quietly() { "$@" >> demo/log.txt 2>&1 || { code=$?; tail -20 demo/log.txt; echo "the rest is in demo/log.txt"; exit "$code"; }; }

step "1 of 4: unpack the embedded model, SmolLM2-135M-Instruct, and train it on functions and their tests (five minutes)"
quietly goutbench train --prepare-embedded "$base"
quietly goutbench train demo --dataset "$data" --model "$base" --out demo/model

step "2 of 4: the model writes tests: as it is, with an example, and trained"
writes() {  # NAME, weights, further options
  name=$1 weights=$2
  shift 2
  quietly goutbench generate "$data" --model "hf/$weights" -M batch_size=16 --connections 16 "${items[@]}" --samples "${SAMPLES:-2}" \
    --max-tokens "${TOKENS:-512}" --temperature 0.8 "$@" --out "demo/run-$name"
  echo "$name has written"
}
writes base "$base"
writes example "$base" --examples 1
writes tuned demo/model/merged

step "3 of 4: execute all tests in the sandbox, with coverage and 20 mutants for each file"
for name in base example tuned; do
  goutbench execute "demo/run-$name/candidates.parquet" --dataset "$data" --mutants 20 --out "demo/run-$name" > "demo/executed-$name.txt" || {
    code=$?; [ "$code" = 6 ] || exit "$code"; echo "Skipped: there is no sandbox."; break
  }
done

judged=()
if [ -n "$judge" ]; then
  goutbench judge demo/run-base demo/run-tuned --dataset "$data" --judge "$judge" --out demo/judged  # a failure ends the demo
  judged=(--judge demo/judged)
fi

step "4 of 4: write the page"
goutbench report "SmolLM2-135M=demo/run-base" "SmolLM2-135M, one example=demo/run-example" "SmolLM2-135M, tuned=demo/run-tuned" \
  demo/run-reference demo/run-no-assertions demo/run-smoke demo/run-empty --dataset "$data" --base SmolLM2-135M \
  ${judged[@]+"${judged[@]}"} --out demo/report.html --title "A model of 135 million weights writes Go tests"

cat <<END
Open demo/report.html. A model of this size mostly shows that the pipeline works; the page lists every test with its result.
Next, with a real model and your own code:
  export PATH=$PWD/.venv/bin:\$PATH
  goutbench run repos.yaml --model openai/gpt-4o --model YOUR-MODEL
END
