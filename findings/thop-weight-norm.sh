#!/usr/bin/env bash
#
# Library:    thop 0.1.1.post2209072238, thop.profile (with torch 2.15.0)
#
# Expected:   A convolution under torch.nn.utils.parametrizations.weight_norm counts as the plain one,
#             3 * 4 * 9 * 16 * 16 = 27,648.
#
# Behaviour:  It counts 0. A parametrization gives the module a class of its own, derived from Conv2d,
#             and thop looks its rules up by the exact class, not by isinstance. The parameters that
#             it reports are 0 too.
#
# Output seen:
#   plain: 27648 MACs, 108 parameters
#   weight_norm: 0 MACs, 0 parameters

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python numpy==2.4.6 thop==0.1.1.post2209072238 torch==2.15.0
else
  python3 -m venv env
  env/bin/python -m pip install --quiet numpy==2.4.6 thop==0.1.1.post2209072238 torch==2.15.0
fi

env/bin/python -W ignore - <<'PYTHON'
import sys

import torch
from thop import profile
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

seen = []
for name, wrap in (("plain", lambda module: module), ("weight_norm", weight_norm)):
    network = nn.Sequential(wrap(nn.Conv2d(3, 4, kernel_size=3, padding=1, bias=False)))
    macs, parameters = profile(network, (torch.ones(1, 3, 16, 16),), verbose=False)
    print(f"{name}: {macs:.0f} MACs, {parameters:.0f} parameters")
    seen.append((macs, parameters))

sys.exit(None if seen == [(3 * 4 * 9 * 16 * 16, 3 * 4 * 9), (0, 0)] else "no longer as stated")
PYTHON
