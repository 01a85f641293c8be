#!/usr/bin/env bash
#
# Library:    fvcore 0.1.5.post20221221, fvcore.nn.FlopCountAnalysis (with torch 2.15.0)
#
# Expected:   A 3x3 convolution with padding="same" counts as much as with padding=1, to which it is
#             equal: 3 * 4 * 9 * 16 * 16 = 27,648.
#
# Behaviour:  With padding="same" it counts 0. Tracing gives it an operator of its own,
#             aten::_convolution_mode, for which fvcore has no formula. The log warns of an
#             unsupported operator and unsupported_ops() names it; the total is given all the same.
#
# Output seen (the log's warning, on standard error, left out):
#   padding=1: 27648, unsupported: {}
#   padding='same': 0, unsupported: {'aten::_convolution_mode': 1}

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python fvcore==0.1.5.post20221221 numpy==2.4.6 torch==2.15.0
else
  python3 -m venv env
  env/bin/python -m pip install --quiet fvcore==0.1.5.post20221221 numpy==2.4.6 torch==2.15.0
fi

env/bin/python -W ignore - <<'PYTHON'
import sys

import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn

seen = []
for padding in (1, "same"):
    convolution = nn.Conv2d(3, 4, kernel_size=3, padding=padding, bias=False)
    analysis = FlopCountAnalysis(convolution, torch.ones(1, 3, 16, 16))
    count, unsupported = analysis.total(), dict(analysis.unsupported_ops())
    print(f"padding={padding!r}: {count:g}, unsupported: {unsupported}")
    seen.append(count)

sys.exit(None if seen == [3 * 4 * 9 * 16 * 16, 0] else "no longer as stated")
PYTHON
