"""Numbers to text, and nothing else: SI time, counts, bytes, ratios."""

from __future__ import annotations

import math

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BINARY = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_TIME = ((1.0, "s", 1.0), (1e-3, "ms", 1e3), (1e-6, "us", 1e6), (0.0, "ns", 1e9))
UNKNOWN = "-"


def format_count(value: float, digits: int = 4) -> str:
    """1234567 -> '1.235 M'; counts below 1000 are printed whole."""
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor:
            return f"{significant(value / factor, digits)} {prefix}"
    return f"{value:g}"


def format_bytes(value: float) -> str:
    """Binary units: 1572864 -> '1.50 MiB'."""
    for factor, name in _BINARY:
        if abs(value) >= factor:
            return f"{significant(value / factor, 3)} {name}"
    return f"{value:g} B"


def format_seconds(value: float, digits: int = 3) -> str:
    """0.05342 -> '53.4 ms'."""
    for threshold, name, factor in _TIME:
        if abs(value) >= threshold:
            return f"{significant(value * factor, digits)} {name}"
    raise AssertionError("unreachable: the last threshold is 0")


def format_ratio(value: float) -> str:
    """Ratios keep four decimals below 2 (1.0006 is a difference that matters here)."""
    return f"{value:.4f}" if abs(value - 1) < 0.01 else f"{value:.3f}"


def format_percent(ratio: float) -> str:
    """A ratio as a signed change: 1.0984 -> '+9.84 %'."""
    return f"{(ratio - 1) * 100:+.2f} %"


def significant(value: float, digits: int) -> str:
    """Fixed-point text with `digits` significant digits and no exponent."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"
