"""Text that others wrote, on one line and with nothing in it that a terminal or a file would act upon."""

from __future__ import annotations

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=1 << 16)  # a long table repeats its texts, and each is laid out more than once
def single_line(text: str) -> str:
    r"""`text` on one line, with nothing in it that a terminal or a file would act upon.

    White space becomes single spaces. Control codes (ANSI escapes among them), invisible and bidirectional
    format characters and lone surrogates are spelt out, e.g. ``\x1b``.
    """
    return exact_line(" ".join(text.split()))


def exact_line(text: str) -> str:
    """As `single_line`, but blanks stay as they are: for text that is to be copied."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isascii():
        return character if character.isprintable() else f"\\x{ord(character):02x}"
    # Cc, Cf, Cs, Co, Cn: control, format, surrogate, private use, unassigned; Zl, Zp: ends of lines.
    category = unicodedata.category(character)
    if category.startswith("C") or category in ("Zl", "Zp"):
        return character.encode("unicode_escape").decode("ascii")
    return character
