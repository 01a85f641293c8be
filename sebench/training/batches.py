"""Batches of a data set: augmented ones of an epoch from any step on, and the test images."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from sebench.errors import WorkerError
from sebench.images.preprocessing import IMAGENET_MEAN, IMAGENET_STD, paper_preprocessing, transform_of
from sebench.schema.training import Recipe
from sebench.training.data import Images
from sebench.training.draws import derived_seed, epoch_order
from sebench.training.sources import TEST_FOLDER, TRAIN_FOLDER

SHIFT = 4
"""Pixels of zeros around an image before an image of its size is cut out (He et al. 2016; TPAMI, CIFAR)."""
SCALES, ASPECTS = (0.08, 1.0), (3 / 4, 4 / 3)
"""Area and aspect ratio of random crops (Szegedy et al. 2015, which the paper follows)."""
Transform = Callable[[Image.Image], Tensor]
_Item = tuple[Tensor | None, int, int, str]
"""An image (None where it cannot be read), its class, its position and why not."""
_Key = tuple[int, int]
"""Position of an image, and the seed of what is drawn for it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which part of every batch this process has."""

    rank: int = 0
    world_size: int = 1


ALONE = Place()


def augmentation(recipe: Recipe) -> Transform:
    """What makes a float32 tensor of shape (3, H, W) of a training image; draws from torch's generator."""
    size = list(recipe.image_size)
    if recipe.crop == "scale":
        crops: list[Any] = [v2.RandomResizedCrop(size, scale=SCALES, ratio=ASPECTS, antialias=True)]
    else:
        crops = [v2.Resize(size, antialias=True), v2.RandomCrop(size, padding=SHIFT)]
    flips = [v2.RandomHorizontalFlip()] if recipe.flip else []
    to_tensor = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
    normalise = v2.Normalize(list(IMAGENET_MEAN), list(IMAGENET_STD))
    made: Transform = v2.Compose([*crops, *flips, *to_tensor, normalise])
    return made


class UnreadableError(WorkerError):
    """An image of the data set cannot be read."""


class _Examples(Dataset[_Item]):
    """Images by position and seed, so that a draw depends on neither the process nor the image before."""

    def __init__(self, images: Images, transform: Transform) -> None:
        self._images, self._transform = images, transform

    def __getitem__(self, key: _Key) -> _Item:
        position, seed = key
        torch.default_generator.manual_seed(seed)
        label = self._images.labels[position]
        try:
            return self._transform(self._images.read(position)), label, position, ""
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - decoders raise whatever they like
            return None, label, position, " ".join(str(error).split()) or type(error).__name__


def training_batches(
    images: Images, recipe: Recipe, *, seed: int, epoch: int, first: int, place: Place, loaders: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """This rank's part of the batches of an epoch: images (N, 3, H, W) and classes (N).

    What does not fill a batch is left out, as other images are in every epoch.

    Args:
        images: of the training set.
        recipe: batch, crop and the like.
        seed: of the run.
        epoch: counted from 0.
        first: step to begin with.
        place: which part of a batch.
        loaders: processes that read and augment; 0 does it here.

    Raises:
        UnreadableError: an image cannot be read.
    """
    order = epoch_order(images.labels, seed=seed, epoch=epoch, balanced=recipe.balanced)
    size = recipe.batch_size // place.world_size

    def keys(step: int) -> list[_Key]:
        begin = step * recipe.batch_size + place.rank * size
        return [(order[at], derived_seed(seed, "image", epoch, at)) for at in range(begin, begin + size)]

    steps = [keys(step) for step in range(first, steps_per_epoch(images, recipe))]
    for tensors, labels, _ in _load(images, augmentation(recipe), steps, loaders, TRAIN_FOLDER):
        yield tensors, labels


def steps_per_epoch(images: Images, recipe: Recipe) -> int:
    """Whole batches."""
    return len(images.labels) // recipe.batch_size


def test_batches(
    images: Images, recipe: Recipe, *, place: Place, loaders: int
) -> Iterator[tuple[Tensor, Tensor, list[int]]]:
    """This rank's part of the test images: their centres, classes and positions.

    Raises:
        UnreadableError: an image cannot be read.
    """
    own = range(place.rank, len(images.labels), place.world_size)
    size = max(recipe.batch_size // place.world_size, 1)
    steps = [[(at, 0) for at in own[begin : begin + size]] for begin in range(0, len(own), size)]
    transform = transform_of(paper_preprocessing(recipe.image_size))
    yield from _load(images, transform, steps, loaders, TEST_FOLDER)


def _load(
    images: Images, transform: Transform, steps: Sequence[list[_Key]], loaders: int, part: str
) -> Iterator[tuple[Tensor, Tensor, list[int]]]:
    forks = loaders and "fork" in multiprocessing.get_all_start_methods()
    loader = DataLoader(
        _Examples(images, transform),
        batch_sampler=steps,
        num_workers=loaders,
        collate_fn=list,
        multiprocessing_context="fork" if forks else None,
        generator=torch.Generator(),
    )
    for items in loader:
        for tensor, _, position, reason in items:
            if tensor is None:
                raise UnreadableError(f"{part}/{images.name(position)} cannot be read: {reason}")
        tensors, labels, positions, _ = zip(*items, strict=True)
        yield torch.stack(tensors), torch.tensor(labels, dtype=torch.int64), list(positions)
