"""What torchvision and timm do to images before their networks see them. Nothing is downloaded."""

from __future__ import annotations

import re
from importlib import import_module
from math import floor
from typing import Any, get_args

from sebench.errors import UsageError
from sebench.schema import Interpolation, Preprocessing

_DIGEST = re.compile(r"-([0-9a-f]{8,})\.\w+$")
"""In the names of published files: how their SHA-256 begins."""


def torchvision_preprocessing(network: str, weights_sha256: str | None) -> Preprocessing | None:
    """The transforms of published weights; None where there are none that classify images.

    Args:
        network: one of torchvision's.
        weights_sha256: digest of a file; of one that torchvision publishes the transforms are its own. Of any
            other, and without one, they are those of the default weights.
    """
    from torchvision import models

    try:
        published = models.get_model_weights(network)
    except ValueError:  # none were published
        return None
    matching = [each for each in published if _is_file_of(each.url, weights_sha256)]
    weights = (matching or [published.DEFAULT])[0]
    found = weights.transforms()
    if not all(hasattr(found, name) for name in ("resize_size", "crop_size", "interpolation", "mean", "std")):
        return None
    height, width = (*found.crop_size, *found.crop_size)[:2]
    resize = tuple(found.resize_size)
    return Preprocessing(
        resize=resize[0] if len(resize) == 1 else (resize[0], resize[1]),
        crop=(height, width),
        interpolation=_interpolation(found.interpolation.value),
        mean=tuple(map(float, found.mean)),
        std=tuple(map(float, found.std)),
        source=f"torchvision, {weights}",
    )


def _is_file_of(url: str, sha256: str | None) -> bool:
    found = _DIGEST.search(url)
    return sha256 is not None and found is not None and sha256.startswith(found[1])


def timm_preprocessing(config: Any) -> Preprocessing:  # noqa: ANN401 - timm is not typed
    """What timm's own evaluation does with a configuration: sizes for testing where it has them.

    Raises:
        UsageError: it pads images, which sebench does not.
    """
    data: Any = import_module("timm.data")
    found = data.resolve_data_config(pretrained_cfg=config.to_dict(), use_test_size=True)
    _, height, width = found["input_size"]
    share, mode = found["crop_pct"], found.get("crop_mode") or "center"
    scaled = floor(height / share), floor(width / share)
    if mode == "border" or (mode == "center" and height != width):
        raise UsageError(
            f"timm prepares images with crop mode {mode}, which pads", hint="use paper, or a file"
        )
    return Preprocessing(
        resize=scaled if mode == "squash" else scaled[0],
        crop=(height, width),
        interpolation=_interpolation(found["interpolation"]),
        mean=tuple(map(float, found["mean"])),
        std=tuple(map(float, found["std"])),
        source=f"timm, {config.architecture}.{config.tag}" if config.tag else f"timm, {config.architecture}",
    )


def _interpolation(name: str) -> Interpolation:
    """A name that sebench has; timm's ``random`` is bilinear where nothing is random."""
    for each in get_args(Interpolation):
        if each == name:
            known: Interpolation = each
            return known
    return "bilinear"
