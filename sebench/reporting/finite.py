"""NaN and infinities out of a comparison: they become unknown, with a reason, before anything is printed."""

from __future__ import annotations

import math
from typing import TypeVar

from msgspec.structs import asdict, replace

from sebench.schema import Comparison, Interval, MetricComparison, Quantity, Ratio

_Estimated = TypeVar("_Estimated", Quantity, Interval, Ratio)


def finite_comparison(comparison: Comparison) -> Comparison:
    """`comparison` with `finite_metric` applied to each metric."""
    return replace(comparison, metrics=tuple(map(finite_metric, comparison.metrics)))


def finite_metric(metric: MetricComparison) -> MetricComparison:
    """`metric` with None for every value that is not finite; the reason, if there was none, names them."""
    parts = {name: getattr(metric, name) for name in ("baseline", "candidate", "difference", "ratio")}
    lost = [f"{name}.{field}" for name, part in parts.items() for field in _non_finite(part)]
    if not lost:
        return metric
    return replace(
        metric,
        **{name: _without(part, _non_finite(part)) for name, part in parts.items()},
        reason=metric.reason or f"not a finite number: {', '.join(lost)}",
    )


def finite_ratio(ratio: Ratio) -> Ratio:
    """`ratio` with None for every value that is not finite."""
    return _without(ratio, _non_finite(ratio))


def _non_finite(part: Quantity | Interval | Ratio) -> list[str]:
    return [
        name for name, value in asdict(part).items() if isinstance(value, float) and not math.isfinite(value)
    ]


def _without(part: _Estimated, fields: list[str]) -> _Estimated:
    return replace(part, **dict.fromkeys(fields))
