"""The exact part of the gate: what is counted now against what is locked."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from sebench.analysis.lock import (
    Count,
    Figure,
    count_entry,
    fixed_figures,
    torch_figures,
    version_order,
)
from sebench.errors import SebenchError, WorkerError
from sebench.schema import (
    METRICS,
    Check,
    Finding,
    GateStatus,
    Lock,
    LockEntry,
    Ratio,
    Reason,
    network_words,
)
from sebench.units import change_of_value, format_percent

BASELINE = "lock"
"""What the ratios of these checks are over."""
EQUAL, DIFFERS, NOT_BUILT, NO_TORCH = "lock-equal", "lock-differs", "lock-not-built", "lock-no-torch"
_UNITS = {name: metric.unit for name, metric in METRICS.items()}
_UNITS |= dict.fromkeys(("bytes_read", "bytes_written"), METRICS["bytes"].unit)
_UPDATE = "if this is intended, accept it with `sebench lock --update`"


def check_lock(lock: Lock, count: Count, *, torch: str) -> tuple[Check, ...]:
    """Count every locked network again; equal to the last digit, or failed.

    Where the lock has no figures for this torch version, those that depend on none are checked alone, and the
    first check of the network carries a finding that says so.

    Args:
        lock: what is expected.
        count: counts a network.
        torch: the torch minor version that `count` uses.

    Returns:
        One check per network and metric, in the order of the lock; none for an empty lock.
    """
    return tuple(check for entry in lock.entries for check in check_entry(lock, entry, count, torch=torch))


def check_entry(lock: Lock, entry: LockEntry, count: Count, *, torch: str) -> tuple[Check, ...]:
    """Count one locked network again; equal to the last digit, or failed.

    Args:
        lock: what is expected.
        entry: one of its networks.
        count: counts a network.
        torch: the torch minor version that `count` uses.
    """
    return tuple(_checks(lock, entry, count, torch))


def figure_text(figure: Figure) -> str:
    """``params 25,557,032 -> 25,600,000 (+0.17 %)``, or the value alone where nothing changed."""
    before, after = figure.before, figure.after
    text = f"{figure.metric} {change_of_value(before, after, _unit(figure.metric))}"
    if not figure.differs:
        return f"{figure.metric} {text.rpartition(' -> ')[2]}"
    if not figure.ops:
        return text + change_text(before, after)
    # As many calls as before may be calls of other ops.
    ops = ", ".join(f"{op} {was:,} -> {now:,}" for op, was, now in figure.ops)
    return f"{figure.metric} {before:,} -> {after:,}{change_text(before, after)}: {ops}"


def change_text(before: int | None, after: int | None) -> str:
    """`` (+0.17 %)``; the difference itself where that shows nothing, and ``""`` where there is no ratio."""
    if not before or after is None or before == after:
        return ""
    percent = format_percent(after / before)
    return f" ({after - before:+,})" if percent in ("+0.00 %", "-0.00 %") else f" ({percent})"


def _checks(lock: Lock, entry: LockEntry, count: Count, torch: str) -> Iterator[Check]:
    candidate = _candidate(lock, entry)
    try:
        counted = count_entry(entry, count, torch)
    except WorkerError:  # says nothing of what it costs
        raise
    except SebenchError as error:
        reason = Reason(code=NOT_BUILT, message=f"cannot be counted any more: {error}", hint=_UPDATE)
        yield _check(entry, candidate, "network", status="failed", reason=reason)
        return
    missing = () if torch in entry.torch else (_no_torch(entry, torch),)
    for figure in fixed_figures(entry, counted.entry):
        yield replace(_figure_check(entry, candidate, figure), findings=missing)
        missing = ()
    if torch in entry.torch:
        for figure in torch_figures(entry.torch[torch], counted.entry.torch[torch], torch):
            if figure.before is not None or figure.after is not None:
                yield _figure_check(entry, candidate, figure, counted.untrainable)


def _figure_check(entry: LockEntry, candidate: str, figure: Figure, why_unknown: str | None = None) -> Check:
    message, before, after = figure_text(figure), figure.before, figure.after
    if after is None and why_unknown:
        message = f"{message}: {why_unknown}"
    return _check(
        entry,
        candidate,
        figure.metric,
        status="failed" if figure.differs else "passed",
        ratio=after / before if before and after is not None else None,
        reason=Reason(
            code=DIFFERS if figure.differs else EQUAL,
            message=message,
            hint=_UPDATE if figure.differs else None,
        ),
        figure=figure,
    )


def _check(
    entry: LockEntry,
    candidate: str,
    metric: str,
    *,
    status: GateStatus,
    reason: Reason,
    ratio: float | None = None,
    figure: Figure | None = None,
) -> Check:
    return Check(
        kind="lock",
        model=entry.model,
        baseline=BASELINE,
        candidate=candidate,
        metric=metric,
        status=status,
        exact=True,
        ratio=Ratio(estimate=ratio, ci_low=ratio, ci_high=ratio, method="exact"),
        reason=reason,
        before=figure.before if figure else None,
        after=figure.after if figure else None,
        unit=_unit(figure.metric) if figure else None,
    )


def _candidate(lock: Lock, entry: LockEntry) -> str:
    """The variant with whatever sets the network apart from its published form and its neighbours."""
    parts = [entry.variant, *network_words(entry)]
    if any(other.spec == entry.spec and other.network != entry.network for other in lock.entries):
        parts.append("x".join(map(str, entry.input_shape)))
    return ", ".join(parts)


def _no_torch(entry: LockEntry, torch: str) -> Finding:
    known = ", ".join(sorted(entry.torch, key=version_order)) or "none"
    return Finding(
        code=NO_TORCH,
        severity="warning",
        message=(
            f"the lock has no values for torch {torch} (it has {known}): "
            "FLOPs, bytes, op counts and saved bytes were not compared"
        ),
        hint="`sebench lock --update` adds them",
    )


def _unit(metric: str) -> str:
    return _UNITS.get(metric, "1")
