#!/usr/bin/env bash
# Does training make a model write better tests? Base and trained model on held-out functions, executed, with intervals.
#
#   MODEL=FOLDER runs/evidence.sh DATASET OUT
#
# DATASET is what `curate` and `split` wrote. For complete held-out repositories, as in the paper: `split --scheme repository
# --hold-out ORG/REPO`, and SCHEME=repository here. MODEL is a folder or name that transformers loads, or `embedded`;
# `goutbench train --gguf FILE --out FOLDER` writes such a folder from a GGUF file.
# The base model writes tests twice, without and with an in-context example: without one it may not know what is expected.
# EXAMPLES=1 shows an example to both models, and in training. STEPS=32 sets the length of the training, STOP_AT=20 ends it
# early. The same command resumes. REPOS is a folder with the repositories; their modules are downloaded first.
# The defaults are for a GPU and a model of 0.5B weights or more. The references of the training pairs run first; WHERE=true skips
# that and trains on tests that nobody ran. On two CPU cores:
#
#   MODEL=embedded CONFIG=self-contained-function FUNCTIONS=110 TOKENS=384 BUDGET=256 CROSS_FILE=0 \
#     PATHS='^(archive|compress|container|encoding|hash|html|image|index|mime|text|regexp)/' runs/evidence.sh DATASET OUT
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" TOKENIZERS_PARALLELISM=false PYTHONWARNINGS=ignore CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES-0}
data=${1:?a dataset folder that was split} out=${2:?a folder to write to} model=${MODEL:?a folder with a model, or: embedded}
config=${CONFIG:-focal-function} scheme=${SCHEME:-leakfree} where=${WHERE:-}
functions=${FUNCTIONS:-300} tokens=${TOKENS:-1024} budget=${BUDGET:-4096} cross_file=${CROSS_FILE:-512} batch=${BATCH:-12}
mutants=${MUTANTS:-20} repos=${REPOS:-} examples=${EXAMPLES:-0}

if [ "$model" = embedded ]; then
  model=$out/base-model
  [ -f "$model/config.json" ] || goutbench train --prepare-embedded "$model"
fi
own=$config; [ -f "$own" ] || own=src/goutbench/train/built_in/$config.yaml  # a built-in recipe
chosen=${where:-$(sed -n 's/^  where: *//p' "$own")}  # these columns need a run of the references
if [[ $chosen =~ verified|coverage|mutation_score ]] && [ ! -f "$data/reference.parquet" ]; then
  scored=(); [[ ! $chosen =~ mutation_score ]] || scored=(--mutants "$mutants")
  goutbench execute --reference --prepare --dataset "$data" ${repos:+--repos "$repos"} ${scored[@]+"${scored[@]}"} --out "$out/verified"
fi
goutbench train "$config" --dataset "$data" --split "$scheme" --model "$model" --set "data.examples=$examples" \
  ${STEPS:+--set "sft.max_steps=$STEPS"} --stop-at "${STOP_AT:-0}" ${where:+--where "$where"} --out "$out/model"
tuned=$out/model/merged
[ -d "$tuned" ] || tuned=$out/model/model  # full fine-tuning

arms=(base tuned)
[ "$examples" != 0 ] || arms=(base base-example tuned)
runs=()
for name in "${arms[@]}"; do
  weights=$model shown=$examples run=$out/$name
  [ "$name" != tuned ] || weights=$tuned
  [ "$name" != base-example ] || shown=1
  goutbench generate "$data" --model "hf/$weights" -M "batch_size=$batch" --connections "$batch" --unit function \
    --split "$scheme:test" ${PATHS:+--paths "$PATHS"} --budget "$budget" --cross-file-tokens "$cross_file" --limit "$functions" \
    --tokenizer "$tuned/tokenizer.json" --examples "$shown" --max-tokens "$tokens" --temperature 0 --out "$run"
  goutbench execute "$run/candidates.parquet" --prepare --dataset "$data" ${repos:+--repos "$repos"} --mutants "$mutants" --out "$run"
  runs+=("$name=$run")
done
goutbench execute "$out/base/candidates.parquet" --reference --prepare --dataset "$data" ${repos:+--repos "$repos"} --mutants "$mutants" \
  --out "$out/reference"
for ((i = 0; i < ${#arms[@]} - 1; i++)); do  # one page for each arm of the base model
  page=report; [ "$i" = 0 ] || page=report-example
  goutbench report "${runs[@]}" "$out/reference" --dataset "$data" --base "${arms[i]}" --out "$out/$page.html"
done
