"""Runs the sampled part of a gate: measure every target, decide, extend once what is still open."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import chain, islice

from msgspec.structs import replace

from sebench.analysis.gate import decide
from sebench.analysis.unjudged import Unjudged
from sebench.profilers.environment import capture_environment
from sebench.runner.gate.target import Target
from sebench.runner.gate.target_run import Settings, TargetRun
from sebench.schema import Check, Session


def check(targets: Sequence[Target | Unjudged], settings: Settings) -> tuple[Check, ...]:
    """Measure all targets and decide on all their limits as one family.

    Args:
        targets: may be none; those that cannot be judged take their place among the checks.
        settings: how to measure.

    Raises:
        UsageError: a margin below the calibrated noise floor.
        Interrupted: after Ctrl-C; what was measured is among the attempts.
    """
    measured = iter(_measured([each for each in targets if isinstance(each, Target)], settings))
    checks = (next(measured) if isinstance(each, Target) else each.checks() for each in targets)
    return tuple(chain.from_iterable(checks))


def _measured(targets: Sequence[Target], settings: Settings) -> list[tuple[Check, ...]]:
    """The checks of each target."""
    if not targets:
        return []
    environment, groups = capture_environment(), _by_session(targets)
    runs = [TargetRun([targets[index] for index in group], settings, environment) for group in groups]
    for target_run in runs:
        target_run.refuse_impossible_margins()
    return _in_order(targets, groups, _decided(runs, settings, started_s=time.monotonic()))


def _by_session(targets: Sequence[Target]) -> list[list[int]]:
    """Indices of targets that ask for the same measurement, which is then made once."""
    groups: dict[Session, list[int]] = {}
    for index, target in enumerate(targets):
        groups.setdefault(target.session, []).append(index)
    return list(groups.values())


def _in_order(
    targets: Sequence[Target], groups: Sequence[Sequence[int]], checks: Iterable[Check]
) -> list[tuple[Check, ...]]:
    """Checks as the targets are, from checks as the groups are."""
    rest = iter(checks)
    by_target = {index: tuple(islice(rest, len(targets[index].limits))) for index in chain(*groups)}
    return [by_target[index] for index in range(len(targets))]


def _decided(runs: Sequence[TargetRun], settings: Settings, *, started_s: float) -> tuple[Check, ...]:
    budget_s, hard = settings.policy.budget_s, settings.policy.hard_budget
    for number, target_run in enumerate(runs):
        left_s = started_s + budget_s - time.monotonic()
        target_run.measure(budget_s=left_s / (len(runs) - number) if hard else budget_s)
    first = _decide(runs, look=1)
    # A hard budget is spent by now.
    again = [] if hard else [each for each, checks in zip(runs, first, strict=True) if _open(checks)]
    for target_run in again:
        target_run.measure(budget_s=budget_s)
    second = _decide(runs, look=2) if again else first
    return tuple(
        replace(later if earlier.status == "inconclusive" else earlier, duration_s=each_s)
        for target_run, earlier_ones, later_ones in zip(runs, first, second, strict=True)
        for each_s in (target_run.spent_s / len(earlier_ones),)
        for earlier, later in zip(earlier_ones, later_ones, strict=True)
    )


def _decide(runs: Sequence[TargetRun], *, look: int) -> list[tuple[Check, ...]]:
    """Checks by run; all of them are one family."""
    answers = [tuple(target_run.answers()) for target_run in runs]
    attempt = max(target_run.attempt for target_run in runs)
    checks = iter(decide(tuple(chain(*answers)), attempt=attempt, look=look))
    return [tuple(islice(checks, len(of_run))) for of_run in answers]


def _open(checks: Sequence[Check]) -> bool:
    """Whether more samples could decide something."""
    return any(check.status == "inconclusive" and check.reason.code in _EXTENDED for check in checks)


_EXTENDED = frozenset({"interval-contains-limit", "grade-c"})
