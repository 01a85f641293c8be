"""How an image becomes the input of a network."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from sebench.schema.base import Value

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]
Pixels = Annotated[int, msgspec.Meta(ge=1)]


class Preprocessing(Value, frozen=True, kw_only=True):
    """Resized, cropped in the centre, scaled to [0, 1], normalised; in this order."""

    resize: Pixels | tuple[Pixels, Pixels]
    """Length of the shorter side in pixels; or height and width, whatever the shape of the image."""
    crop: tuple[Pixels, Pixels]
    """Height and width of what the network sees, in pixels."""
    interpolation: Interpolation
    mean: tuple[float, ...]
    """Subtracted from values in [0, 1], one per channel: three for RGB, one for grey."""
    std: tuple[float, ...]
    """What the difference is divided by, one per channel."""
    source: str
    """Where it comes from, in a few words."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of what the network sees."""
        return (len(self.mean), *self.crop)
