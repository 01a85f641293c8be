"""Targets of a gate that share a measurement: what earlier attempts and this one say about them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from random import Random

from msgspec.structs import replace

from sebench.analysis.calibration import noise
from sebench.analysis.gate import answer
from sebench.analysis.question import Answer, unanswered
from sebench.analysis.stored import answer_stored
from sebench.errors import DataFileError, Interrupted, SebenchError, raise_it
from sebench.runner.gate.earlier import AttemptStore, attempt_key
from sebench.runner.gate.lacking import failure_reason
from sebench.runner.gate.refusals import refuse_below_floor
from sebench.runner.gate.target import Target
from sebench.runner.measuring.context import RunContext
from sebench.runner.measuring.run import run
from sebench.schema import (
    METRICS,
    Environment,
    Finding,
    Noise,
    Pair,
    PairPlan,
    Plan,
    Reason,
    Result,
    TimingPolicy,
    fingerprint,
)
from sebench.store import ResultStore, check_directory

_MARGIN_KINDS = ("factories", "base-ref", "stored")


@dataclass(frozen=True, kw_only=True)
class GateContext:
    """How a gate measures."""

    policy: TimingPolicy
    """Of one target; a hard budget is the whole command's."""
    seed: int
    run: RunContext = field(default_factory=RunContext)
    """What its measurements need."""
    attempts: AttemptStore | None = None
    """None forgets earlier invocations and keeps nothing."""
    written: Collection[Path] = ()
    """Files and folders that this command itself writes; they are no part of the code."""
    not_stored: Callable[[DataFileError], None] = raise_it
    """Told that samples could not be kept among the attempts."""


