"""Tiny networks with channel attention in every form that can be taken out."""

import torch
from torch import nn

CHANNELS = 4
HIDDEN = 2
PARAMS = CHANNELS * HIDDEN + HIDDEN + HIDDEN * CHANNELS + CHANNELS
"""Of one gate: 4 x 2 + 2 and 2 x 4 + 4 = 22."""
MACS = 2 * CHANNELS * HIDDEN
"""Of one gate at batch 1: 4 x 2 and 2 x 4 = 16."""


class Excitation(nn.Module):
    """The values of a gate, for any number of spatial dimensions."""

    def __init__(self):
        super().__init__()
        self.down = nn.Linear(CHANNELS, HIDDEN)
        self.up = nn.Linear(HIDDEN, CHANNELS)

    def forward(self, x):
        squeezed = x.flatten(2).mean(2)
        return torch.sigmoid(self.up(nn.functional.relu(self.down(squeezed)))).reshape(
            *squeezed.shape, *[1] * (x.dim() - 2)
        )


class SE(Excitation):
    def forward(self, x):
        return x * super().forward(x)


class Network(nn.Module):
    """Convolution, norm, attention in some form, pooling, classifier."""

    def __init__(self, attention=None):
        super().__init__()
        self.conv = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.attention = attention
        self.head = nn.Linear(CHANNELS, 5)

    def attend(self, x):
        return self.attention(x)

    def forward(self, x):
        x = self.norm(self.conv(x))
        return self.head(nn.functional.relu(self.attend(x)).flatten(2).amax(2))


class WithLengths(SE):
    def forward(self, lengths, x):
        return super().forward(x) if lengths is None else x


class ExtraArguments(Network):
    """Its gate takes the feature map by keyword, after something else."""

    def __init__(self):
        super().__init__(WithLengths())

    def attend(self, x):
        return self.attention(None, x=x)


class CalledTwice(Network):
    """One gate works at two places."""

    def __init__(self):
        super().__init__(SE())

    def attend(self, x):
        return self.attention(nn.functional.relu(self.attention(x) - 1))


class AlsoWithoutExtent(Network):
    """One of the calls of its gate is none: there, nothing has any extent left."""

    def __init__(self):
        super().__init__(SE())

    def attend(self, x):
        return torch.cat(
            [self.attention(x), self.attention(x.mean((2, 3), keepdim=True)).expand_as(x)], dim=2
        )


class Inline(Network):
    """Its gate is written among other things."""

    def __init__(self):
        super().__init__(Excitation())

    def attend(self, x):
        return x * self.attention(x)


class Outside(Inline):
    """A module does the product only; what it multiplies by comes from elsewhere."""

    def __init__(self):
        super().__init__()
        self.scale = Product()

    def attend(self, x):
        return self.scale(x, self.attention(x))


class Product(nn.Module):
    def forward(self, x, values):
        return x * values


class Concurrent(Inline):
    """Spatial and channel attention side by side (SCSE)."""

    def __init__(self):
        super().__init__()
        self.spatial = nn.Conv2d(CHANNELS, 1, 1)

    def attend(self, x):
        return x * self.attention(x) + x * torch.sigmoid(self.spatial(x))


class Split(Network):
    """Two branches, weighed against each other (selective kernels)."""

    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleList([nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in range(2)])
        self.down = nn.Linear(CHANNELS, HIDDEN)
        self.up = nn.Linear(HIDDEN, 2 * CHANNELS)

    def attend(self, x):
        x = torch.stack([branch(x) for branch in self.branches], dim=1)
        values = self.up(nn.functional.relu(self.down(x.sum(1).mean((2, 3)))))
        return (x * values.reshape(-1, 2, CHANNELS, 1, 1).softmax(1)).sum(1)


class Context(Network):
    """What it computes from the whole map is added to every position."""

    def __init__(self):
        super().__init__(nn.Linear(CHANNELS, CHANNELS))

    def attend(self, x):
        return x + self.attention(x.mean((2, 3)))[:, :, None, None]


class Gain(Network):
    """The gate's result is doubled, which stays (NFNet)."""

    def __init__(self):
        super().__init__(SE())

    def attend(self, x):
        return 2.0 * self.attention(x)


class InPlace(SE):
    def forward(self, x):
        return x.mul_(Excitation.forward(self, x))


class WrittenLater(Network):
    """Writes into the product while the feature map is still needed."""

    def attend(self, x):
        return self.attention(x).relu_() + x


class FeatureWrittenLater(Network):
    """Writes into the feature map while the product is still needed."""

    def attend(self, x):
        attended = self.attention(x)
        return x.relu_() - 2 * attended


class WrittenLaterInline(Inline):
    """The same, with its gate among other things."""

    def attend(self, x):
        return super().attend(x).relu_() + x


BY_MODULE = {
    "module": lambda: Network(SE()),
    "extra arguments": ExtraArguments,
    "called twice": CalledTwice,
    "gain": Gain,
    "in place": lambda: Network(InPlace()),
    "written later": lambda: WrittenLater(SE()),
    "feature written later": lambda: FeatureWrittenLater(SE()),
}
INLINE = {
    "inline": Inline,
    "outside": Outside,
    "concurrent": Concurrent,
    "split": Split,
    "context": Context,
    "also without extent": AlsoWithoutExtent,
    "written later inline": WrittenLaterInline,
}


def build(name):
    torch.manual_seed(0)
    return (BY_MODULE | INLINE)[name]().eval()
