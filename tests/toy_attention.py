"""A kind of attention that sebench does not have: an entry for the catalogue, and its torch side.

`TOY` is registered by being in `sebench.schema.ATTENTION_KINDS`; nothing else knows of it.
"""

import torch
from torch import nn

from sebench.models.attention import Implementation
from sebench.schema.attention import STAGES, AttentionKind, AttentionPart, position_option
from sebench.schema.attention_options import AttentionOption, Choice, Flag

TOY = AttentionKind(
    name="toy",
    label="ToY",
    implementation="tests.toy_attention:IMPLEMENTATION",
    options=(
        STAGES,
        position_option(("standard", "post")),
        AttentionOption("gate", Choice(("sigmoid", "tanh")), "sigmoid", "what bounds the factors"),
        AttentionOption("offset", Flag(), True, "whether there is an offset per channel"),
    ),
    parts=(
        AttentionPart(name="gather", ablated_in=("inference", "training")),
        AttentionPart(name="weigh", holds_weights=True),
        AttentionPart(name="multiply", ablated_in=("inference",)),
    ),
)


class Gather(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class FirstPixel(nn.Module):
    def forward(self, x):
        return x[:, :, 0, 0].detach()


class Weigh(nn.Module):
    """One weight per channel: a parameter that the general rules of initialisation do not know."""

    def __init__(self, channels, gate, *, offset):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels))
        self.offset = nn.Parameter(torch.empty(channels)) if offset else None
        self.gate = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh}[gate]()

    def forward(self, z):
        z = z * self.weight
        return self.gate(z if self.offset is None else z + self.offset)


class Multiply(nn.Module):
    def forward(self, x, factors):
        return x * factors[:, :, None, None]


class Unmultiplied(nn.Module):
    def forward(self, x, factors):
        return x


class Toy(nn.Module):
    def __init__(self, channels, *, gate="sigmoid", offset=True):
        super().__init__()
        self.gather = Gather()
        self.weigh = Weigh(channels, gate, offset=offset)
        self.multiply = Multiply()

    def forward(self, x):
        return self.multiply(x, self.weigh(self.gather(x)))


def initialise(module, draw):
    draw("weigh.weight", 0.5)
    if module.weigh.offset is not None:
        nn.init.zeros_(module.weigh.offset)


IMPLEMENTATION = Implementation(
    module=Toy, stand_ins={"gather": FirstPixel, "multiply": Unmultiplied}, initialise=initialise
)


def forgetful(module, draw):
    """A rule that leaves the offsets out."""
    draw("weigh.weight", 0.5)


FORGETFUL = Implementation(module=Toy, initialise=forgetful)
WITHOUT_RULE = Implementation(module=Toy)
NO_IMPLEMENTATION = Toy
