#!/bin/sh
# A sharded run under Slurm: the first task is the hub, the others are its shards.
#
#   sbatch slurm.sh rollout.yaml
#
#SBATCH --job-name=qpyota
#SBATCH --ntasks=5
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=2G
#SBATCH --time=02:00:00
set -eu

SCENARIO=${1:-canceled_rollout}
SHARDS=$((SLURM_NTASKS - 1))
HUB=$(hostname)
QPYOTA_TOKEN=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
export QPYOTA_TOKEN # srun hands it on; it is on no command line

# The shards wait for the hub, and leave with it.
srun --ntasks="$SHARDS" --exclusive qpyota worker --join "http://$HUB:7801" &
qpyota run "$SCENARIO" --transport memory --shards "$SHARDS" --hub "$HUB:7801" --quiet
wait
