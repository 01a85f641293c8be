"""What went wrong in somebody else's code, in one line that ends with the place."""

from __future__ import annotations

import textwrap
import traceback
from pathlib import Path

from sebench.models.neighbours import is_installed

MAX_CHARACTERS = 300
_PACKAGE = Path(__file__).parents[1]


def describe(error: BaseException) -> str:
    """E.g. ``ValueError: depth must be positive (nets.py:12)``."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({_short(Path(error.filename))}:{error.lineno})"
    said = textwrap.shorten(_text(error), MAX_CHARACTERS, placeholder=" ...")
    place = place_in_own_code(error)
    return f"{type(error).__name__}{': ' if said else ''}{said}{f' ({place})' if place else ''}"


def message_of(error: BaseException) -> str:
    """The first line of what it says; ``""`` where it says nothing."""
    lines = _text(error).strip().splitlines()
    return lines[0] if lines else ""


def _text(error: BaseException) -> str:
    """What it says; ``""`` where its own ``__str__`` fails, which is somebody else's code too."""
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 - whatever it raises, the error at hand is the one to tell
        return ""


def place_in_own_code(error: BaseException) -> str | None:
    """``file:line`` of the deepest frame outside sebench and anything installed; None if there is none."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    return next(
        (
            f"{_short(Path(frame.filename))}:{frame.lineno}"
            for frame in frames
            if _is_own(Path(frame.filename))
        ),
        None,
    )


def _is_own(path: Path) -> bool:
    return path.is_file() and not is_installed(path) and not path.resolve().is_relative_to(_PACKAGE)


def _short(path: Path) -> str:
    """Relative to the working directory if it lies in it."""
    path, here = path.resolve(), Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)
