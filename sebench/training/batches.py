"""Batches of a data set: augmented ones of an epoch from any step on, and the test images."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
_Item = tuple[Tensor | None, int, int, dict[int, str]]
"""An image (None where there is none), its class and position, and why others cannot be read, by position."""
_Key = tuple[int, int]
"""Position of an image, and the seed of what is drawn for it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which part of every batch this process has."""

    rank: int = 0
    world_size: int = 1


ALONE = Place()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Images that were read together."""

    images: Tensor
    """float32 of shape (N, 3, H, W); in the test N may be 0."""
    labels: Tensor
    """int64 of shape (N): the class of each."""
    positions: tuple[int, ...]
    """Of each, among the images of its part."""
    unreadable: Mapping[str, str]
    """Why files that were met cannot be read, by their paths below the folder of the data."""


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


class _Examples(Dataset[_Item]):
    """Images by position and seed, so that a draw depends on neither the process nor the image before.

    Args:
        images: of a part of the data.
        transform: what is done to each.
        replaces: whether the next image of its class that can be read, after the last one the first, takes
            the place of one that cannot.
    """

    def __init__(self, images: Images, transform: Transform, *, replaces: bool) -> None:
        self._images, self._transform, self._replaces = images, transform, replaces

    def __getitem__(self, key: _Key) -> _Item:
        position, seed = key
        label = self._images.labels[position]
        unreadable: dict[int, str] = {}
        for each in self._of_class(label, position) if self._replaces else (position,):
            torch.default_generator.manual_seed(seed)
            try:
                return self._transform(self._images.read(each)), label, each, unreadable
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001 - decoders raise whatever they like
                unreadable[each] = " ".join(str(error).split()) or type(error).__name__
        return None, label, position, unreadable

    def _of_class(self, label: int, first: int) -> Iterator[int]:
        labels = self._images.labels
        around = (each % len(labels) for each in range(first, first + len(labels)))
        return (each for each in around if labels[each] == label)


def training_batches(
    images: Images, recipe: Recipe, *, seed: int, epoch: int, first: int, place: Place, loaders: int
) -> Iterator[Batch]:
    """This rank's part of the batches of an epoch.

    What does not fill a batch is left out, as other images are in every epoch. The place of an image that
    cannot be read is taken by the next one of its class that can: batches keep their size, and which images
    are in one does not depend on those before.

    Args:
        images: of the training set.
        recipe: batch, crop and the like.
        seed: of the run.
        epoch: counted from 0.
        first: step to begin with.
        place: which part of a batch.
        loaders: processes that read and augment; 0 does it here.

    Raises:
        WorkerError: no image of a class can be read.
    """
    order = epoch_order(images.labels, seed=seed, epoch=epoch, balanced=recipe.balanced)
    size = recipe.batch_size // place.world_size

    def keys(step: int) -> list[_Key]:
        begin = step * recipe.batch_size + place.rank * size
        return [(order[at], derived_seed(seed, "image", epoch, at)) for at in range(begin, begin + size)]

    steps = [keys(step) for step in range(first, steps_per_epoch(images, recipe))]
    for batch in _load(images, augmentation(recipe), steps, loaders, TRAIN_FOLDER):
        if len(batch.positions) < size:  # there were some when the run was begun
            raise WorkerError(
                f"{TRAIN_FOLDER} has a class without an image that can be read any more",
                hint="see whether the folder is complete",
            )
        yield batch


def steps_per_epoch(images: Images, recipe: Recipe) -> int:
    """Whole batches."""
    return len(images.labels) // recipe.batch_size


def test_batches(images: Images, recipe: Recipe, *, place: Place, loaders: int) -> Iterator[Batch]:
    """This rank's part of the test images: their centres. Those that cannot be read are left out."""
    own = range(place.rank, len(images.labels), place.world_size)
    size = max(recipe.batch_size // place.world_size, 1)
    steps = [[(at, 0) for at in own[begin : begin + size]] for begin in range(0, len(own), size)]
    transform = transform_of(paper_preprocessing(recipe.image_size))
    yield from _load(images, transform, steps, loaders, TEST_FOLDER)


def _load(
    images: Images, transform: Transform, steps: Sequence[list[_Key]], loaders: int, part: str
) -> Iterator[Batch]:
    forks = loaders and "fork" in multiprocessing.get_all_start_methods()
    loader: Iterable[list[_Item]] = DataLoader(
        _Examples(images, transform, replaces=part == TRAIN_FOLDER),
        batch_sampler=steps,
        num_workers=loaders,
        collate_fn=list,
        multiprocessing_context="fork" if forks else None,
        generator=torch.Generator(),
    )
    for items in loader:
        read = [(tensor, label, position) for tensor, label, position, _ in items if tensor is not None]
        yield Batch(
            images=torch.stack([tensor for tensor, _, _ in read]) if read else torch.empty(0),
            labels=torch.tensor([label for _, label, _ in read], dtype=torch.int64),
            positions=tuple(position for _, _, position in read),
            unreadable={
                f"{part}/{images.name(position)}": reason
                for *_, unreadable in items
                for position, reason in unreadable.items()
            },
        )
