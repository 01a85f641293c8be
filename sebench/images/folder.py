"""Images in folders, one per class: which there are. Nothing is read."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from sebench.errors import UsageError

ClassOrder = Literal["text", "natural"]
"""``text`` is torchvision's order (0, 1, 10, 2), ``natural`` is timm's (0, 1, 2, 10)."""

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"})
"""Of files that are taken for images, as in torchvision."""
_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "test"})
_NAMED = 3
_LAYOUT = "images lie in one folder per class: DIR/CLASS/IMAGE.jpg"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFolder:
    """The images of a folder that has one folder per class."""

    root: Path
    classes: tuple[str, ...]
    """Names of the folders; a class is counted by its place among them, whether it has images or not."""
    files: tuple[tuple[str, int], ...]
    """Path below the root and class of each image, sorted by class and then by path."""
    empty: tuple[str, ...]
    """Classes without an image."""
    skipped: Mapping[str, int]
    """How many files are no images of it, by reason."""
    orders_differ: bool
    """Whether torchvision and timm number these classes differently."""

    def __len__(self) -> int:
        """How many images."""
        return len(self.files)

    def sample(self, limit: int | None, *, seed: int) -> tuple[int, ...]:
        """Positions in `files` of so many images, in order; of all if there are no more or `limit` is None.

        Drawn without replacement, each subset with the same probability. The same seed draws the same ones.

        Raises:
            UsageError: `limit` is not positive.
        """
        if limit is not None and limit < 1:
            raise UsageError(f"{limit} images are none", hint="give a number from 1")
        if limit is None or limit >= len(self.files):
            return tuple(range(len(self.files)))
        return tuple(sorted(Random(f"{seed}/images").sample(range(len(self.files)), limit)))

    def require_classes(self, count: int) -> None:
        """Refuse a folder with fewer classes.

        Raises:
            UsageError: there are fewer.
        """
        if len(self.classes) < count:
            only = f"1 class, {self.classes[0]}" if len(self.classes) == 1 else f"{len(self.classes)} classes"
            raise UsageError(f"{self.root} has {only}, but {count} are needed", hint=_LAYOUT)


def open_folder(path: Path | str, *, order: ClassOrder = "text") -> ImageFolder:
    """The images below a folder; folders inside that of a class belong to the class.

    Hidden files and folders, whose names begin with a dot, are left out. Links are followed, once each.

    Args:
        path: of the folder.
        order: by which its classes are numbered.

    Raises:
        UsageError: there is no such folder, it cannot be read, or has no images in folders.
    """
    root = Path(path)
    entries = _entries(root)
    names = [entry.name for entry in entries if not _is_hidden(entry.name) and _is_folder(entry)]
    text, natural = sorted(names), sorted(names, key=_natural)
    classes = tuple(text if order == "text" else natural)
    skipped: Counter[str] = Counter()
    for entry in entries:
        if not _is_folder(entry):
            skipped["hidden" if _is_hidden(entry.name) else "in no class"] += 1
    files: list[tuple[str, int]] = []
    for number, name in enumerate(classes):
        found, others = _images(root, name)
        skipped.update(others)
        files.extend((each, number) for each in sorted(found))
    _require_images(root, classes, files, skipped)
    used = {number for _, number in files}
    return ImageFolder(
        root=root,
        classes=classes,
        files=tuple(files),
        empty=tuple(name for number, name in enumerate(classes) if number not in used),
        skipped=dict(sorted(skipped.items())),
        orders_differ=text != natural,
    )


def _entries(root: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root) as found:
            return list(found)
    except FileNotFoundError:
        raise UsageError(f"there is no folder {root}", hint=_LAYOUT) from None
    except NotADirectoryError:
        raise UsageError(f"{root} is a file, not a folder of images", hint=_LAYOUT) from None
    except OSError as error:
        raise UsageError(f"{root} cannot be read: {error.strerror or error}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _natural(name: str) -> tuple[tuple[tuple[str, int], ...], str]:
    """A key that orders names as timm does: whatever their case, numbers by value."""
    parts = re.split(r"(\d+)", name.lower())  # text and numbers in turn
    return tuple(("", int(part)) if place % 2 else (part, 0) for place, part in enumerate(parts)), name


def _images(root: Path, name: str) -> tuple[list[str], Counter[str]]:
    """Paths below the root of the images of a class, and how many other files it has by reason."""
    found: list[str] = []
    skipped: Counter[str] = Counter()
    for folder, file in _walk(root / name):
        suffix = Path(file).suffix.lower()
        if _is_hidden(file):
            skipped["hidden"] += 1
        elif suffix not in SUFFIXES:
            skipped[suffix or "no suffix"] += 1
        else:
            found.append((folder / file).relative_to(root).as_posix())
    return found, skipped


def _walk(top: Path) -> Iterator[tuple[Path, str]]:
    """Files below a folder that is in no hidden one, each with its folder."""
    seen: set[tuple[int, int]] = set()
    for place, folders, files in os.walk(top, followlinks=True, onerror=_refuse):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in seen:  # a link led here again
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for file in files:
            yield Path(place), file


def _refuse(error: OSError) -> None:
    raise UsageError(f"{error.filename} cannot be read: {error.strerror or error}") from error


def _require_images(
    root: Path, classes: tuple[str, ...], files: list[tuple[str, int]], skipped: Mapping[str, int]
) -> None:
    if not files:
        other = {reason: count for reason, count in skipped.items() if reason != "hidden"}
        listed = ", ".join(f"{count} {reason}" for reason, count in sorted(other.items()))
        said = f" ({listed})" if listed else ""
        what = "no images" if classes else "no folders with images"
        raise UsageError(f"{root} has {what}{said}", hint=_LAYOUT)
    nested = all(len(Path(file).parts) > 2 for file, _ in files)
    if nested and _SPLITS.issuperset(name.lower() for name in classes):
        listed = ", ".join(classes[:_NAMED])
        raise UsageError(
            f"the folders of {root} are parts of a data set ({listed}), not classes",
            hint=f"name one of them: {root / classes[-1]}",
        )
