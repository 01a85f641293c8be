#!/usr/bin/env bash
#
# Library:    torch 2.15.0, torch.nn.SyncBatchNorm.convert_sync_batchnorm
#
# Expected:   A module of a class derived from BatchNorm2d, with a forward and a child of its own, is left alone, or
#             goes on doing what it does.
#
# Behaviour:  It is replaced by a SyncBatchNorm that has the child and does not run it: what the derived class adds
#             to the forward is gone, without a word.
#
# Output seen:
#   before: mean 1.0
#   after: SyncBatchNorm with children ['child'], mean 0.0

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python numpy==2.4.6 torch==2.15.0
else
  python3 -m venv env
  env/bin/python -m pip install --quiet numpy==2.4.6 torch==2.15.0
fi

env/bin/python -W ignore - <<'PYTHON'
import sys

import torch
from torch import nn


class PlusOne(nn.BatchNorm2d):
    def __init__(self, channels):
        super().__init__(channels)
        self.child = nn.Identity()

    def forward(self, x):
        return self.child(super().forward(x)) + 1


zeros = torch.zeros(1, 3, 2, 2)
network = nn.Sequential(PlusOne(3)).eval()
before = network(zeros).mean().item()
network = nn.SyncBatchNorm.convert_sync_batchnorm(network).eval()
after, layer = network(zeros).mean().item(), network[0]
print(f"before: mean {before}")
print(f"after: {type(layer).__name__} with children {list(layer._modules)}, mean {after}")
found = (before, after, type(layer).__name__, list(layer._modules))
sys.exit(None if found == (1.0, 0.0, "SyncBatchNorm", ["child"]) else "no longer as stated")
PYTHON
