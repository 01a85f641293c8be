#!/usr/bin/env bash
#
# Library:    torch 2.15.0, torch.utils._python_dispatch.TorchDispatchMode
#
# Expected:   In __torch_dispatch__, torch.is_autocast_enabled("cpu") tells whether the forward that
#             called the operator runs under torch.autocast("cpu").
#
# Behaviour:  It reads False for every operator, also for those that autocast leaves alone, although
#             it reads True right before and after them. Autocast has done its work by then: its
#             casts arrive as operators (_to_copy), and the product after them has bfloat16 operands.
#
# Output seen:
#   forward: True
#   _to_copy: False, operands float32
#   _to_copy: False, operands float32
#   t: False, operands bfloat16
#   mm: False, operands bfloat16 bfloat16
#   add: False, operands float32 float32
#   forward: True

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
from torch.utils._python_dispatch import TorchDispatchMode

seen = []


def dtype(tensor):
    return str(tensor.dtype).removeprefix("torch.")


class Watch(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        operands = [dtype(arg) for arg in args if isinstance(arg, torch.Tensor)]
        enabled = torch.is_autocast_enabled("cpu")
        print(f"{name}: {enabled}, operands {' '.join(operands)}")
        seen.append((name, enabled, operands))
        return func(*args, **(kwargs or {}))


linear, x = nn.Linear(8, 4, bias=False), torch.ones(2, 8)
around = []
with torch.autocast("cpu", dtype=torch.bfloat16), Watch():
    around.append(torch.is_autocast_enabled("cpu"))
    print(f"forward: {around[-1]}")
    linear(x)
    x + x
    around.append(torch.is_autocast_enabled("cpu"))
    print(f"forward: {around[-1]}")

as_stated = (
    all(around)
    and not any(enabled for _, enabled, _ in seen)
    and ("mm", False, ["bfloat16", "bfloat16"]) in seen
    and ("add", False, ["float32", "float32"]) in seen
)
sys.exit(None if as_stated else "no longer as stated")
PYTHON
