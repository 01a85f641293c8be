#!/usr/bin/env bash
#
# Library:    torch 2.15.0, torch.compile with inductor, on a CPU; needs a C++ compiler
#
# Expected:   torch.compile(network, options={"freezing": True}) compiles as with
#             torch._inductor.config.freezing = True: options are settings of inductor for one call.
#
# Behaviour:  The option freezes nothing, and nothing says so. Weights stay arguments of the compiled
#             code, batch norms are not folded, and no convolution is packed for oneDNN. While it traces,
#             dynamo asks the global setting (torch._dynamo.utils.is_parameter_freezing), and options only
#             hold afterwards.
#
# Output seen:
#   options={"freezing": True}: frozen False
#   torch._inductor.config.freezing = True: frozen True

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python torch==2.15.0
else
  python3 -m venv env
  env/bin/python -m pip install --quiet torch==2.15.0
fi

env/bin/python -W ignore - <<'PYTHON'
import sys

import torch
from torch import nn
from torch._inductor import config
from torch._inductor.utils import run_and_get_code

network, x = nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8)).eval(), torch.randn(1, 8, 8, 8)


def is_frozen(**said):
    torch._dynamo.reset()
    compiled = torch.compile(network, **said)
    with torch.no_grad():
        _, code = run_and_get_code(compiled, x)
    return "_frozen_param" in code[0]


seen = [is_frozen(options={"freezing": True})]
print('options={"freezing": True}: frozen', seen[0])
config.freezing = True
seen.append(is_frozen())
print("torch._inductor.config.freezing = True: frozen", seen[1])
sys.exit(None if seen == [False, True] else "no longer as stated")
PYTHON
