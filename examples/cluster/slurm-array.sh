#!/bin/bash
# One shard for each task of a Slurm array; the last job joins them:
#   jobs=$(sbatch --parsable examples/cluster/slurm-array.sh)
#   sbatch --dependency=afterok:$jobs --wrap "goutbench merge $RUN/part-* --dataset $DATASET --out $RUN/run"
#SBATCH --job-name=goutbench
#SBATCH --array=1-16
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --requeue
set -euo pipefail

# not SLURM_ARRAY_TASK_COUNT, which differs where some tasks are submitted again, such as with --array=7,9
SHARDS=${SHARDS:-16}

: "${DATASET:?the dataset folder, on shared storage}"
: "${CANDIDATES:?a file of candidates, on shared storage}"
: "${REPOS:?the folder of repositories, on shared storage}"
: "${RUN:?the folder of the shards, on shared storage}"

# a task that was requeued resumes; trees and build caches are on the node's own disk
exec goutbench execute "$CANDIDATES" --dataset "$DATASET" --repos "$REPOS" \
    --shard "$SLURM_ARRAY_TASK_ID/$SHARDS" --out "$RUN/part-$SLURM_ARRAY_TASK_ID" \
    --workers "$SLURM_CPUS_PER_TASK" --work "${SLURM_TMPDIR:-/tmp/goutbench-$USER}"
