#!/usr/bin/env bash
#
# Library:    torch 2.15.0, torch.utils.flop_counter.FlopCounterMode
#
# Expected:   Counting a forward under torch.no_grad or torch.inference_mode works for every network
#             that runs there, and gives the count that it has with gradients.
#
# Behaviour:  The counter hooks gradients to every argument of a module whose requires_grad is true,
#             whether or not gradients are on. A view of a trained parameter (such as a class token
#             expanded to the batch) keeps requires_grad under no_grad but has no gradient function,
#             so that passing it to a module raises AssertionError. Under inference_mode passing even
#             the parameter itself raises AttributeError. Under no_grad the parameter itself is fine,
#             and so is everything once the parameter is frozen. Without the counter all of it runs.
#
# Output seen:
#   parameter, enable_grad: 64
#   parameter, no_grad: 64
#   parameter, inference_mode: AttributeError: 'NoneType' object has no attribute 'next_functions'
#   view, enable_grad: 256
#   view, no_grad: AssertionError: Expected gradient function to be set
#   view, inference_mode: AttributeError: 'NoneType' object has no attribute 'next_functions'
#   frozen view, enable_grad: 256
#   frozen view, no_grad: 256
#   frozen view, inference_mode: 256

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
from torch.utils.flop_counter import FlopCounterMode

linear = nn.Linear(8, 4)
token = nn.Parameter(torch.ones(1, 8))
frozen = nn.Parameter(torch.ones(1, 8), requires_grad=False)
ARGUMENTS = {
    "parameter": lambda: token,
    "view": lambda: token.expand(4, 8),
    "frozen view": lambda: frozen.expand(4, 8),
}

seen = {}
for name, argument in ARGUMENTS.items():
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        with mode():
            linear(argument())  # runs without the counter
        try:
            with mode(), FlopCounterMode(display=False) as counter:
                linear(argument())
            result = counter.get_total_flops()
        except (AssertionError, AttributeError) as error:
            result = type(error).__name__
            print(f"{name}, {mode.__name__}: {result}: {error}")
        else:
            print(f"{name}, {mode.__name__}: {result}")
        seen[name, mode.__name__] = result

one, four = 2 * 8 * 4, 4 * 2 * 8 * 4  # FLOPs for one row and for four
as_stated = list(seen.values()) == [
    one, one, "AttributeError",
    four, "AssertionError", "AttributeError",
    four, four, four,
]  # fmt: skip
sys.exit(None if as_stated else "no longer as stated")
PYTHON
