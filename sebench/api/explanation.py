"""Why a comparison with a limit came out as it did, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from sebench.api.overhead import Judgement
from sebench.reporting.answers import place_text
from sebench.schema import Severity

_TOLD: tuple[Severity, ...] = ("warning", "error")


def explain(judgement: Judgement) -> tuple[str, ...]:
    """What was measured, what that says about the limit, and what to do.

    Args:
        judgement: of an overhead, by `Overhead.verdict`.
    """
    return (str(judgement), *_details(judgement))


def _details(judgement: Judgement) -> Iterator[str]:
    overhead, metric = judgement.overhead, judgement.overhead.metric
    place = "" if metric.workload is None else f", {place_text(metric.workload)}"
    yield f"{overhead.pair}{place}"
    yield from _reasoning(judgement)
    if overhead.ratio.scope == "within-process":
        yield "one process only: the interval leaves out variation between processes; use effort='standard'"
    for finding in metric.findings:
        if finding.severity in _TOLD:
            yield f"{finding.severity}: {finding.message}{f' ({finding.hint})' if finding.hint else ''}"


def _reasoning(judgement: Judgement) -> Iterator[str]:
    limit, metric = f"{judgement.limit:g}", judgement.overhead.metric
    below = judgement.operator in ("<", "<=")
    if judgement.verdict == "passed":
        yield f"the whole interval lies {'below' if below else 'above'} {limit}"
    elif judgement.verdict == "failed" and metric.exact:
        yield f"an exact figure: it is not {judgement.operator} {limit}"
    elif judgement.verdict == "failed":
        yield f"the whole interval lies {'above' if below else 'below'} {limit}"
    elif judgement.overhead.ratio.ci_low is None:
        yield f"there is no interval to decide by: {metric.reason or 'too little was measured'}"
        yield "measure longer: effort='rigorous' or a larger budget_s"
    else:
        yield f"the interval contains {limit}: neither side of it is shown"
        yield (
            "narrow the interval (effort='rigorous', a larger budget_s, a quieter machine), "
            "or allow a larger margin"
        )
