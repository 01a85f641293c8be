"""Change points: steps are found where they are, noise is left alone."""

import math
import sys
from itertools import combinations, pairwise

import numpy as np
import pytest

from sebench.errors import UsageError, WorkerError
from sebench.statistics import change_points, penalty, series_noise


def test_a_clear_step_is_found_at_its_place():
    values = [0.0, 0.1, -0.1, 0.0, 5.0, 5.1, 4.9, 5.0]
    assert change_points(values, 0.1) == (4,)


def test_the_optimum_is_found():
    """Against a search through all segmentations of 9 values."""
    draw = np.random.default_rng(11)
    for _ in range(40):
        values = draw.normal(0, 1, 9) + draw.normal(0, 3) * (np.arange(9) >= draw.integers(1, 9))
        assert change_points(values, 0.7) == _cheapest(values / 0.7)


def _cheapest(values):
    def cost(places):
        bounds = (0, *places, len(values))
        squares = sum(((values[a:b] - values[a:b].mean()) ** 2).sum() for a, b in pairwise(bounds))
        return squares + penalty(len(values)) * len(places)

    inner = range(1, len(values))
    every = (places for count in range(4) for places in combinations(inner, count))
    allowed = (p for p in every if all(b - a >= 2 for a, b in pairwise((0, *p, len(values)))))
    return min(allowed, key=cost)


def test_several_levels():
    values = [0.0] * 5 + [3.0] * 4 + [1.0] * 6
    assert change_points(values, 0.2) == (5, 9)


def test_the_penalty_decides_by_hand():
    # {0, 0, 0, a, a, a}: one level costs 6 (a/2)^2, two cost 0 + 3 ln 6 (1 + 4/6) = 8.9588; a > 2.4439.
    assert penalty(6) == pytest.approx(5 * math.log(6))
    assert change_points([0, 0, 0, 2.44, 2.44, 2.44], 1.0) == ()
    assert change_points([0, 0, 0, 2.45, 2.45, 2.45], 1.0) == (3,)
    # Twice the noise halves the step.
    assert change_points([0, 0, 0, 4.88, 4.88, 4.88], 2.0) == ()
    assert change_points([0, 0, 0, 4.90, 4.90, 4.90], 2.0) == (3,)


def test_a_level_takes_two_values():
    # {0 x 9, a}: the best split puts a 0 beside a and saves a^2 (9/10 - 1/2) = 0.4 a^2, against a penalty of
    # 3 ln 10 (1 + 4/10) = 9.67: a > 4.9. With a second a it saves a^2 18/11, against 10.1: a > 2.5.
    assert change_points([0.0] * 9 + [4.8], 1.0) == ()
    assert change_points([0.0] * 9 + [4.8, 4.8], 1.0) == (9,)


@pytest.mark.parametrize("values", [[1.0], [1.0, 9.0], [1.0, 1.0, 1.0, 9.0, 9.0]])
def test_too_short_to_tell_a_step_from_noise(values):
    assert change_points(values, 0.1) == ()


def test_without_noise_every_change_counts():
    assert change_points([1.0, 1.0, 2.0, 1.0], 0.0) == (2, 3)
    assert change_points([1.0, 1.0, 1.0, 1.0], 0.0) == ()


def test_bad_values():
    with pytest.raises(WorkerError, match="finite"):
        change_points([1.0, math.inf, 1.0], 0.1)


def test_without_ruptures_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ruptures", None)
    with pytest.raises(
        UsageError, match=r"change points needs ruptures; pip install 'sebench-torch\[trend\]'"
    ):
        change_points([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.1)


def test_noise_is_the_larger_of_both_estimates():
    # Steps +1, -1, +1: distances 2, 0, 2, median 2.
    steps = 2 / 0.9539 / math.sqrt(2)
    assert series_noise([0, 1, 0, 1]) == pytest.approx(steps)
    assert series_noise([0, 1, 0, 1], [0.1, 5.0, 0.2]) == pytest.approx(steps)  # median 0.2
    assert series_noise([0, 1, 0, 1], [3.0, 4.0]) == 3.5
    assert series_noise([1.0, 2.0], []) == 0.0  # one step says nothing of its spread


def test_a_step_hardly_moves_the_noise():
    draw = np.random.default_rng(3)
    quiet = draw.normal(0, 1, 30)
    stepped = quiet + 100 * (np.arange(30) >= 15)
    assert series_noise(stepped) == pytest.approx(series_noise(quiet), rel=0.15)


@pytest.mark.parametrize("points", [6, 20, 60])
@pytest.mark.parametrize("between", [0.0, 1.0, 3.0])
def test_pure_noise_has_few_change_points(points, between):
    """Standard errors of six processes, alone or beside 1 and 3 times as much noise between sessions.

    The rate is 4 % or less (docs/history.md); 28 of 400 have a chance of 0.1 % then.
    """
    false = 0
    for seed in range(400):
        draw = np.random.default_rng(seed)
        values = draw.normal(0, math.hypot(1, between), points)
        errors = np.sqrt(draw.chisquare(5, points) / 5)
        false += bool(change_points(values, series_noise(values, errors)))
    assert false < 28


def test_a_step_of_four_standard_errors_is_found_within_one_commit():
    found = 0
    for seed in range(50):
        draw = np.random.default_rng(seed)
        values = draw.normal(0, 1, 20) + 4 * (np.arange(20) >= 12)
        places = change_points(values, series_noise(values, [1.0]))
        found += len(places) >= 1 and any(abs(place - 12) <= 1 for place in places)
    assert found >= 48
