"""Numbers to text, and nothing else: SI time, counts, bytes, ratios."""

from __future__ import annotations

import math
from typing import NamedTuple

UNKNOWN = "-"
"""Printed for a value that is absent or not finite; never 0."""


class Scale(NamedTuple):
    """A printed unit: the printed number is ``value / factor``."""

    factor: float
    unit: str


_COUNT = (Scale(1e12, "T"), Scale(1e9, "G"), Scale(1e6, "M"), Scale(1e3, "k"), Scale(1.0, ""))
_BINARY = (
    Scale(2.0**40, "TiB"),
    Scale(2.0**30, "GiB"),
    Scale(2.0**20, "MiB"),
    Scale(2.0**10, "KiB"),
    Scale(1.0, "B"),
)
_TIME = (Scale(1.0, "s"), Scale(1e-3, "ms"), Scale(1e-6, "us"), Scale(1e-9, "ns"))

_ENERGY = (Scale(1e3, "kJ"), Scale(1.0, "J"), Scale(1e-3, "mJ"), Scale(1e-6, "uJ"))


def count_scale(value: float) -> Scale:
    """Decimal prefix for a count: 3.86e9 -> ``Scale(1e9, "G")``; no prefix below 1000."""
    return _largest(_COUNT, value)


def bytes_scale(value: float) -> Scale:
    """Binary unit for a number of bytes: 1572864 -> ``Scale(2**20, "MiB")``."""
    return _largest(_BINARY, value)


def seconds_scale(value_s: float) -> Scale:
    """SI unit for a time: 0.05342 -> ``Scale(1e-3, "ms")``; anything below 1 us is in ns."""
    return _largest(_TIME, value_s)


def joules_scale(value: float) -> Scale:
    """SI unit for an energy: 0.42 -> ``Scale(1e-3, "mJ")``; anything below 1 mJ is in uJ."""
    return _largest(_ENERGY, value)


def unit_scale(unit: str, value: float) -> Scale:
    """The scale for a value in base unit `unit` (``s``, ``B``, ``J``, ``images/s``; all else is a count).

    Counts keep their prefix only (``G`` for 1e9 ``MAC``): what is counted is the name of the metric.
    """
    if unit == "s":
        return seconds_scale(value)
    if unit == "J":
        return joules_scale(value)
    if unit == "images/s":
        return Scale(1.0, unit)
    return bytes_scale(value) if unit == "B" else count_scale(value)


def format_count(value: float, digits: int = 4) -> str:
    """1234567 -> '1.235 M'; counts below 1000 are printed whole."""
    return _scaled(value, _COUNT, digits)


def number_of(count: int, noun: str) -> str:
    """How many of something, e.g. ``1 case``, ``3 cases`` or ``6 processes``."""
    plural = "es" if noun.endswith("s") else "s"
    return f"{count} {noun}{'' if count == 1 else plural}"


def format_bytes(value: float) -> str:
    """Binary units: 1572864 -> '1.50 MiB'."""
    return _scaled(value, _BINARY, 3)


def format_ratio(value: float) -> str:
    """Three decimals, or four within 1 % of 1 (1.0006 is a difference that matters here)."""
    if not math.isfinite(value):
        return UNKNOWN
    return f"{value:.4f}" if abs(value - 1) < 0.01 else f"{value:.3f}"


def format_percent(ratio: float) -> str:
    """A ratio as a signed change: 1.0984 -> '+9.84 %'."""
    return f"{(ratio - 1) * 100:+.2f} %" if math.isfinite(ratio) else UNKNOWN


def format_duration(seconds: float) -> str:
    """A time that people wait for: 42.3 -> '42 s', 150 -> '2.5 min', 5400 -> '1.5 h'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 100:
        return f"{minutes:.1f} min" if minutes < 10 else f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"


def change_of_value(before: float | None, after: float | None, unit: str = "1") -> str:
    """Exact figures to the last digit: ``100 -> 112 B``; ``100 B -> unknown``."""
    suffix = "" if unit == "1" else f" {unit}"
    if before is None or after is None:
        return " -> ".join(
            f"{value:,}{suffix}" if value is not None else "unknown" for value in (before, after)
        )
    return f"{before:,} -> {after:,}{suffix}"


def format_share(part: float, whole: float) -> str:
    """A part of a whole in per cent: (2.5, 100) -> '2.50 %'; unknown where the whole is zero."""
    return f"{part / whole * 100:.2f} %" if whole else UNKNOWN


def significant(value: float, digits: int) -> str:
    """Fixed-point text with `digits` significant digits and no exponent."""
    if not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    # Rounding may carry into a new digit (9.996 -> 10.00), so the magnitude is that of the rounded value.
    magnitude = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    return f"{value:.{max(0, digits - 1 - magnitude)}f}"


def decimals_for(spread: float, digits: int = 2) -> int:
    """Decimals that show `digits` significant digits of a spread: 0.034 -> 3; none for a spread >= 10.

    The last printed digit of a measured value should be about as fine as its uncertainty.
    """
    if not math.isfinite(spread) or spread <= 0:
        return digits
    return max(0, digits - 1 - math.floor(math.log10(spread)))


def _largest(scales: tuple[Scale, ...], value: float) -> Scale:
    return next((scale for scale in scales if abs(value) >= scale.factor), scales[-1])


def _rounded_scale(scales: tuple[Scale, ...], value: float, digits: int) -> Scale:
    # 999_999 printed with four digits is 1.000 M, not 1000 k.
    scale = _largest(scales, value)
    return _largest(scales, float(significant(value / scale.factor, digits)) * scale.factor)


def _scaled(value: float, scales: tuple[Scale, ...], digits: int) -> str:
    if not math.isfinite(value):
        return UNKNOWN
    factor, unit = _rounded_scale(scales, value, digits)
    if factor == 1:
        return f"{value:g} {unit}".rstrip()
    return f"{significant(value / factor, digits)} {unit}"
