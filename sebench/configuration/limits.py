"""Limits as they are given on the command line."""

from __future__ import annotations

import math

from sebench.errors import UsageError, near_matches
from sebench.schema import LIMIT_METRICS, LimitMetric

_FORM = "write METRIC:RATIO, e.g. latency:1.05 to allow 5 % more"


def parse_limit(text: str) -> tuple[LimitMetric, float]:
    """``latency:1.05`` as metric and ratio.

    Args:
        text: the metric's name, a colon, and the largest candidate/baseline ratio allowed.

    Raises:
        UsageError: no such metric, or a ratio that is not a positive number; one line.
    """
    name, colon, number = text.partition(":")
    if not colon:
        raise UsageError(f"limit {text!r} has no ratio", hint=_FORM)
    return _metric(name.strip(), text), _ratio(number, text)


def _metric(name: str, text: str) -> LimitMetric:
    for metric in LIMIT_METRICS:
        if metric == name:
            return metric
    hint = near_matches(name, LIMIT_METRICS) or f"choose from {', '.join(LIMIT_METRICS)}"
    raise UsageError(f"limit {text!r}: unknown metric {name!r}", hint=hint)


def _ratio(number: str, text: str) -> float:
    try:
        ratio = float(number)
    except ValueError:
        raise UsageError(f"limit {text!r}: {number.strip()!r} is not a number", hint=_FORM) from None
    if not (math.isfinite(ratio) and ratio > 0):
        raise UsageError(f"limit {text!r}: {number.strip()} is not a positive, finite ratio", hint=_FORM)
    return ratio
