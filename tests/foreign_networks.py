"""Networks with random weights and statistics, and how far the outputs of two of them are apart."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Weights, biases and statistics, all different: what is in the wrong place shows in the output."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var") or (name.endswith("weight") and tensor.dim() == 1):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.dim() > 1:
            tensor.normal_(0, (1 / tensor[0].numel()) ** 0.5, generator=generator)
        elif tensor.dim() == 1:
            tensor.uniform_(-0.5, 0.5, generator=generator)
    return network.eval()


def differences(ours: nn.Module, theirs: nn.Module, side: int) -> float:
    """Largest difference of the outputs in float64, as a share of the largest output."""
    image = torch.randn(1, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        a, b = theirs.double()(image), ours.double()(image)
    return float((a - b).abs().max() / a.abs().max())
