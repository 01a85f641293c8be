"""Attention of the user's own: a class that is called with the number of channels."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sebench.models.attention import Implementation


def custom(channels: int, **options: Any) -> nn.Module:  # noqa: ANN401 - `class` is no name for a parameter
    """The user's module for C channels, which maps (N, C, H, W) to the same shape.

    One that reads values in its constructor cannot be made on ``meta``, and is moved there afterwards.

    Raises:
        UsageError: there is no such class.
        BuildError: it fails.
    """
    # Where the user's code is found is a matter of the sources of networks, which are built of attention.
    from sebench.errors import BuildError
    from sebench.models.references import make_attention_of

    on_meta = torch.empty(()).is_meta
    try:
        return make_attention_of(options["class"], channels)
    except BuildError:
        if not on_meta:
            raise
    with torch.device("cpu"):
        return make_attention_of(options["class"], channels).to("meta")


IMPLEMENTATION = Implementation(module=custom, draws_itself=True)
