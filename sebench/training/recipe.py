"""The paper's recipe, scaled to data and device.

Hu, Shen & Sun, "Squeeze-and-Excitation Networks", CVPR 2018, section 5 (Implementation): synchronous SGD,
momentum 0.9, minibatches of 1024, learning rate 0.6 divided by ten every 30 epochs, 100 epochs from scratch.
Weight decay, which the paper does not name, is 1e-4 as in its ResNet baselines.
"""

from __future__ import annotations

from sebench.errors import UsageError
from sebench.schema.training import Crop, Recipe, RecipeRequest

BATCH, LEARNING_RATE = 1024, 0.6
MILESTONES = (3, 6, 9)
"""Tenths of the epochs after which the learning rate falls: epochs 30, 60 and 90 of 100."""
LARGEST_CPU_BATCH = 128
LEAST_STEPS = 40
"""An epoch has at least so many, or batch normalisation and momentum have too few to work with."""
SMALL_IMAGE = 64
"""Up to here images are moved, as the paper does on CIFAR; larger ones are cropped at random sizes."""


def resolve_recipe(
    asked: RecipeRequest,
    *,
    images: int,
    image_size: tuple[int, int],
    device: str,
    world_size: int,
    may_flip: bool,
) -> Recipe:
    """The recipe that is meant.

    Args:
        asked: what was said of it.
        images: of the training set.
        image_size: height and width of the input.
        device: as torch spells it.
        world_size: ranks that share each batch.
        may_flip: whether a mirrored image is still one of its class.

    Raises:
        UsageError: a batch that the ranks cannot share, or larger than the training set.
    """
    batch = asked.batch_size or _batch(images, device, world_size)
    if batch % world_size:
        raise UsageError(
            f"--batch-size {batch} cannot be shared by {world_size} ranks",
            hint=f"give a multiple of {world_size}",
        )
    if batch > images:
        raise UsageError(
            f"--batch-size {batch} is more than the {images} training images", hint="give a smaller one"
        )
    crop: Crop = "shift" if max(image_size) <= SMALL_IMAGE else "scale"
    return Recipe(
        epochs=asked.epochs,
        batch_size=batch,
        learning_rate=asked.learning_rate or LEARNING_RATE * batch / BATCH,
        milestones=tuple(-(-tenths * asked.epochs // 10) for tenths in MILESTONES),
        momentum=asked.momentum,
        weight_decay=asked.weight_decay,
        image_size=image_size,
        crop=asked.crop or crop,
        flip=may_flip if asked.flip is None else asked.flip,
        balanced=asked.balanced,
        dtype=asked.dtype,
        ema=asked.ema,
    )


def _batch(images: int, device: str, world_size: int) -> int:
    """The paper's, halved until an epoch has enough steps, and no more than a CPU is good for."""
    batch = LARGEST_CPU_BATCH if device == "cpu" else BATCH
    while batch > 2 and images // batch < LEAST_STEPS:  # batch norm needs two
        batch //= 2
    return min(max(batch // world_size, 1) * world_size, max(images // world_size, 1) * world_size)
