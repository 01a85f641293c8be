"""Whether a computed value, printed like a published one, shows the same digits."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from sebench.paper.figures import PublishedFigure

_PRECISION = 50
# Of our own values beside printed ones: one more than printed shows what rounding hides.
_EXTRA_DECIMALS = 1


def quantized(value: Fraction, decimals: int, rounding: str = ROUND_HALF_UP) -> Decimal:
    """`value` with that many decimals."""
    with localcontext(prec=_PRECISION):
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        return exact.quantize(Decimal(1).scaleb(-decimals), rounding=rounding)


def decimals_of(text: str) -> int:
    """Decimals of a printed number: 2 for ``3.86``."""
    return len(text.partition(".")[2])


def prints(value: Fraction, text: str, rounding: str = ROUND_HALF_UP) -> bool:
    """Whether `value` rounded to the digits of `text` is `text`."""
    return quantized(value, decimals_of(text), rounding) == Decimal(text)


def truncates(value: Fraction, text: str) -> bool:
    """Whether `value` cut off after the digits of `text` is `text`."""
    return prints(value, text, ROUND_DOWN)


def printed(value: Fraction, figure: PublishedFigure, extra: int = _EXTRA_DECIMALS) -> str:
    """`value` as text, with one decimal more than the figure has."""
    return f"{quantized(value, decimals_of(figure.value) + extra)}"
