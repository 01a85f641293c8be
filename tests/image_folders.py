"""Folders of tiny images, made on the fly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PIL import Image


def write_image(path: Path, colour=(128, 64, 32), size=(32, 32)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def write_folder(root: Path, classes: Mapping[str, int], *, size=(32, 32)) -> Path:
    """So many PNG images per class, each of a colour of its own."""
    for number, (name, count) in enumerate(classes.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for each in range(count):
            write_image(root / name / f"{each:03}.png", (10 * number % 256, 20 * each % 256, 100), size)
    return root
