#!/usr/bin/env bash
#
# Library:    torch 2.15.0 (with the libgomp that its wheel for Linux brings)
#
# Expected:   OMP_PROC_BIND=true places the threads of a parallel region, so that importing torch leaves the
#             CPUs alone on which a process, and whatever it starts, may run.
#
# Behaviour:  The import alone, before any operation, binds the main thread to the first of OMP_PLACES. Every
#             process that is started from then on inherits that: all workers of a DataLoader share one CPU. Two
#             processes that import torch at the same time do so on the same CPU, and take twice as long.
#             With another first place in OMP_PLACES they are on another CPU.
#
# Output seen (on two CPUs):
#   before the import: 2 CPUs, after it: 1
#   workers of a DataLoader: 1 CPU between 2 workers
#   OMP_PLACES={1},{0}: CPU 1

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(torch==2.15.0 numpy==2.4.6)
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python "${packages[@]}"
else
  python3 -m venv env
  env/bin/python -m pip install --quiet "${packages[@]}"
fi

cat > seen.py <<'PYTHON'
import os

before = os.sched_getaffinity(0)

import torch
from torch.utils.data import DataLoader, Dataset


class Places(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        cpus = sorted(os.sched_getaffinity(0))
        return torch.tensor(cpus[0] if len(cpus) == 1 else -1)


after = os.sched_getaffinity(0)
workers = {int(cpu) for cpu in DataLoader(Places(), batch_size=None, num_workers=2)}
print(len(before), len(after), min(after), *sorted(workers))
PYTHON

env/bin/python - <<'PYTHON'
import os
import subprocess
import sys

cpus = sorted(os.sched_getaffinity(0))[:2]
if len(cpus) < 2:
    sys.exit("this needs two CPUs")


def seen(places):
    environment = {**os.environ, "OMP_PROC_BIND": "true", "OMP_PLACES": places}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "seen.py"], env=environment, check=True, capture_output=True, text=True
    )
    return tuple(map(int, done.stdout.split()))


before, after, cpu, *workers = seen(f"{{{cpus[0]}}},{{{cpus[1]}}}")
print(f"before the import: {before} CPUs, after it: {after}")
print(f"workers of a DataLoader: {len(workers)} CPU between 2 workers")
other = seen(f"{{{cpus[1]}}},{{{cpus[0]}}}")[2]
print(f"OMP_PLACES={{{cpus[1]}}},{{{cpus[0]}}}: CPU {other}")
expected = (1, cpus[0], [cpus[0]], cpus[1])
if before < 2 or (after, cpu, workers, other) != expected:
    sys.exit("the behaviour has changed")
PYTHON
