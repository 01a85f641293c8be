"""What is done to an image before a network sees it: the paper's way, or what a file says; and doing it."""

from __future__ import annotations

from collections.abc import Callable
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sebench.errors import UsageError
from sebench.schema import Preprocessing

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CROP_SHARE = 0.875
"""224 / 256: the share of the resized image that the crop keeps along a side."""
AS_THEY_ARE = 64
"""Images of networks up to this side, such as CIFAR's, are not cropped."""
_PAPER_RESIZE = {224: 256, 299: 352}  # section 6.1; 299 for the Inception networks


def paper_preprocessing(size: int | tuple[int, int]) -> Preprocessing:
    """The single centre crop of the paper's section 6.1: 256 to 224, and 352 to 299 for Inception networks.

    Other sizes keep the share of 224 / 256. Up to 64 x 64 the shorter side is brought to the size itself,
    which leaves images of that size as they are. The paper names neither the interpolation nor a scale:
    here it is bilinear, with ImageNet's mean and standard deviation, as conversions of its networks have it.

    Args:
        size: of the network's input in pixels: the side of a square, or height and width.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if max(height, width) <= AS_THEY_ARE:
        resize: int | tuple[int, int] = height
    else:
        resize = _PAPER_RESIZE.get(height, floor(height / CROP_SHARE))
    if height != width:
        resize = (floor(height / CROP_SHARE), floor(width / CROP_SHARE))
    return Preprocessing(
        resize=resize,
        crop=(height, width),
        interpolation="bilinear",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        source="the paper, section 6.1",
    )


def read_preprocessing(path: Path) -> Preprocessing:
    """A file with a `Preprocessing` as JSON.

    Raises:
        UsageError: it cannot be read, or holds something else.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Preprocessing)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} holds no preprocessing: {error}", hint="see docs/accuracy.md") from error
    if len(found.mean) not in (1, 3) or len(found.std) != len(found.mean) or not all(found.std):
        raise UsageError(
            f"{path}: mean and std need one value each for grey, or three for RGB; std is never 0"
        )
    return found


def transform_of(preprocessing: Preprocessing) -> Callable[[Image.Image], Tensor]:
    """What makes a float32 tensor of shape (C, H, W) out of an image, by torchvision's transforms (v2)."""
    import torch  # noqa: PLC0415 - reading a description needs neither
    from torchvision.transforms import v2  # noqa: PLC0415

    resize = preprocessing.resize
    transform: Callable[[Image.Image], Tensor] = v2.Compose(
        [
            v2.Resize(
                resize if isinstance(resize, int) else list(resize),
                interpolation=v2.InterpolationMode(preprocessing.interpolation),
                antialias=True,
            ),
            v2.CenterCrop(list(preprocessing.crop)),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(list(preprocessing.mean), list(preprocessing.std)),
        ]
    )
    return transform
