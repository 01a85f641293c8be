"""Where a series of noisy values changes its level."""

from __future__ import annotations

import math

import numpy as np

from sebench.errors import UsageError
from sebench.installation import extra_hint
from sebench.statistics.intervals import FloatArray, Values, checked, pairwise_distances

MIN_SEGMENT = 2
"""A level holds for at least two points: a single one is as well an outlier."""
MIN_POINTS = 6
"""With fewer, one level shift is so many of the steps that it passes for noise."""
_SHAMOS = 0.9539
"""Median pairwise distance of standard normal values (Shamos 1976)."""


def change_points(values: Values, noise: float) -> tuple[int, ...]:
    """Indices at which a new level begins, by PELT (Killick, Fearnhead & Eckley, JASA 2012).

    Minimises the sum over the segments of ((x - mean) / noise)^2, plus `penalty` for each change, over all
    segmentations with at least `MIN_SEGMENT` values per level.

    Args:
        values: In order, e.g. one log-ratio per commit.
        noise: Standard deviation of one value about its level, in the unit of the values, from
            `series_noise`. At 0 every change of the value is a change point.

    Raises:
        UsageError: `ruptures` is not installed.
        WorkerError: There is no value, or one is not finite.
    """
    sample = checked(values)
    if noise == 0:
        return tuple(int(index) + 1 for index in np.flatnonzero(np.diff(sample)))
    if sample.size < MIN_POINTS:
        return ()
    try:
        import ruptures  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError("finding change points needs ruptures", hint=extra_hint("trend")) from error
    # With the linear kernel the cost is the squared distance from the mean. Compiled; every place is tried.
    search = ruptures.KernelCPD(kernel="linear", min_size=MIN_SEGMENT)
    ends = search.fit((sample / noise)[:, np.newaxis]).predict(pen=penalty(sample.size))
    return tuple(int(end) for end in ends[:-1])


def penalty(points: int) -> float:
    """3 ln n (1 + 4 / n), in units of noise^2: what a change must explain to be one.

    3 ln n is the leading term of the modified BIC (Zhang & Siegmund, Biometrics 2007), which takes into
    account that the place of a change is sought, as the BIC's 2 ln n does not. 1 + 4 / n makes up for a noise
    that is estimated from few steps; it was set by simulation, so that at most 4 % of series without a change
    show one (docs/history.md).
    """
    return 3 * math.log(points) * (1 + 4 / points)


def series_noise(values: Values, standard_errors: Values = ()) -> float:
    """Standard deviation of one value about its level: what it must at least be, and what the series shows.

    The larger of the median standard error of the values, which leaves out variation between
    sessions, and a robust estimate from the steps between neighbours: their median pairwise distance
    / 0.9539 (Shamos 1976), over sqrt(2). A level shift is one step among many and hardly moves the latter.

    Args:
        values: In order.
        standard_errors: Those known, in the unit of the values.
    """
    known = float(np.median(checked(standard_errors))) if len(standard_errors) else 0.0
    return max(known, _step_noise(checked(values)))


def _step_noise(sample: FloatArray) -> float:
    steps = np.diff(sample)
    if steps.size < 2:
        return 0.0
    return float(np.median(pairwise_distances(steps))) / _SHAMOS / math.sqrt(2)
