"""A network as users write them: functional ops, a shared module, attention. Used by its file name."""

import torch
from torch import nn
from torch.nn import functional


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.point = nn.Conv2d(3, 3, 1)
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.shared = nn.Linear(4, 4)
        self.layer_norm = nn.LayerNorm(4)
        self.weight = nn.Parameter(torch.zeros(6, 4))

    def forward(self, x):
        x = functional.interpolate(self.point(x), scale_factor=0.5, mode="bilinear")
        x = self.norm(self.conv(x))
        x = x * torch.sigmoid(x.mean((2, 3), keepdim=True))
        x = x * torch.sigmoid(self.pool(x))
        x = self.up(self.grouped(x))
        tokens = x.flatten(2).transpose(1, 2)[:, :16]
        tokens = self.layer_norm(self.shared(self.shared(tokens)))
        tokens = functional.scaled_dot_product_attention(tokens, tokens, tokens)
        tokens = functional.linear(tokens, self.weight)
        tokens = tokens @ tokens.transpose(1, 2)
        return torch.einsum("bij,bjk->bik", tokens, tokens).sum(-1)


def net():
    return Functional()
