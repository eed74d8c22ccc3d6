#!/usr/bin/env bash
# Do tests of concurrent functions get better with the prompt `concurrency`? One model answers it and the default prompt about the
# same functions; the tests run repeatedly and under the race detector.
#
#   runs/prompts.sh DATASET MODEL [OUT]      MODEL: Inspect's name, such as openai/gpt-4o-mini or hf/FOLDER
#
# The same command resumes. FUNCTIONS=100 is the number of functions, SAMPLES=1 that of samples, SPLIT=SCHEME:SPLIT selects a part of
# the dataset, PROMPTS="default concurrency" the prompts (names or folders), REPEAT=10 the runs of each test. GENERATE and EXECUTE have
# further options, such as GENERATE="--base-url http://127.0.0.1:8000/v1".
set -euo pipefail
dataset=${1:?DATASET} model=${2:?MODEL} out=${3:-prompts}
read -ra prompts <<<"${PROMPTS:-default concurrency}"
read -ra generate <<<"${GENERATE:-}"
read -ra execute <<<"${EXECUTE:-}"
select=(--unit function --concurrent --limit "${FUNCTIONS:-100}" --split "${SPLIT:-}")

items=$(goutbench generate "$dataset" --model scripted/echo --dry-run --json --out "$out/none" "${select[@]}" |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["items"])')
echo "$items concurrent functions"
[ "$items" -ge 40 ] || { echo "at least 40 are needed: give a larger dataset, or another SPLIT" >&2; exit 2; }

runs=()
for prompt in "${prompts[@]}"; do
  run="$out/$(basename "$prompt")"
  goutbench generate "$dataset" --model "$model" --prompt "$prompt" "${select[@]}" --samples "${SAMPLES:-1}" --out "$run" \
    ${generate[@]+"${generate[@]}"}
  goutbench execute "$run/candidates.parquet" --dataset "$dataset" --race --repeat "${REPEAT:-10}" --mutants 20 --out "$run" \
    ${execute[@]+"${execute[@]}"}
  runs+=("$run")
done
goutbench report "${runs[@]}" --dataset "$dataset" --out "$out/report.html" --title "Tests of concurrent functions, by prompt"
