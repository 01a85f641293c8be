import math

import pytest

from sebench import units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.000 k"),
        (1_234_567, "1.235 M"),
        (999_999, "1.000 M"),  # rounds up into the next prefix
        (3_857_973_248, "3.858 G"),
        (-2_500_000, "-2.500 M"),
        (2.5e15, "2500 T"),
        (math.nan, "-"),
        (math.inf, "-"),
    ],
)
def test_counts(value, text):
    assert units.format_count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1_572_864, "1.50 MiB"),  # 1.5 * 2**20
        (2**30 - 1, "1.00 GiB"),  # 1023.999 MiB rounds to the next unit
        (5 * 2**40, "5.00 TiB"),
        (-math.inf, "-"),
    ],
)
def test_bytes(value, text):
    assert units.format_bytes(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1.0006, "1.0006"), (1.0984, "1.098"), (0.95, "0.950"), (math.inf, "-")]
)
def test_ratio(value, text):
    assert units.format_ratio(value) == text


def test_percent_and_share():
    assert units.format_percent(1.0984) == "+9.84 %"
    assert units.format_percent(0.9) == "-10.00 %"
    assert units.format_percent(math.nan) == "-"
    assert units.format_share(2.5, 100) == "2.50 %"
    assert units.format_share(1, 0) == "-"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(53.42, 3, "53.4"), (9.996, 3, "10.0"), (0.00251494, 3, "0.00251"), (123456, 3, "123456"), (0, 3, "0")],
)
def test_significant(value, digits, text):
    assert units.significant(value, digits) == text


@pytest.mark.parametrize(
    ("spread", "decimals"), [(0.034, 3), (0.34, 2), (3.4, 1), (34, 0), (3400, 0), (0, 2), (math.nan, 2)]
)
def test_decimals_follow_the_spread(spread, decimals):
    assert units.decimals_for(spread) == decimals


@pytest.mark.parametrize(
    ("unit", "value", "scale"),
    [
        ("s", 0.053, units.Scale(1e-3, "ms")),
        ("images/s", 12_345.6, units.Scale(1.0, "images/s")),
        ("s", 0.0, units.Scale(1e-9, "ns")),
        ("B", 1_572_864, units.Scale(2.0**20, "MiB")),
        ("MAC", 3.86e9, units.Scale(1e9, "G")),
        ("1", 25_557_032, units.Scale(1e6, "M")),
        ("J", 12.0, units.Scale(1.0, "J")),
        ("J", 0.42, units.Scale(1e-3, "mJ")),
        ("J", 5.0e3, units.Scale(1e3, "kJ")),
        ("W", 12.0, units.Scale(1.0, "")),
    ],
)
def test_unit_scale(unit, value, scale):
    assert units.unit_scale(unit, value) == scale


@pytest.mark.parametrize(
    ("before", "after", "unit", "text"),
    [
        (25_557_032, 28_088_024, "1", "25,557,032 -> 28,088,024"),
        (100, 112, "B", "100 -> 112 B"),
        (100, 100, "MAC", "100 -> 100 MAC"),
        (64, None, "B", "64 B -> unknown"),
        (None, 5, "1", "unknown -> 5"),
    ],
)
def test_changes_of_exact_values(before, after, unit, text):
    assert units.change_of_value(before, after, unit) == text
