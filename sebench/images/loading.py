"""Images of a folder as batches of tensors; those that cannot be read are named and left out."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sebench.errors import WorkerError
from sebench.images.folder import ImageFolder
from sebench.images.preprocessing import transform_of
from sebench.images.unreadable import reason_of
from sebench.schema import Preprocessing

_WIDE = ("I", "F")
"""Modes, and beginnings of modes, with more than 8 bits a channel, which converting would clip."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is taken for an image and cannot be used as one."""

    path: str
    """Below the root of its folder."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Images that were read together."""

    images: Tensor
    """float32 of shape (N, C, H, W); N is 0 where none of them can be read."""
    classes: Tensor
    """int64 of shape (N): which class each belongs to."""
    indices: Tensor
    """int64 of shape (N): the position of each in `ImageFolder.files`."""
    unreadable: tuple[Unreadable, ...]
    """Files between them that are left out; no other takes their place."""


def batches(
    folder: ImageFolder,
    preprocessing: Preprocessing,
    *,
    batch_size: int,
    workers: int = 0,
    indices: Sequence[int] | None = None,
    pin: bool = False,
) -> Iterator[Batch]:
    """Read images in order, a batch at a time; no more than a few batches are in memory.

    The global random state of torch is neither used nor changed.

    Args:
        folder: which images there are.
        preprocessing: what is done to each.
        batch_size: how many files make a batch; one with unreadable files has fewer images.
        workers: processes that read; with 0 this process does.
        indices: positions in `folder.files`, in the order in which they are read; all of them if None.
        pin: whether images lie in page-locked memory, which can be copied to a GPU while it works.

    Raises:
        WorkerError: a process that reads was ended from outside.
    """
    positions = range(len(folder.files)) if indices is None else indices
    loader = DataLoader(
        _Images(folder, preprocessing, positions),
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=_Collate(preprocessing.input_shape),
        pin_memory=pin,
        multiprocessing_context=_start_method() if workers else None,
        generator=torch.Generator(),
    )
    try:
        for images, classes, places, unreadable in loader:
            yield Batch(images=images, classes=classes, indices=places, unreadable=tuple(unreadable))
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise WorkerError(
            f"a process that reads images was ended: {str(error).splitlines()[0]}",
            hint="it may have lacked memory; read with --workers 0",
        ) from error


def read_image(path: Path, channels: int) -> Image.Image:
    """An image in RGB, or in grey where `channels` is 1.

    As in torchvision's and timm's readers, orientation in EXIF is not applied, transparency is dropped, and
    of several frames the first is taken.

    Raises:
        ValueError: it has more than 8 bits a channel, which conversion would clip.
        Exception: it cannot be decoded, as its decoder says so: most raise OSError, but not all.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata, and about size below the limit
        with Image.open(path) as image:
            if image.mode.startswith(_WIDE):
                raise ValueError(f"it has more than 8 bits a channel (mode {image.mode})")
            return image.convert("L" if channels == 1 else "RGB")


_Item = tuple[Tensor | None, int, int, Unreadable | None]
_Collated = tuple[Tensor, Tensor, Tensor, list[Unreadable]]


class _Images(Dataset[_Item]):
    """Can be sent to another process: transforms are made where they are used."""

    def __init__(self, folder: ImageFolder, preprocessing: Preprocessing, positions: Sequence[int]) -> None:
        self._folder, self._preprocessing, self._positions = folder, preprocessing, positions
        self._transform: Callable[[Image.Image], Tensor] | None = None

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, place: int) -> _Item:
        position = self._positions[place]
        path, number = self._folder.files[position]
        if self._transform is None:
            self._transform = transform_of(self._preprocessing)
        try:
            image = read_image(self._folder.root / path, len(self._preprocessing.mean))
            return self._transform(image), number, position, None
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - decoders raise whatever they like
            return None, number, position, Unreadable(path, reason_of(error, self._folder.root / path))


class _Collate:
    """Makes a batch of what was read; an object, so that it can be sent to another process."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape

    def __call__(self, items: Sequence[_Item]) -> _Collated:
        read = [(image, number, position) for image, number, position, _ in items if image is not None]
        images = torch.stack([image for image, _, _ in read]) if read else torch.empty((0, *self._shape))
        classes = torch.tensor([number for _, number, _ in read], dtype=torch.int64)
        positions = torch.tensor([position for _, _, position in read], dtype=torch.int64)
        return images, classes, positions, [bad for *_, bad in items if bad is not None]


def _start_method() -> str | None:
    """Forked processes find this very package; where there is no fork, the interpreter's own way."""
    return "fork" if "fork" in multiprocessing.get_all_start_methods() else None
