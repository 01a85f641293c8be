#!/usr/bin/env bash
#
# Library:    ptflops 0.7.5, backend "aten" (with torch 2.15.0)
#
# Expected:   A network whose forward runs under torch.inference_mode counts as it does without.
#
# Behaviour:  Convolutions and linear layers count 0 under inference mode, while the same product
#             written with @ keeps its count. In inference mode torch does not break composite
#             operators up before they reach the counter: it is shown conv2d and linear, for which it
#             has no formulas, instead of convolution and mm. It has one for matmul. Nothing is said
#             of this unless verbose=True is passed.
#
# Output seen:
#   convolution: 27648, in inference mode 0
#   linear: 6144, in inference mode 0
#   matmul: 6144, in inference mode 6144

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python numpy==2.4.6 ptflops==0.7.5 torch==2.15.0
else
  python3 -m venv env
  env/bin/python -m pip install --quiet numpy==2.4.6 ptflops==0.7.5 torch==2.15.0
fi

env/bin/python -W ignore - <<'PYTHON'
import sys

import torch
from ptflops import get_model_complexity_info
from torch import nn


class Network(nn.Module):
    def __init__(self, kind, inference):
        super().__init__()
        self.kind, self.inference = kind, inference
        self.convolution = nn.Conv2d(3, 4, kernel_size=3, padding=1, bias=False)
        self.linear = nn.Linear(16, 8, bias=False)
        self.weight = nn.Parameter(torch.ones(16, 8))

    def forward(self, x):
        with torch.inference_mode(self.inference):
            if self.kind == "convolution":
                return self.convolution(x)
            if self.kind == "linear":
                return self.linear(x)
            return x.reshape(-1, 16) @ self.weight


def count(kind, inference):
    macs, _ = get_model_complexity_info(
        Network(kind, inference), (3, 16, 16), backend="aten", as_strings=False, print_per_layer_stat=False
    )
    return macs


seen = {}
for kind in ("convolution", "linear", "matmul"):
    seen[kind] = count(kind, inference=False), count(kind, inference=True)
    print(f"{kind}: {seen[kind][0]}, in inference mode {seen[kind][1]}")

convolution, product = 3 * 4 * 9 * 16 * 16, 3 * 16 * 16 * 8
as_stated = seen == {"convolution": (convolution, 0), "linear": (product, 0), "matmul": (product, product)}
sys.exit(None if as_stated else "no longer as stated")
PYTHON
