"""Elements of SVG as text, and how wide a text is without a font at hand."""

from __future__ import annotations

import html
import unicodedata
from dataclasses import dataclass

from sebench.lines import single_line

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
# Advance widths of DejaVu Sans, the widest of these fonts, in thousandths of the font size.
_NARROW, _WIDE = frozenset("iljI.,:;'|![]() "), frozenset("mwMW%@")
_WIDTHS = {"narrow": 360, "lower": 610, "upper": 690, "wide": 960, "full": 1000}


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by what they are for."""

    ground: str
    """Behind everything."""
    text: str
    muted: str
    line: str
    band: str
    series: tuple[str, ...]


# Distinct in print and for the colour-blind (after Okabe & Ito 2008); darkened where they would not stand
# out from white.
PAPER = Palette(
    ground="#ffffff",
    text="#1b1f24",
    muted="#5b6470",
    line="#d8dde3",
    band="#d9e8f4",
    series=("#0072b2", "#c04e00", "#00805c", "#a8478a", "#3a8fb7", "#8a6d00"),
)
"""For a file, which is seen on any ground."""
PAGE = Palette(
    ground="var(--ground)",
    text="currentColor",
    muted="var(--muted)",
    line="var(--line)",
    band="var(--band)",
    series=tuple(f"var(--series-{number})" for number in range(1, 7)),
)
"""Custom properties of the HTML page, which follow light, dark and print."""


def number(value: float) -> str:
    """A coordinate: hundredths of a pixel, so that the same chart gives the same bytes everywhere."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")  # adding 0.0 drops the sign of -0.0


def escape(text: str) -> str:
    """`text` as the content of an element or an attribute, on one line and without control codes."""
    return html.escape(single_line(text), quote=True)


def element(tag: str, content: str = "", **attributes: str | float) -> str:
    """One element.

    Args:
        tag: its name.
        content: markup inside it.
        attributes: by name, underscores for hyphens; numbers are coordinates.
    """
    pairs = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{value if isinstance(value, str) else number(value)}"'
        for name, value in attributes.items()
    )
    return f"<{tag}{pairs}>{content}</{tag}>" if content else f"<{tag}{pairs}/>"


def text(x: float, y: float, words: str, *, size: float, fill: str, **attributes: str | float) -> str:
    """Words whose baseline begins, or with ``text_anchor`` is centred or ends, at a place."""
    return element("text", escape(words), x=x, y=y, font_size=size, fill=fill, **attributes)


def text_width(words: str, size: float) -> float:
    """An upper estimate in pixels."""
    return sum(_WIDTHS[_kind(character)] for character in words) * size / 1000


def _kind(character: str) -> str:
    if character in _NARROW:
        return "narrow"
    if character in _WIDE:
        return "wide"
    if unicodedata.east_asian_width(character) in "WF":
        return "full"
    return "upper" if character.isupper() else "lower"


def shorten(words: str, size: float, room: float) -> str:
    """`words`, with an ellipsis in the middle where they are wider than `room` pixels.

    The ends stay: names of files, variants and commits differ there.
    """
    if text_width(words, size) <= room:
        return words
    kept = len(words) - 1
    while kept > 2 and text_width(_cut(words, kept), size) > room:
        kept -= 1
    return _cut(words, kept)


def _cut(words: str, kept: int) -> str:
    return f"{words[: (kept + 1) // 2]}…{words[len(words) - kept // 2 :]}"


def wrap(words: str, size: float, room: float) -> tuple[str, ...]:
    """`words` as lines of at most `room` pixels; a word that is wider is shortened."""
    lines: list[str] = []
    for word in single_line(words).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(shorten(word, size, room))
    return tuple(lines)