class TargetRun:
    """Measures one session for all targets that ask for it, as often as it is told to, and answers them.

    Args:
        targets: of one session, so that they share its samples; one at least.
        context: how to measure.
        environment: as known before anything is measured.

    Raises:
        DataFileError: samples cannot be kept, or those of an earlier attempt cannot be read.
    """

    def __init__(self, targets: Sequence[Target], context: GateContext, environment: Environment) -> None:
        self._targets, self._context = targets, context
        self._session = targets[0].session
        self._run = _for_pair(context.run, self._session.pair)
        self.timed = any(target.timed for target in targets)
        """Whether one of its limits is on a time."""
        self._environment = environment
        self._results: list[Result] = []
        self._failure: Reason | None = None
        self.spent_s = 0.0
        """On measuring."""
        self._past: tuple[tuple[Result, ...], ...] = ()
        self._store: ResultStore | None = None
        # Figures without noise are the same in every attempt.
        attempts = context.attempts if self.timed else None
        key = attempts and attempt_key(self._session, environment, written=context.written)
        if attempts and key:
            self._past, self._store = attempts.earlier(key), attempts.begin(key)
            check_directory(self._store.directory)

    @property
    def attempt(self) -> int:
        """Of this invocation, from 1."""
        return len(self._comparable()) + 1

    def refuse_impossible_margins(self) -> None:
        """Before anything is measured, as far as the set-up is known by then.

        Raises:
            UsageError: a margin that this machine's noise would leave undecided too often.
        """
        known = self._noise(_latest_with_samples(self._results))
        for target in self._targets:
            if known is not None and target.kind in _MARGIN_KINDS:
                refuse_below_floor(target, known, self._context.policy.processes)

    def measure(self, *, budget_s: float, shares: int = 1) -> None:
        """Add one result; with samples it is among the attempts as soon as it exists.

        What goes wrong is the answer to the questions of these targets, and no other's.

        Args:
            budget_s: for its times.
            shares: how many runs share the budget of the command.

        Raises:
            Interrupted: says whether samples were kept.
            DataFileError: samples cannot be kept.
            UsageError: a margin that this machine's noise would leave undecided too often.
        """
        begun_s = time.monotonic()
        try:
            self._measure(budget_s, shares)
        except Interrupted as error:
            raise Interrupted(error.message, hint=self._kept) from None
        except DataFileError:
            raise
        except SebenchError as error:
            with self._run.counter() as counter:
                self._failure = failure_reason(error, self._targets[0], counter)
        finally:
            self.spent_s += time.monotonic() - begun_s
        # An accelerator has no facts before a worker has used it.
        self.refuse_impossible_margins()

    def _measure(self, budget_s: float, shares: int) -> None:
        context, looks = self._context, len(self._results)
        sources = {METRICS[metric].source for target in self._targets for metric, _ in target.limits}
        plan = Plan(
            pairs=(PairPlan(pair=self._session.pair, workloads=(self._session.workload,)),),
            policy=replace(context.policy, budget_s=budget_s),
            # The extension draws its own orders: the same ones would repeat any bias that they have.
            seed=context.seed if looks == 0 else Random(f"{context.seed}/{looks}").getrandbits(31),
            budget_shares=shares,
            timed=self.timed,
            energy="energy" in sources,
            repeat_energy=context.policy.effort != "quick",
            memory="memory" in sources,
        )
        for result in run(plan, self._run):
            self._results.append(result)
            if self._store is not None and _has_samples(result):
                self._keep(result, self._store)

    @property
    def _kept(self) -> str | None:
        """What becomes of the samples of an interrupted run."""
        if self._store is None or not any(map(_has_samples, self._results)):
            return None
        return f"what was measured is kept in {self._store.directory} and counts as an attempt"

    def _keep(self, result: Result, store: ResultStore) -> None:
        try:
            store.add(result)
        except DataFileError as error:  # no reason to lose the verdict
            self._context.not_stored(error)

    def answers(self) -> Iterator[Answer]:
        """One per limit, target by target."""
        if self._failure is not None:
            for question in chain.from_iterable(target.questions() for target in self._targets):
                yield unanswered(question, self._failure)
            return
        results = [result for attempt in self._comparable() for result in attempt] + self._results
        known, attempts = self._noise(_latest_with_samples(results)), self.attempt
        for target in self._targets:
            for question in target.questions():
                if target.stored is None:
                    found = answer(question, results, attempts=attempts)
                else:
                    found = answer_stored(question, results, target.stored, noise=known, attempts=attempts)
                yield dataclasses.replace(found, findings=(*self._caveats(found), *found.findings))

    def _caveats(self, found: Answer) -> Iterator[Finding]:
        """What a reader could mistake for figures of this very run."""
        if found.exact or self._results == [] or any(map(_has_samples, self._results)):
            return
        if found.ratio.estimate is not None and found.attempts > 1:
            yield _NOTHING_NEW

    def _comparable(self) -> tuple[tuple[Result, ...], ...]:
        """Earlier attempts on this very set-up, which is that of the latest samples.

        A result without any does not tell: no worker may have got as far as naming its accelerator.
        """
        past = [result for attempt in self._past for result in attempt]
        latest = _latest_with_samples([*past, *self._results])
        if latest is None:
            return self._past
        here = fingerprint(latest.environment)
        kept = (tuple(r for r in attempt if fingerprint(r.environment) == here) for attempt in self._past)
        return tuple(results for results in kept if results)

    def _noise(self, latest: Result | None) -> Noise | None:
        calibrations, session = self._run.calibrations, self._session
        environment = latest.environment if latest else self._environment
        known = calibrations and calibrations.find(
            fingerprint(environment), session.pair.candidate, session.workload
        )
        return noise(known) if known else None


_NOTHING_NEW = Finding(
    code="nothing-measured",
    severity="warning",
    message="this run measured nothing; the decision rests on samples of earlier runs",
    hint="allow a larger --budget",
)


def _for_pair(context: RunContext, pair: Pair) -> RunContext:
    """With the trees of this pair alone: without any, it is measured in one process."""
    commits = (pair.baseline.commit, pair.candidate.commit)
    trees = {commit: folder for commit, folder in context.trees.items() if commit in commits}
    return dataclasses.replace(context, trees=trees)


def _latest_with_samples(results: Sequence[Result]) -> Result | None:
    return next(filter(_has_samples, reversed(results)), None)


def _has_samples(result: Result) -> bool:
    timed = any(run.blocks for measurement in result.measurements for run in measurement.processes)
    return timed or any(run.blocks for measurement in result.energy for run in measurement.processes)
