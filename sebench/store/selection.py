"""Which stored results are meant: conditions on their facts, and what to say where nothing meets them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sebench.errors import UsageError, near_matches
from sebench.schema import NOTHING_SAID, ResultSummary, WorkloadOption, WorkloadRequest, allows, said

_DURATION = re.compile(r"(?P<number>\d{1,6})(?P<unit>[mhdw])", re.ASCII)
About = Literal["subject", "commit", "fingerprint", "created"]
_UNIT_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition on a result."""

    text: str
    """For messages, e.g. ``model 'resnet50'``."""
    holds: Callable[[ResultSummary], bool]
    about: About = "subject"
    """All that `holds` looks at: networks and workloads, the commit, the set-up, or the time. What holds for
    a time holds for all later ones."""
    wanted: tuple[str, ...] = ()
    """The names asked for, where there may be a misspelt one among them."""
    names: Callable[[ResultSummary], Iterable[str]] = lambda summary: ()
    """What a result has in their place."""


def criteria(
    *,
    model: str | Collection[str] | None = None,
    variant: str | Collection[str] | None = None,
    workload: WorkloadRequest = NOTHING_SAID,
    commit: str | None = None,
    since: datetime | None = None,
    fingerprint: str | None = None,
) -> tuple[Criterion, ...]:
    """One criterion per condition that was given; a result must meet all of them."""
    return (
        *_any_of("model", model, lambda summary: summary.models),
        *_any_of("variant", variant, lambda summary: (summary.pair.candidate.variant,)),
        *_under(workload),
        *((_at_commit(commit),) if commit else ()),
        *((_after(since),) if since else ()),
        *_any_of("fingerprint", fingerprint, lambda summary: (summary.fingerprint,), about="fingerprint"),
    )


def unmatched(results: Sequence[ResultSummary], wanted: Sequence[Criterion]) -> str:
    """Why `results` hold nothing that meets all of `wanted`: one line for people."""
    if not results:
        return "there are no results"
    for criterion in wanted:
        if not any(map(criterion.holds, results)):
            known = sorted({name for summary in results for name in criterion.names(summary)})
            hint = next(filter(None, (near_matches(name, known) for name in criterion.wanted)), None)
            there = hint or (f"there is {', '.join(known)}" if 0 < len(known) <= _FEW else None)
            return f"no result has {criterion.text}" + (f"; {there}" if there else "")
    return f"no result has all of: {', '.join(criterion.text for criterion in wanted)}"


def parse_since(text: str, *, now: datetime | None = None) -> datetime:
    """A date or time (UTC where it names no zone), or how long ago: ``2026-11-01``, ``7d``, ``12h``.

    Args:
        text: as given to ``--since``.
        now: that durations are counted back from; the present, if None.

    Raises:
        UsageError: neither, or before the calendar begins.
    """
    try:
        if duration := _DURATION.fullmatch(text):
            seconds = int(duration["number"]) * _UNIT_S[duration["unit"]]
            return (now or datetime.now(UTC)) - timedelta(seconds=seconds)
        asked = datetime.fromisoformat(text)
        return asked.astimezone(UTC) if asked.tzinfo else asked.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"--since {text!r} is neither a date nor a duration",
            hint="write 2026-11-01, 2026-11-01T12:00, 30m, 12h, 7d or 2w",
        ) from error


_FEW = 8


def _any_of(
    what: str,
    wanted: str | Collection[str] | None,
    names: Callable[[ResultSummary], tuple[str, ...]],
    *,
    about: About = "subject",
) -> tuple[Criterion, ...]:
    values = (wanted,) if isinstance(wanted, str) else tuple(wanted or ())
    if not values:
        return ()

    def holds(summary: ResultSummary) -> bool:
        return not set(values).isdisjoint(names(summary))

    return (Criterion(f"{what} {' or '.join(map(repr, values))}", holds, about, values, names),)


def _under(request: WorkloadRequest) -> tuple[Criterion, ...]:
    """One per option, so that a message can name it; of several, one workload has to meet all."""
    asked = tuple(said(request))
    each = tuple(_with(option, value) for option, value in asked)
    if len(each) < 2:
        return each
    text = " and ".join(criterion.text for criterion in each)
    together = Criterion(
        f"{text} in one workload",
        lambda summary: any(allows(request, workload) for workload in summary.workloads),
    )
    return (*each, together)


def _with(option: WorkloadOption, wanted: object) -> Criterion:
    def values(summary: ResultSummary) -> tuple[str, ...]:
        return tuple(word for workload in summary.workloads for word in option.arguments(workload)[1:])

    def holds(summary: ResultSummary) -> bool:
        return any(option.allows(wanted, workload) for workload in summary.workloads)

    # A choice or a number that nothing was measured with is no misspelt one.
    names = (str(wanted),) if option.field == "device" else ()
    return Criterion(f"{option.noun} {wanted!r}", holds, "subject", names, values)


def _at_commit(prefix: str) -> Criterion:
    beginning = prefix.lower()

    def holds(summary: ResultSummary) -> bool:
        return (summary.commit or "").lower().startswith(beginning)

    return Criterion(f"commit {prefix!r}", holds, "commit")


def _after(moment: datetime) -> Criterion:
    text = f"a time since {moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return Criterion(text, lambda summary: summary.created >= moment, "created")
