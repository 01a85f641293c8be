"""Numbers as values of options of attention kinds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sebench.errors import VariantError


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """A whole number of at least 1."""

    example: int
    """Shown where a value is refused."""
    largest: int = 10**9 - 1

    @property
    def syntax(self) -> str:
        """What may stand behind the ``=``."""
        return "1, 2, ..."

    def parse(self, name: str, text: str) -> int:
        """Read ASCII digits, nine at most."""
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or int(text) < 1:
            raise VariantError(
                f"{name} must be a whole number of at least 1, not {text!r}",
                hint=f"for example {name}={self.example}",
            )
        if int(text) > self.largest:
            raise VariantError(
                f"{name} must be at most {self.largest}, not {text!r}",
                hint=f"for example {name}={self.example}",
            )
        return int(text)

    def render(self, value: int) -> str:
        """Without leading zeros."""
        return str(value)


@dataclass(frozen=True, slots=True)
class OddNumber:
    """Side of a kernel that has a middle: 1, 3, 5, ... or a word that leaves it to the module."""

    example: int
    """Shown where a value is refused."""
    word: str = ""
    largest: int = 99

    @property
    def syntax(self) -> str:
        """What may stand behind the ``=``."""
        return f"{self.word}|1, 3, ..." if self.word else "1, 3, ..."

    def parse(self, name: str, text: str) -> int | str:
        """Read ASCII digits, or the word."""
        if self.word and text == self.word:
            return text
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or int(text) % 2 == 0 or int(text) > self.largest:
            also = f" or {self.word}" if self.word else ""
            raise VariantError(
                f"{name} must be an odd number up to {self.largest}{also}, not {text!r}",
                hint=f"for example {name}={self.example}",
            )
        return int(text)

    def render(self, value: int | str) -> str:
        """Without leading zeros."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Number:
    """A number above 0, with a point or an exponent if need be."""

    example: str
    """Shown where a value is refused."""

    @property
    def syntax(self) -> str:
        """What may stand behind the ``=``."""
        return "a number"

    def parse(self, name: str, text: str) -> float:
        """Read ASCII digits with at most one point, and an exponent."""
        number = r"(\d{1,9}(\.\d{0,18})?|\.\d{1,18})(e[+-]?\d{1,2})?"
        value = float(text) if re.fullmatch(number, text, re.ASCII) else 0.0
        if value <= 0:
            raise VariantError(
                f"{name} must be a number above 0, not {text!r}", hint=f"for example {name}={self.example}"
            )
        return value

    def render(self, value: float) -> str:
        """The shortest text of the number."""
        return repr(float(value))
