"""The input that a network is fed where nobody says otherwise, and inputs that it cannot take."""

from __future__ import annotations

from sebench.errors import UsageError
from sebench.models.foreign import foreign_input, is_foreign
from sebench.models.libraries import InputSize
from sebench.models.registry import ImageSize, height_width, image_size_text, model_info

CHANNELS = 3
IMAGE_SIZE = 224
LARGEST_IMAGE_SIZE = 2**16


def native_input(model: str) -> InputSize:
    """Channels, height and width of the input that a network was published with.

    Those of torchvision and timm say it themselves; networks that say nothing get 3 x 224 x 224.

    Raises:
        UnknownModelError: no such network.
    """
    if is_foreign(model):
        return foreign_input(model) or (CHANNELS, IMAGE_SIZE, IMAGE_SIZE)
    return (CHANNELS, *height_width(model_info(model).image_size))


def has_native_input(model: str) -> bool:
    """Whether a network says itself what it was published with.

    Raises:
        UnknownModelError: no such network.
    """
    return not is_foreign(model) or foreign_input(model) is not None


def native_image_size(model: str) -> tuple[int, int]:
    """Height and width of `native_input`.

    Raises:
        UnknownModelError: no such network.
    """
    _, height, width = native_input(model)
    return height, width


def check_image_size(model: str, size: ImageSize) -> None:
    """Refuse an input that the network cannot work on; nothing is known of networks of others.

    Raises:
        UnknownModelError: No such network.
        UsageError: `size` is not positive, beyond `LARGEST_IMAGE_SIZE` or below the network's minimum.
    """
    smallest, largest = min(height_width(size)), max(height_width(size))
    if smallest < 1:
        raise UsageError(f"image size {image_size_text(size)} is not positive")
    if largest > LARGEST_IMAGE_SIZE:
        raise UsageError(f"--image-size is more than {LARGEST_IMAGE_SIZE}")
    if is_foreign(model):
        return
    info = model_info(model)
    if smallest < info.min_image_size:
        raise UsageError(
            f"image size {image_size_text(size)} is too small for {model}",
            hint=f"use at least {info.min_image_size} (native size {image_size_text(info.image_size)})",
        )
