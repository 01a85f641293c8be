"""Ends and ticks of axes."""

import pytest

from sebench.reporting.chart import Axis, Band, Chart, Level, Point, Series
from sebench.reporting.drawing.scale import Scale, domain, tick_texts, ticks

LOG = Axis("", log=True)


def chart(*points, mark="dot", x=None, y=None, **fields):
    x, y = x or Axis("x"), y or Axis("y")
    return Chart(x, y, (Series("s", mark, tuple(Point(*at, "") for at in points)),), **fields)


def test_a_value_lies_in_proportion_and_never_outside():
    scale = Scale(0, 10, 100, 200)
    assert [scale(value) for value in (0, 2.5, 10, -5, 99)] == [100, 125, 200, 100, 200]
    # Half of the way from 1 to 100 is 10 where factors count.
    assert Scale(1, 100, 0, 80, log=True)(10) == pytest.approx(40)


def test_data_get_a_twentieth_of_room():
    # 0 to 10: 5 % of 10
    assert domain(chart((0, 5), (10, 7)), "x") == (-0.5, 10.5)
    # Equal values: 5 % of the value; zeros alone: of 1.
    assert domain(chart((4, 4)), "x") == (pytest.approx(3.8), pytest.approx(4.2))
    assert domain(chart((0, 0)), "x") == (-0.05, 0.05)
    assert domain(chart((1, 0), (1 + 1e-15, 0)), "x") == (pytest.approx(0.95), pytest.approx(1.05))
    assert domain(chart(), "x") == (-0.05, 1.05)


def test_categories_and_limits_are_their_own_ends():
    assert domain(chart((0, 1), x=Axis("", ("a", "b", "c"))), "x") == (-0.5, 2.5)
    assert domain(chart((0, 1), x=Axis("", limits=(3, 4))), "x") == (3, 4)


def test_bars_begin_at_zero_and_stacks_end_at_their_sum():
    axis = Axis("", from_zero=True)
    bars = chart((0, 4.0), (0, 6.0), (1, 3.0), mark="bar", x=Axis("", ("a", "b")), y=axis)
    assert domain(bars, "y") == (0.0, pytest.approx(6.15))  # 5 % of 6 - 3
    stacked = chart((0, 4.0), (0, 6.0), (1, 3.0), mark="bar", x=bars.x, y=axis, stacked=True)
    assert domain(stacked, "y") == (0.0, pytest.approx(10.35))  # 5 % of 10 - 3
    assert domain(chart((0, 0.0), mark="bar", x=bars.x, y=axis), "y") == (0.0, 1.0)


def test_intervals_levels_and_the_band_are_inside():
    points = (Point(1.05, 0, "", low=0.5, high=2.0),)
    rows = Chart(
        Axis("", log=True), Axis("", ("a",)), (Series("s", "dot", points),), (Level(4.0, "", on="x"),)
    )
    # 0.5 to 4 is a factor of 8; 8 ** 0.05 of room at both ends
    assert domain(rows, "x") == (pytest.approx(0.5 / 8**0.05), pytest.approx(4.0 * 8**0.05))
    banded = chart((0, 1), band=Band(-1.0, 3.0, ""))
    assert domain(banded, "y") == (pytest.approx(-1.2), pytest.approx(3.2))


def test_values_that_no_axis_can_show_are_passed_over():
    assert domain(chart((float("inf"), 1), (float("nan"), 1), (1, 1), (2, 1)), "x") == (0.95, 2.05)
    near = chart((1, 1), (1.000_001, 1), x=LOG)
    assert domain(near, "x") == (pytest.approx(1 / 1.001), pytest.approx(1.000_001 * 1.001))
    log = chart((0, 1), (-1, 1), (2, 1), x=LOG)
    assert domain(log, "x") == (pytest.approx(2 / 1.05), pytest.approx(2.1))


@pytest.mark.parametrize(
    ("axis", "ends", "texts"),
    [
        (Axis(""), (0, 10), ("0", "2", "4", "6", "8", "10")),
        (Axis(""), (-0.05, 0.05), ("-0.04", "-0.02", "0.00", "0.02", "0.04")),
        (Axis(""), (0.9995, 1.0005), ("0.9996", "0.9998", "1.0000", "1.0002", "1.0004")),
        (Axis(""), (0, 3_000_000), ("0", "5e+05", "1e+06", "1.5e+06", "2e+06", "2.5e+06", "3e+06")),
        (LOG, (0.9, 1.5), ("0.9", "1.0", "1.1", "1.2", "1.3", "1.4", "1.5")),
        (LOG, (0.4, 40), ("0.5", "1", "2", "5", "10", "20")),
        (LOG, (0.01, 1000), ("0.01", "0.1", "1", "10", "100", "1000")),
        (LOG, (1e-9, 1e9), ("1e-09", "1e-06", "0.001", "1", "1000", "1e+06", "1e+09")),
    ],
)
def test_ticks_are_round(axis, ends, texts):
    assert tick_texts(ticks(axis, *ends)) == texts


def test_there_are_never_many_ticks():
    for power in range(-12, 13):
        for factor in (1.0, 1.7, 3.3, 9.1):
            assert 4 <= len(ticks(Axis(""), 0, factor * 10.0**power)) <= 9
        assert len(ticks(LOG, 10.0**-power, 10.0 ** (power + 1)) if power >= 0 else ()) <= 9
