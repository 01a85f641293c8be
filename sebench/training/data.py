"""Data sets: a folder with ``train`` and ``val``, or images that a package ships."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sebench.errors import UsageError
from sebench.images.folder import ImageFolder, open_folder
from sebench.images.loading import read_image
from sebench.images.unreadable import reason_of
from sebench.schema.training import TrainingData
from sebench.training.sources import TEST_FOLDER, TRAIN_FOLDER, is_packaged, require_data

TEST_SHARE = 0.2
"""Of each class of a packaged data set, drawn by the seed of the run."""
_CHANNELS = 3
Bytes = NDArray[np.uint8]


class Images(Protocol):
    """Images with their classes, read one by one."""

    @property
    def labels(self) -> Sequence[int]:
        """Class of each image, by its place among the classes."""

    def name(self, position: int) -> str:
        """What an image is called in results."""

    def read(self, position: int) -> Image.Image:
        """One image in RGB.

        Raises:
            Exception: it cannot be decoded; its text says why.
        """


@dataclass(frozen=True, slots=True)
class DataSet:
    """Images to train on and to test on."""

    facts: TrainingData
    train: Images
    test: Images
    may_flip: bool
    """Whether a mirrored image is still one of its class."""


def open_data(name: str, *, seed: int, side: int) -> DataSet:
    """A data set by its name, or a folder.

    Args:
        name: of a packaged data set (`sources.PACKAGED`), or path of a folder with ``train/CLASS/IMAGE`` and
            ``val/CLASS/IMAGE``.
        seed: of the run, which splits a packaged data set.
        side: of the square that packaged images are scaled to, in pixels; a folder's are read as they are.

    Raises:
        UsageError: there is no such data set or folder, the package is not installed, the two folders
            differ in their classes, or one has a class of whose images none can be read.
    """
    require_data(name)
    return _packaged(name, seed, side) if is_packaged(name) else _folders(Path(name))


# --- folders --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _FolderImages:
    folder: ImageFolder
    labels: tuple[int, ...]

    def name(self, position: int) -> str:
        return self.folder.files[position][0]

    def read(self, position: int) -> Image.Image:
        path = self.folder.root / self.name(position)
        try:
            return read_image(path, _CHANNELS)
        except MemoryError:
            raise
        except Exception as error:
            raise ValueError(reason_of(error, path)) from error


def _folders(root: Path) -> DataSet:
    train, test = (open_folder(root / part) for part in (TRAIN_FOLDER, TEST_FOLDER))
    train.require_classes(2)
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))[0]
        raise UsageError(
            f"--data {root}: the classes of {TRAIN_FOLDER} and {TEST_FOLDER} differ, e.g. {odd}",
            hint="give both a folder for each class",
        )
    images, test_images = _folder_images(train), _folder_images(test)
    for each in (images, test_images):
        _require_readable(each)
    facts = TrainingData(
        name=str(root),
        split=f"the folders {TRAIN_FOLDER} and {TEST_FOLDER}",
        classes=train.classes,
        train=len(train),
        test=len(test),
        fingerprint=_fingerprint(_file_facts(train) + _file_facts(test)),
    )
    return DataSet(facts, images, test_images, may_flip=True)


def _folder_images(folder: ImageFolder) -> _FolderImages:
    return _FolderImages(folder, tuple(label for _, label in folder.files))


def _require_readable(images: _FolderImages) -> None:
    """Read images of each class until one can be read; refuse a class without one before anything is done."""
    readable: set[int] = set()
    lost: dict[int, str] = {}
    for position, label in enumerate(images.labels):
        if label in readable:
            continue
        try:
            images.read(position)
            readable.add(label)
        except ValueError as error:
            lost.setdefault(label, f"{images.name(position)}: {error}")
    for label, first in lost.items():
        if label not in readable:
            root = images.folder.root
            where = root / images.folder.classes[label] if readable else root
            raise UsageError(
                f"{where} has no image that can be read; {first}", hint="see whether the folder is complete"
            )


def _file_facts(folder: ImageFolder) -> list[bytes]:
    """Names and sizes: the contents of a million images would take too long to read."""
    return [f"{path}\0{label}\0{_size(folder.root / path)}".encode() for path, label in folder.files]


def _size(path: Path) -> int:
    """In bytes; -1 where a link leads nowhere."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


# --- packaged data --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ArrayImages:
    prefix: str
    pixels: Bytes
    """Grey, of shape (N, side, side)."""
    numbers: tuple[int, ...]
    """Of the images in the package's own order."""
    labels: tuple[int, ...]

    def name(self, position: int) -> str:
        return f"{self.prefix}/{self.numbers[position]}"

    def read(self, position: int) -> Image.Image:
        return Image.fromarray(self.pixels[position]).convert("RGB")


def _packaged(name: str, seed: int, side: int) -> DataSet:
    pixels, labels = _READERS[name]()
    train, test = split(labels, seed=seed)
    scaled = np.stack(
        [
            np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))
            for image in pixels
        ]
    )
    facts = TrainingData(
        name=name,
        split="a fifth of each class are test images, drawn by the seed",
        classes=tuple(map(str, sorted(set(labels)))),
        train=len(train),
        test=len(test),
        fingerprint=_fingerprint([pixels.tobytes(), bytes(labels), f"{seed}/{side}".encode()]),
    )

    def images(part: tuple[int, ...]) -> _ArrayImages:
        return _ArrayImages(name, scaled[list(part)], part, tuple(labels[each] for each in part))

    return DataSet(facts, images(train), images(test), may_flip=False)


def split(labels: Sequence[int], *, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions of training and test images: of each class the same share is for the test, to within one.

    Args:
        labels: class of each image.
        seed: draws which.
    """
    random = Random(f"{seed}/split")
    test: set[int] = set()
    for label in sorted(set(labels)):
        members = [position for position, each in enumerate(labels) if each == label]
        test.update(random.sample(members, round(TEST_SHARE * len(members))))
    train = tuple(position for position in range(len(labels)) if position not in test)
    return train, tuple(sorted(test))


def _digits() -> tuple[Bytes, list[int]]:
    """scikit-learn's handwritten digits: 1,797 of 8 x 8, ten classes, values 0 to 16."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - an extra

    found = load_digits()
    pixels = np.minimum(np.asarray(found.images) * 16, 255).astype(np.uint8)
    return pixels, [int(label) for label in found.target]


_READERS: Mapping[str, Callable[[], tuple[Bytes, list[int]]]] = {"digits": _digits}
"""Grey images of shape (N, side, side) and the class of each, by the names of `sources.PACKAGED`."""


def _fingerprint(parts: Sequence[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
