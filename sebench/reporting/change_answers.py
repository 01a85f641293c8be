"""One sentence per pair and workload: what became of its overhead, and on what grounds."""

from __future__ import annotations

from collections.abc import Iterable

from sebench.reporting.answers import confidence_text, ratio_text
from sebench.reporting.change_rows import difference_text, subject
from sebench.reporting.comparison import workload_text
from sebench.schema import Change, MetricChange, Pair, Ratio, is_printed, metric_label

_UNKNOWN = "unknown"


def answers(change: Change) -> tuple[str, ...]:
    """The sentences for one pair: one per workload that was timed, or one on what was counted."""
    if change.only_in:
        side = "new" if change.only_in == "after" else "old"
        return (f"Only in the {side} results: {subject(change.pair)}",)
    timed = [metric for metric in change.metrics if metric.metric == "latency"]
    if not timed:
        return (_counted(change),)
    return tuple(_timed(change.pair, metric) for metric in timed)


def sizes_text(metric: MetricChange) -> str:
    """Sample sizes, e.g. ``6 and 8 processes``."""
    known = [ratio.processes for ratio in (metric.before, metric.after) if ratio]
    return f"{' and '.join(map(str, known))} process{'' if known == [1] else 'es'}"


def _timed(pair: Pair, metric: MetricChange) -> str:
    workload = metric.workload
    place = workload_text(workload, {workload.input_shape} if workload else ())
    start = f"{metric.verdict.capitalize()}: {subject(pair)}, {place}"
    if metric.verdict == "not comparable":
        return f"{start}: {_why(metric)}"
    evidence = (
        _change_text(metric.overhead),
        sizes_text(metric),
        f"grade {metric.grade}",
        *((metric.reason,) if metric.reason else ()),
    )
    overhead = f"overhead {_plain(metric.before)} before, {_plain(metric.after)} after"
    return f"{start}: {overhead}; {', '.join(evidence)}"


def _why(metric: MetricChange) -> str:
    text = difference_text(metric.differences)
    return ": ".join(part for part in (metric.reason or "no reason was given", text) if part)


def _change_text(ratio: Ratio) -> str:
    estimate, interval = ratio_text(ratio)
    if not interval:
        return f"change x{estimate}"
    return f"change x{estimate} {interval}, {confidence_text(ratio.confidence)}"


def _plain(ratio: Ratio | None) -> str:
    return " ".join(part for part in ratio_text(ratio) if part) if ratio else _UNKNOWN


def _counted(change: Change) -> str:
    by_verdict: dict[str, list[str]] = {}
    for metric in change.metrics:
        if not is_printed(metric.metric, metric.workload):
            continue
        by_verdict.setdefault(metric.verdict, []).append(metric_label(metric.metric))
    return f"{subject(change.pair)}: {_listed(by_verdict.items())}; no time was compared"


def _listed(groups: Iterable[tuple[str, list[str]]]) -> str:
    return "; ".join(f"{', '.join(names)} {verdict}" for verdict, names in groups) or "nothing is known"
