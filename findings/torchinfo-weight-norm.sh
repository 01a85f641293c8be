#!/usr/bin/env bash
#
# Library:    torchinfo 1.8.0, torchinfo.summary (with torch 2.15.0)
#
# Expected:   A convolution under torch.nn.utils.weight_norm has the mult-adds of the plain one,
#             3 * 4 * 9 * 16 * 16 = 27,648 (or a few more, for the norm of the weight).
#
# Behaviour:  448 mult-adds, silently. Weight norm leaves the convolution with the
#             parameters weight_g (4) and weight_v (108). The rule for convolutions is for parameters
#             named "weight" and "bias" only; other names fall to the rule meant for recurrent
#             layers, which multiplies the parameters by batch and channels: (4 + 108) * 1 * 4.
#
# Output seen:
#   plain: 27648
#   weight_norm: 448

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python numpy==2.4.6 torch==2.15.0 torchinfo==1.8.0
else
  python3 -m venv env
  env/bin/python -m pip install --quiet numpy==2.4.6 torch==2.15.0 torchinfo==1.8.0
fi

env/bin/python -W ignore - <<'PYTHON'
import sys

from torch import nn
from torchinfo import summary


def mult_adds(module):
    return summary(module, input_size=(1, 3, 16, 16), verbose=0).total_mult_adds


plain = mult_adds(nn.Conv2d(3, 4, kernel_size=3, padding=1, bias=False))
normed = mult_adds(nn.utils.weight_norm(nn.Conv2d(3, 4, kernel_size=3, padding=1, bias=False)))
print(f"plain: {plain}")
print(f"weight_norm: {normed}")

sys.exit(None if (plain, normed) == (3 * 4 * 9 * 16 * 16, 448) else "no longer as stated")
PYTHON
