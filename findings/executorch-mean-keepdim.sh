#!/usr/bin/env bash
#
# Library:    executorch 1.5.1 with torch 2.15.0, XnnpackPartitioner
#
# Expected:   Two spellings of one Squeeze-and-Excitation gate, x.mean((2, 3)) with linear layers and
#             x.mean((2, 3), keepdim=True) with 1x1 convolutions, are both taken by XNNPACK as a whole.
#
# Behaviour:  A mean is taken only where its dimensions are kept. Without that every gate cuts the network:
#             its mean runs in ExecuTorch's portable kernel, on one thread, between two calls of XNNPACK. Nothing
#             is said about it.
#
# Output seen:
#   mean with dimensions kept: 1 call of XNNPACK, 0 means left over
#   mean without: 4 calls of XNNPACK, 3 means left over

set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(torch==2.15.0 executorch==1.5.1)
if command -v uv >/dev/null; then
  uv venv --quiet env
  uv pip install --quiet --python env/bin/python "${packages[@]}"
else
  python3 -m venv env
  env/bin/python -m pip install --quiet "${packages[@]}"
fi

env/bin/python - <<'PYTHON'
import logging
import sys
import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower


class Gate(nn.Module):
    def __init__(self, kept):
        super().__init__()
        self.kept = kept
        layer = (lambda a, b: nn.Conv2d(a, b, 1)) if kept else nn.Linear
        self.down, self.up = layer(32, 8), layer(8, 32)

    def forward(self, x):
        gate = self.up(self.down(x.mean((2, 3), keepdim=self.kept)).relu()).sigmoid()
        return x * (gate if self.kept else gate[:, :, None, None])


def calls(kept):
    blocks = [layer for _ in range(3) for layer in (nn.Conv2d(32, 32, 3, padding=1), Gate(kept))]
    with torch.no_grad():
        program = torch.export.export(nn.Sequential(*blocks).eval(), (torch.randn(1, 32, 16, 16),))
        lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    targets = [str(node.target) for node in lowered.exported_program().graph.nodes if node.op == "call_function"]
    return sum("delegate" in target for target in targets), sum("aten.mean" in target for target in targets)


kept, dropped = calls(True), calls(False)
print(f"mean with dimensions kept: {kept[0]} call of XNNPACK, {kept[1]} means left over")
print(f"mean without: {dropped[0]} calls of XNNPACK, {dropped[1]} means left over")
sys.exit(0 if (kept, dropped) == ((1, 0), (4, 3)) else 1)
PYTHON
