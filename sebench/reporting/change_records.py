"""Old results against new ones as records: one per pair, workload and metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from sebench.reporting.change_rows import difference_text
from sebench.reporting.records import WORKLOAD_FIELDS, CellValue, Field, Records
from sebench.schema import Change, MetricChange, Ratio, workload_values

_Read = Callable[[Change, MetricChange], CellValue]
_Column = tuple[Field, _Read]


def change_records(changes: Sequence[Change]) -> Records:
    """One row per pair, workload and metric that old or new results have, under `CHANGE_FIELDS`.

    Args:
        changes: from `sebench.analysis.change.changes`.
    """
    return Records(
        CHANGE_FIELDS,
        tuple(
            (*(read(change, metric) for _, read in _COLUMNS), *workload_values(metric.workload))
            for change in changes
            for metric in change.metrics
        ),
    )


_NAMES: tuple[_Column, ...] = (
    (Field("model", "text", "the network"), lambda c, _: c.pair.model),
    (Field("baseline_variant", "text", "variant of the baseline"), lambda c, _: c.pair.baseline_name),
    (Field("candidate_variant", "text", "variant of the candidate"), lambda c, _: c.pair.candidate_name),
    (Field("metric", "text", "what was compared"), lambda _, m: m.metric),
    (Field("unit", "text", "base unit"), lambda _, m: m.unit),
    (Field("exact", "flag", "whether it is counted rather than sampled"), lambda _, m: m.exact),
)


def _ratio(
    key: str, meaning: str, find: Callable[[MetricChange], Ratio | None], *, sizes: bool
) -> Iterator[_Column]:
    def read(name: Literal["estimate", "ci_low", "ci_high", "processes"]) -> _Read:
        def value(_: Change, metric: MetricChange) -> CellValue:
            ratio = find(metric)
            if ratio is None or (name == "processes" and metric.exact):
                return None
            found: CellValue = getattr(ratio, name)
            return found

        return value

    yield Field(key, "number", meaning), read("estimate")
    yield Field(f"{key}_ci_low", "number", "its lower confidence limit"), read("ci_low")
    yield Field(f"{key}_ci_high", "number", "its upper confidence limit"), read("ci_high")
    if sizes:
        yield Field(f"{key}_processes", "integer", "that were measured"), read("processes")


_COLUMNS: tuple[_Column, ...] = (
    *_NAMES,
    *_ratio("before", "old ratio candidate / baseline", lambda m: m.before, sizes=True),
    *_ratio("after", "new ratio candidate / baseline", lambda m: m.after, sizes=True),
    *_ratio("change", "the new ratio over the old one", lambda m: m.overhead, sizes=False),
    (
        Field("confidence", "number", "of the limits; none of exact figures"),
        lambda _, m: None if m.exact else m.overhead.confidence,
    ),
    (Field("method", "text", "how the change was estimated"), lambda _, m: m.overhead.method),
    (Field("degrees_of_freedom", "number", "of its interval"), lambda _, m: m.degrees_of_freedom),
    (Field("verdict", "text", "what the interval says"), lambda _, m: m.verdict),
    *_ratio("candidate", "the candidate's own value, new / old", lambda m: m.candidate.ratio, sizes=False),
    (Field("grade", "text", "the worse of the two"), lambda _, m: m.grade),
    (Field("reason", "text", "why there is no figure, or no interval"), lambda _, m: m.reason),
    (
        Field("differences", "text", "where the workloads differ"),
        lambda _, m: difference_text(m.differences) or None,
    ),
)

CHANGE_FIELDS: tuple[Field, ...] = (*(field for field, _ in _COLUMNS), *WORKLOAD_FIELDS)
"""The columns of `change_records`; the workload is that of the new result."""
