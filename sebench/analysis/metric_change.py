"""One metric of a pair, old figure against new."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from sebench import statistics
from sebench.analysis.readings import Match, Reading, Unmatched
from sebench.schema import (
    METRICS,
    AbsoluteChange,
    ChangeVerdict,
    Difference,
    MetricChange,
    Ratio,
    Result,
    fingerprint_facts,
)

METHOD = "welch-t over processes"
NOT_INTERLEAVED = "between sessions: not interleaved"
FINGERPRINT = "fingerprint"
"""Reason without an absolute change: the two machines or their software differ in what decides a time."""
_VERDICTS: Mapping[str, tuple[ChangeVerdict, ChangeVerdict]] = {
    "s": ("slower", "faster"),
    "images/s": ("faster", "slower"),
}
"""By unit: what more of it is called, and what less."""
_NO_RATIO = Ratio(estimate=None, method="none")
_ONE_PROCESS = "no interval: it takes two processes or more before and after (--effort standard)"
_NO_NOISE = "all processes of a side gave exactly the same ratio: check the clock"
_INFORMATION = "no interval: information only"


def metric_change(found: Match | Unmatched) -> MetricChange:
    """What became of one metric.

    Args:
        found: its figure on both sides, or on one.
    """
    if isinstance(found, Unmatched):
        return _unmatched(found.reading, new=found.side == "after")
    before, after = found.before, found.after
    exact = before.metric.exact and after.metric.exact
    obstacle = _obstacle(found)
    # Ratios stay comparable between machines, because each side was divided by its own baseline there; the
    # candidate's own time (below) is not, and has obstacles of its own.
    overhead, freedom = _NO_RATIO, None
    if obstacle is None:
        overhead, freedom = _overhead(before, after, exact=exact)
    return MetricChange(
        metric=after.metric.metric,
        unit=after.metric.unit,
        exact=exact,
        workload=after.workload,
        before=_known(before),
        after=_known(after),
        before_grade=before.metric.grade,
        after_grade=after.metric.grade,
        overhead=overhead,
        degrees_of_freedom=freedom,
        verdict=change_verdict(overhead, after.metric.metric, exact=exact),
        reason=obstacle or _caveat(overhead, before, after),
        differences=found.differences,
        candidate=_no_absolute(obstacle) if obstacle else _absolute(before, after, exact=exact),
    )


def change_verdict(ratio: Ratio, metric: str, *, exact: bool) -> ChangeVerdict:
    """What an interval for after / before says; how much would matter is for the reader or the gate to say.

    Args:
        ratio: after over before.
        metric: of which; steps get slower or faster, everything else larger or smaller.
        exact: the ratio has no uncertainty.
    """
    if ratio.estimate is None:
        return "not comparable"
    more, less = _VERDICTS.get(METRICS[metric].unit, ("larger", "smaller"))
    if ratio.ci_low is not None and ratio.ci_low > 1:
        return more
    if ratio.ci_high is not None and ratio.ci_high < 1:
        return less
    return "unchanged" if exact else "no change shown"


def exact_ratio(quotient: float) -> Ratio:
    """A ratio without uncertainty."""
    return Ratio(estimate=quotient, ci_low=quotient, ci_high=quotient, method="exact")


def _unmatched(reading: Reading, *, new: bool) -> MetricChange:
    reason = f"only in the {'new' if new else 'old'} results"
    return MetricChange(
        metric=reading.metric.metric,
        unit=reading.metric.unit,
        exact=reading.metric.exact,
        workload=reading.workload,
        before=None if new else _known(reading),
        after=_known(reading) if new else None,
        before_grade=None if new else reading.metric.grade,
        after_grade=reading.metric.grade if new else None,
        overhead=_NO_RATIO,
        verdict="not comparable",
        reason=reason,
        candidate=_no_absolute(reason),
    )


def _obstacle(found: Match) -> str | None:
    """Why the two figures cannot be compared, if they cannot."""
    if found.differences:
        return "measured under another workload" if found.after.workload else "counted for another input"
    for side, reading in (("old", found.before), ("new", found.after)):
        if not reading.metric.ratio.estimate:
            return f"no ratio in the {side} result: {reading.metric.reason or 'no reason was given'}"
    return None


def _known(reading: Reading) -> Ratio | None:
    return None if reading.metric.ratio.estimate is None else reading.metric.ratio


# --- the overhead ---------------------------------------------------------------------------------------


def _overhead(before: Reading, after: Reading, *, exact: bool) -> tuple[Ratio, float | None]:
    if exact:
        return exact_ratio(_quotient(before, after)), None
    estimate = (after.metric.ratio.estimate or math.nan) / (before.metric.ratio.estimate or math.nan)
    return _sampled(before, after, (before.log_ratios, after.log_ratios), estimate)


def _quotient(before: Reading, after: Reading) -> float:
    """(candidate / baseline) after over before; exactly 1 where the integers agree crosswise."""
    old, new = before.metric, after.metric
    above = (new.candidate.value or 0) * (old.baseline.value or 0)
    below = (new.baseline.value or 0) * (old.candidate.value or 0)
    return above / below


def _sampled(
    before: Reading, after: Reading, logs: tuple[Sequence[float], Sequence[float]], estimate: float
) -> tuple[Ratio, float | None]:
    """After over before from the estimates of the processes, and the degrees of freedom of its interval."""
    old, new = before.metric.ratio, after.metric.ratio
    confidence = max(old.confidence, new.confidence)
    difference = statistics.welch_difference(*logs, confidence) if all(logs) else None
    limits = difference.limits if difference else None
    ratio = Ratio(
        estimate=estimate,
        ci_low=math.exp(limits.low) if limits else None,
        ci_high=math.exp(limits.high) if limits else None,
        confidence=confidence,
        method=METHOD if limits else "quotient",
        scope="process" if limits else None,
        processes=old.processes + new.processes,
        blocks=old.blocks + new.blocks,
    )
    return ratio, difference.degrees_of_freedom if difference else None


def _caveat(ratio: Ratio, before: Reading, after: Reading) -> str | None:
    if ratio.ci_low is None:
        return _ONE_PROCESS if before.metric.ratio.blocks and after.metric.ratio.blocks else _INFORMATION
    return _NO_NOISE if ratio.ci_low == ratio.ci_high and ratio.method == METHOD else None


# --- the candidate alone --------------------------------------------------------------------------------


def _absolute(before: Reading, after: Reading, *, exact: bool) -> AbsoluteChange:
    """The candidate's own value: counts as they are, what was measured only between equal set-ups."""
    machines = tuple(_machine_differences(before.result, after.result)) if before.workload else ()
    if machines:
        return _no_absolute(FINGERPRINT, machines)
    old, new = before.metric.candidate.value, after.metric.candidate.value
    if not old or new is None:
        return _no_absolute("there is no value to divide by")
    if exact:
        return AbsoluteChange(ratio=exact_ratio(new / old))
    logs = (before.candidate_logs, after.candidate_logs)
    estimate = new / old
    if all(logs):
        estimate = math.exp(statistics.welch_difference(*logs).estimate)
    return AbsoluteChange(ratio=_sampled(before, after, logs, estimate)[0], reason=NOT_INTERLEAVED)


def _no_absolute(reason: str, differences: tuple[Difference, ...] = ()) -> AbsoluteChange:
    return AbsoluteChange(ratio=_NO_RATIO, status="unavailable", reason=reason, differences=differences)


def _machine_differences(before: Result, after: Result) -> Iterator[Difference]:
    old, new = (fingerprint_facts(result.environment) for result in (before, after))
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Difference(field=name, before=old.get(name), after=new.get(name))
