"""What is said of files that are taken for images and cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sebench.schema import Finding, UnreadableImage

_NAMED = 3


def reason_of(error: Exception, path: Path) -> str:
    """What is wrong with a file, in one short line.

    Args:
        error: as its decoder raised it.
        path: of the file, as it was opened.
    """
    lines = str(error).replace(f" {str(path)!r}", "").strip().splitlines()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return lines[0] if lines else type(error).__name__


def unreadable_finding(unreadable: Sequence[UnreadableImage], *, images: int, then: str) -> Finding:
    """A warning that counts the files and names the first ones.

    Args:
        unreadable: at least one.
        images: among how many.
        then: what was done, e.g. ``are left out``.
    """
    count = len(unreadable)
    named = "; ".join(f"{image.path} ({image.reason})" for image in unreadable[:_NAMED])
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    return Finding(
        code="unreadable-images",
        severity="warning",
        message=f"{count} of {images} images cannot be read and {then}: {named}{more}",
    )
