#!/usr/bin/env bash
#
# Library:    torch 2.15.0, torch.utils.flop_counter.FlopCounterMode
#
# Expected:   The backward of scaled_dot_product_attention costs the same on meta tensors as on CPU
#             tensors of the same shape: 4 matrix products (for v, for the probabilities, for q, for k).
#
# Behaviour:  4 products on meta tensors, 5 on CPU tensors. On the CPU a fused flash kernel runs, and
#             its backward computes the scores again, which the counter adds as a fifth product. On
#             meta tensors attention is taken apart into plain products, and the probabilities are
#             kept for the backward. The forward counts 2 products on both.
#
# Output seen (Linux, x86-64):
#   meta: forward 2, backward 4 products (bmm)
#   cpu: forward 2, backward 5 products (_scaled_dot_product_flash_attention_for_cpu_backward)

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
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

BATCH, HEADS, LENGTH, WIDTH = 1, 2, 64, 32
PRODUCT = 2 * BATCH * HEADS * LENGTH * LENGTH * WIDTH  # FLOPs of one product, e.g. of q and k

seen = []
for device in ("meta", "cpu"):
    shape = (BATCH, HEADS, LENGTH, WIDTH)
    q, k, v = (torch.ones(shape, device=device, requires_grad=True) for _ in range(3))
    with FlopCounterMode(display=False) as forward:
        out = F.scaled_dot_product_attention(q, k, v)
    with FlopCounterMode(display=False) as backward:
        out.sum().backward()
    products = forward.get_total_flops() / PRODUCT, backward.get_total_flops() / PRODUCT
    ops = ", ".join(op.__name__ for op in backward.get_flop_counts()["Global"])
    print(f"{device}: forward {products[0]:g}, backward {products[1]:g} products ({ops})")
    seen.append(products)

sys.exit(None if seen == [(2, 4), (2, 5)] else "no longer as stated")
PYTHON
