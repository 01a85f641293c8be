"""Shares of images: Wilson's interval, and two networks on the same images (McNemar, Tango)."""

from __future__ import annotations

import math

from scipy.special import bdtr, ndtri

from sebench.errors import UsageError
from sebench.statistics.intervals import ConfidenceLimits, tail_probability

_HALVINGS = 60
"""Of an interval of length 2: down to the last bit of a double."""


def wilson_interval(correct: int, n: int, confidence: float = 0.95) -> ConfidenceLimits:
    """Score interval of a share (Wilson 1927), within [0, 1] and of positive length for every count.

    Args:
        correct: how many of `n`.
        n: at least one.
        confidence: nominal coverage; the actual one is close to it on average over shares.

    Raises:
        UsageError: no such count.
    """
    _require_counts(correct, n=n)
    z = _z(confidence)
    share, weight = correct / n, z * z / n
    centre = (share + weight / 2) / (1 + weight)
    half_width = z * math.sqrt(share * (1 - share) / n + weight / (4 * n)) / (1 + weight)
    low = 0.0 if correct == 0 else centre - half_width
    high = 1.0 if correct == n else centre + half_width
    return ConfidenceLimits(low, high, confidence)


def mcnemar_exact(baseline_only: int, candidate_only: int) -> float:
    """P-value of McNemar's test that two networks are right equally often, exact and two-sided.

    Only images on which one of them alone is right tell anything: without a difference each is a fair coin.
    Twice the smaller tail of Bin(m, 1/2), m = their number, at most 1.

    Args:
        baseline_only: images on which the baseline alone is right.
        candidate_only: images on which the candidate alone is right.

    Raises:
        UsageError: a negative count.
    """
    discordant = baseline_only + candidate_only
    _require_counts(baseline_only, candidate_only, n=max(discordant, 1))
    tail = float(bdtr(min(baseline_only, candidate_only), discordant, 0.5))
    return min(1.0, 2 * tail)


def tango_interval(
    baseline_only: int, candidate_only: int, n: int, confidence: float = 0.95
) -> ConfidenceLimits:
    """Score interval of the difference of two shares of the same images, candidate - baseline (Tango 1998).

    All differences that the score test does not reject: with d the difference and q the share of images that
    the baseline alone gets right, as likely as possible given d,
    z(d) = (c - b - n d) / sqrt(n (2 q + d (1 - d))).
    T. Tango, Statistics in Medicine 17 (1998), 891-908, equations 13 and 16.

    Args:
        baseline_only: b, images on which the baseline alone is right.
        candidate_only: c, images on which the candidate alone is right.
        n: images in all, at least one.
        confidence: nominal coverage.

    Raises:
        UsageError: no such counts.
    """
    _require_counts(baseline_only, candidate_only, n=n)
    z = _z(confidence)
    # The score falls as the difference grows; at the estimate it is 0.
    estimate = (candidate_only - baseline_only) / n

    def limit(end: float, score: float) -> float:
        """Where, between the estimate and an end of [-1, 1], the score is so large."""
        inside, outside = estimate, end
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            if abs(_score(baseline_only, candidate_only, n, middle)) < score:
                inside = middle
            else:
                outside = middle
        return (inside + outside) / 2

    return ConfidenceLimits(limit(-1.0, z), limit(1.0, z), confidence)


def _score(baseline_only: int, candidate_only: int, n: int, difference: float) -> float:
    """Tango's z of a difference."""
    b, c, d = baseline_only, candidate_only, difference
    linear = (2 * n - c + b) * d - b - c
    root = math.sqrt(max(linear * linear + 8 * n * b * d * (1 - d), 0.0))
    share = (root - linear) / (4 * n)
    variance = n * (2 * share + d * (1 - d))
    distance = c - b - n * d
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def _z(confidence: float) -> float:
    return float(ndtri(1 - tail_probability(confidence) / 2))


def _require_counts(*counts: int, n: int) -> None:
    if n < 1 or min(counts) < 0 or sum(counts) > n:
        raise UsageError(f"{' and '.join(map(str, counts))} of {n} are no counts")
