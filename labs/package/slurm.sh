#!/usr/bin/env bash
# Grades a class as a Slurm job array: shard I of N in task I. For 300 submissions in 8 tasks:
#   sbatch --array=1-8 labs/package/slurm.sh 03 submissions/ grades/
# afterwards: cat grades/*.csv (each with its header)
#SBATCH --job-name=ringside-labs
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --time=01:00:00
set -euo pipefail
lab=$1 submissions=$2 grades=$3
shard=${SLURM_ARRAY_TASK_ID:?start it with sbatch --array=1-N}
mkdir -p "$grades"
exec "${RINGSIDE:-ringside}" lab grade "$lab" "$submissions" --shard "$shard/${SLURM_ARRAY_TASK_COUNT:?}" \
  --jobs "${SLURM_CPUS_PER_TASK:-1}" --format csv --output "$grades/$(printf '%04d' "$shard").csv"
