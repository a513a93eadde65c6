#!/usr/bin/env bash
# Installs Slurm and munge from Debian (or Ubuntu) for `make test-slurm`, which runs them as processes of its own:
# no service is started. Exit code 1, with a line that says why, where they cannot be had.
set -euo pipefail
there() { command -v munged slurmctld slurmd srun sbatch >/dev/null; }
export PATH=$PATH:/usr/sbin
there && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "no Slurm here, and no right to install it: apt-get install slurm-wlm munge" >&2
  exit 1
fi
{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurm-wlm munge; } >&2 \
  || { echo "apt-get could not install slurm-wlm and munge" >&2; exit 1; }
there
