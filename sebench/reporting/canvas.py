"""Pictures in the formats that ``--plot`` takes; the same drawing gives the same file."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from sebench.errors import UsageError
from sebench.installation import extra_hint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "png")


def check_picture(picture_format: str) -> None:
    """Refuse a picture that cannot be drawn before there is anything to draw.

    Raises:
        UsageError: another format than `FORMATS`, or matplotlib is not installed.
    """
    if picture_format not in FORMATS:
        raise UsageError(f"--plot draws no {picture_format!r}", hint=f"name a file in {' or '.join(FORMATS)}")
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("--plot needs matplotlib", hint=extra_hint("plot"))


def draw(picture_format: str, size_inches: tuple[float, float], paint: Callable[[Figure], None]) -> bytes:
    """A figure as the content of a file.

    Args:
        picture_format: ``svg`` or ``png``.
        size_inches: width and height.
        paint: fills the empty figure.

    Raises:
        UsageError: as `check_picture`.
    """
    check_picture(picture_format)
    import matplotlib as mpl  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    # A fixed salt and no date: the same drawing gives the same file. Names are no formulas.
    with mpl.rc_context({"svg.hashsalt": "sebench", "svg.fonttype": "none", "text.parse_math": False}):
        figure = Figure(figsize=size_inches, layout="constrained")
        paint(figure)
        written = io.BytesIO()
        figure.savefig(
            written, format=picture_format, metadata={"Date": None} if picture_format == "svg" else None
        )
    return written.getvalue()
