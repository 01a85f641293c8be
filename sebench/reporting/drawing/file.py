"""Pictures in the formats that ``--plot`` takes; the same picture gives the same file."""

from __future__ import annotations

import importlib.util

from sebench.errors import UnavailableError, UsageError
from sebench.installation import extra_hint
from sebench.reporting.chart import Picture
from sebench.reporting.drawing.svg import picture_svg

FORMATS = ("svg", "png")
_PIXELS_PER_UNIT = 2.0
"""Sharp on a screen of twice the usual density, and in print at a third of the width."""


def check_picture(picture_format: str) -> None:
    """Refuse a picture that cannot be drawn before there is anything to draw.

    Raises:
        UsageError: another format than `FORMATS`, or one that needs a package that is not installed.
    """
    if picture_format not in FORMATS:
        raise UsageError(f"--plot draws no {picture_format!r}", hint=f"name a file in {' or '.join(FORMATS)}")
    if picture_format == "png" and importlib.util.find_spec("vl_convert") is None:
        raise UsageError(
            "--plot FILE.png needs vl-convert-python", hint=f"{extra_hint('html')}, or name a file in svg"
        )


def draw(picture: Picture, picture_format: str) -> bytes:
    """A picture as the content of a file.

    Args:
        picture: What to draw.
        picture_format: ``svg``, or ``png``, which is the SVG rasterised.

    Raises:
        UnavailableError: the picture has no panels.
        UsageError: another format, or one that needs a package that is not installed.
    """
    check_picture(picture_format)
    if not picture.panels:
        raise UnavailableError(f"{picture.title}: no figure is known that could be drawn")
    svg = picture_svg(picture)
    if picture_format == "svg":
        return svg
    import vl_convert  # noqa: PLC0415 - an extra

    png: bytes = vl_convert.svg_to_png(svg.decode(), scale=_PIXELS_PER_UNIT)
    return png
