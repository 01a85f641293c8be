"""Which stored results make one series: one metric of one pair, one workload, one set-up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from sebench.analysis.readings import Reading, newest_first, readings
from sebench.errors import UsageError, near_matches
from sebench.schema import METRICS, NOTHING_SAID, LeftOut, Result, WorkloadRequest, allows, fingerprint

FINGERPRINT_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Series:
    """Readings that may be compared with each other, the newest first; and what may not."""

    fingerprint: str
    readings: tuple[Reading, ...]
    left_out: tuple[LeftOut, ...] = ()


def select_series(
    results: Sequence[Result],
    metric: str,
    *,
    workloads: WorkloadRequest = NOTHING_SAID,
    fingerprint_prefix: str | None = None,
) -> Series | None:
    """The newest reading of `metric`, and all others that may be compared with it.

    Args:
        results: of one model, candidate and baseline.
        metric: its name.
        workloads: which to consider; what was counted per image has none, and passes.
        fingerprint_prefix: of the set-up; None takes that of the newest reading.

    Returns:
        None where no result has a figure.

    Raises:
        UsageError: there is no such metric, or the prefix fits no fingerprint or several.
        DataFileError: a result has no readable date.
    """
    ordered = newest_first(results)
    prints = {result.id: fingerprint(result.environment) for result in ordered}
    wanted = None if fingerprint_prefix is None else _expand(fingerprint_prefix, prints.values())
    lead = _lead([result for result in ordered if wanted in (None, prints[result.id])], metric, workloads)
    if lead is None:
        check_metric(metric)
        return None
    left_out: Counter[str] = Counter()
    found = []
    for result in ordered:
        reading = _alike(lead, result, same_set_up=prints[result.id] == prints[lead.result.id])
        if isinstance(reading, Reading):
            found.append(reading)
        else:
            left_out[reading] += 1
    return Series(
        fingerprint=prints[lead.result.id],
        readings=tuple(found),
        left_out=tuple(LeftOut(reason=reason, results=count) for reason, count in left_out.items()),
    )


def _lead(results: Iterable[Result], metric: str, workloads: WorkloadRequest) -> Reading | None:
    usable = (
        reading
        for result in results
        for reading in _figures(result, metric)
        if reading.workload is None or allows(workloads, reading.workload)
    )
    return next(usable, None)


def _figures(result: Result, metric: str) -> list[Reading]:
    # Times are the expensive part, and few metrics are read off them.
    of_times = metric in METRICS and METRICS[metric].source == "measurements"
    needed = result if of_times else replace(result, measurements=())
    return [
        reading
        for reading in readings(needed)
        if reading.metric.metric == metric and reading.metric.ratio.estimate
    ]


def _alike(lead: Reading, result: Result, *, same_set_up: bool) -> Reading | str:
    """The reading of `result` that belongs to the series of `lead`, or why there is none."""
    if not same_set_up:
        return "another fingerprint"
    if result.pair != lead.result.pair:
        return "other networks (number of classes, stride)"
    figures = _figures(result, lead.metric.metric)
    if not figures:
        return f"no figure for {lead.metric.metric}"
    same = (reading for reading in figures if reading.conditions == lead.conditions)
    return next(same, "another workload")


def _expand(prefix: str, known: Iterable[str]) -> str:
    distinct = sorted(set(known))
    matching = [found for found in distinct if found.startswith(prefix.lower())]
    if len(matching) == 1:
        return matching[0]
    listed = ", ".join(found[:FINGERPRINT_DIGITS] for found in matching or distinct) or "none"
    what = "fits several" if matching else "fits no result"
    raise UsageError(f"--fingerprint {prefix!r} {what}", hint=f"there are {listed}")


def check_metric(metric: str) -> None:
    """Refuse a name before results are read for it.

    Raises:
        UsageError: there is no such metric.
    """
    if metric not in METRICS:
        hint = near_matches(metric, tuple(METRICS)) or f"choose from {', '.join(METRICS)}"
        raise UsageError(f"unknown metric {metric!r}", hint=hint)
