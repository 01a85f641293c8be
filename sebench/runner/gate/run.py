"""A whole gate: the lock, then everything that has to be measured, then one verdict."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

from msgspec.structs import replace

from sebench.analysis.gate import decide, gate_status
from sebench.analysis.unjudged import Unjudged, without_free_passes
from sebench.configuration import Configuration
from sebench.errors import DataFileError, raise_it
from sebench.lockfile import load_lock
from sebench.runner.counting.locking import check_lock
from sebench.runner.gate.earlier import AttemptStore
from sebench.runner.gate.target import Target
from sebench.runner.gate.target_run import GateContext, TargetRun
from sebench.runner.gate.targets import open_targets
from sebench.runner.measuring.context import RunContext
from sebench.runner.planning.plan import drawn_seed, timing_policy
from sebench.schema import Check, Gate, Session
from sebench.store import CountCache


def run_gate(
    configuration: Configuration,
    context: RunContext,
    *,
    lock_file: Path | None,
    seed: int | None,
    attempts: AttemptStore | None,
    written: Collection[Path] = (),
    not_stored: Callable[[DataFileError], None] = raise_it,
) -> Gate:
    """Check everything that the settings name.

    A network that one side lacks, or that does not run, is a check that is not comparable; the others are
    judged all the same.

    Args:
        configuration: what to check, with which limits and effort.
        context: what measurements need; the trees of git refs come to it.
        lock_file: exact costs to compare with; None leaves them out.
        seed: fixes weights, orders and pauses; None draws one.
        attempts: samples of earlier invocations.
        written: files and folders that the command itself writes, which are no code under test.
        not_stored: told that samples could not be kept among the attempts.

    Raises:
        UsageError: settings that cannot be meant, or a margin below the noise floor.
        SebenchError: the lock, a ref or the samples of earlier attempts are not as they should be.
    """
    started_at, begun_s = datetime.now(UTC), time.monotonic()
    settings = configuration.check
    policy = timing_policy(settings.effort or "standard", budget_s=settings.budget)
    on_inconclusive = settings.on_inconclusive or "fail"
    # What cannot be meant is refused before anything is counted.
    with open_targets(
        settings,
        resolve=configuration.resolve,
        written=written,
        usual_candidate=context.usual_candidate,
    ) as opened:
        locked = tuple(_locked(lock_file, context.cache))
        measured = check(
            opened.targets,
            GateContext(
                policy=policy,
                seed=drawn_seed(seed),
                run=dataclasses.replace(context, trees=opened.trees),
                attempts=attempts,
                written=written,
                not_stored=not_stored,
            ),
        )
    checks = (*locked, *without_free_passes(measured, on_inconclusive))
    return Gate(
        status=gate_status(checks),
        checks=checks,
        on_inconclusive=on_inconclusive,
        started_at=started_at.isoformat(timespec="milliseconds"),
        duration_s=time.monotonic() - begun_s,
    )


def _locked(lock_file: Path | None, cache: CountCache | None) -> Iterator[Check]:
    if lock_file is None:
        return
    if not lock_file.exists():
        raise DataFileError(f"there is no lock file {lock_file}", hint="write it with `sebench lock`")
    yield from check_lock(load_lock(lock_file), cache=cache)


def check(targets: Sequence[Target | Unjudged], context: GateContext) -> tuple[Check, ...]:
    """Measure all targets and decide on all their limits as one family.

    Args:
        targets: may be none; those that cannot be judged take their place among the checks.
        context: how to measure.

    Raises:
        UsageError: a margin below the calibrated noise floor.
        Interrupted: after Ctrl-C; what was measured is among the attempts.
    """
    measured = iter(_measured([each for each in targets if isinstance(each, Target)], context))
    checks = (next(measured) if isinstance(each, Target) else each.checks() for each in targets)
    return tuple(chain.from_iterable(checks))


def _measured(targets: Sequence[Target], context: GateContext) -> list[tuple[Check, ...]]:
    """The checks of each target."""
    if not targets:
        return []
    environment, groups = context.run.host.capture_environment(), _by_session(targets)
    runs = [TargetRun([targets[index] for index in group], context, environment) for group in groups]
    for target_run in runs:
        target_run.refuse_impossible_margins()
    return _in_order(targets, groups, _decided(runs, context))


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


def _decided(runs: Sequence[TargetRun], context: GateContext) -> tuple[Check, ...]:
    budget_s, hard = context.policy.budget_s, context.policy.hard_budget
    shares = max(sum(target_run.timed for target_run in runs), 1) if hard else 1
    for target_run in runs:
        target_run.measure(budget_s=budget_s / shares, shares=shares)
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
