"""Targets of a gate that share a measurement: what earlier attempts and this one say about them."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from random import Random

from msgspec.structs import replace

from sebench import statistics
from sebench.analysis.calibration import noise
from sebench.analysis.gate import answer
from sebench.analysis.question import Answer, Question, unanswered
from sebench.analysis.sampled import READS
from sebench.analysis.stored import answer_stored
from sebench.errors import DataFileError, Interrupted, SebenchError, UsageError, raise_it
from sebench.runner.counting.counter import Counter
from sebench.runner.gate.earlier import Attempts, attempt_key
from sebench.runner.gate.lacking import failure_reason
from sebench.runner.gate.target import Target
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.measuring.run import run
from sebench.runner.planning.plan import timing_policy
from sebench.runner.progress import Observer
from sebench.runner.workers.session import WORKER_COMMAND
from sebench.runner.workers.side_by_side import Trees
from sebench.schema import (
    METRICS,
    Environment,
    Finding,
    Noise,
    Plan,
    Reason,
    Result,
    TimingPolicy,
    fingerprint,
)
from sebench.store import CountCache, ResultStore, check_directory

_MARGIN_KINDS = ("factories", "base-ref", "stored")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a gate measures."""

    policy: TimingPolicy
    """Of one target; a hard budget is the whole command's."""
    seed: int
    cache: CountCache | None = None
    attempts: Attempts | None = None
    """None forgets earlier invocations and keeps nothing."""
    calibrations: Calibrations | None = None
    trees: Trees = field(default_factory=dict)
    argv: Sequence[str] = ()
    observer: Observer = lambda progress: None
    command: Sequence[str] = WORKER_COMMAND
    written: Collection[Path] = ()
    """Files and folders that this command itself writes; they are no part of the code."""
    not_stored: Callable[[DataFileError], None] = raise_it
    """Told that samples could not be kept among the attempts."""


class TargetRun:
    """Measures one session for all targets that ask for it, as often as it is told to, and answers them.

    Args:
        targets: of one session, so that they share its samples; one at least.
        settings: how to measure.
        environment: as known before anything is measured.

    Raises:
        DataFileError: samples cannot be kept, or those of an earlier attempt cannot be read.
    """

    def __init__(self, targets: Sequence[Target], settings: Settings, environment: Environment) -> None:
        self._targets, self._settings = targets, settings
        self._session = targets[0].session
        self._timed = any(target.timed for target in targets)
        self._environment = environment
        self._results: list[Result] = []
        self._failure: Reason | None = None
        self.spent_s = 0.0
        """On measuring."""
        self._past: tuple[tuple[Result, ...], ...] = ()
        self._store: ResultStore | None = None
        # Figures without noise are the same in every attempt.
        attempts = settings.attempts if self._timed else None
        key = attempts and attempt_key(self._session, environment, written=settings.written)
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
                _refuse_below_floor(target, known, self._settings.policy.processes)

    def measure(self, *, budget_s: float) -> None:
        """Add one result; with samples it is among the attempts as soon as it exists.

        What goes wrong is the answer to the questions of these targets, and no other's.

        Raises:
            Interrupted: says whether samples were kept.
            DataFileError: samples cannot be kept.
            UsageError: a margin that this machine's noise would leave undecided too often.
        """
        begun_s = time.monotonic()
        try:
            self._measure(budget_s)
        except Interrupted as error:
            raise Interrupted(error.message, hint=self._kept) from None
        except DataFileError:
            raise
        except SebenchError as error:
            self._failure = failure_reason(error, self._targets[0], self._counter())
        finally:
            self.spent_s += time.monotonic() - begun_s
        # An accelerator has no facts before a worker has used it.
        self.refuse_impossible_margins()

    def _measure(self, budget_s: float) -> None:
        settings, looks = self._settings, len(self._results)
        sources = {METRICS[metric].source for target in self._targets for metric, _ in target.limits}
        plan = Plan(
            sessions=(self._session,),
            policy=replace(settings.policy, budget_s=budget_s),
            seed=settings.seed if looks == 0 else Random(f"{settings.seed}/{looks}").getrandbits(31),
            timed=self._timed,
            energy="energy" in sources,
            repeat_energy=settings.policy.effort != "quick",
            memory="memory" in sources,
        )
        for result in run(
            plan,
            cache=settings.cache,
            observer=settings.observer,
            argv=settings.argv,
            command=settings.command,
            trees=self._trees,
            calibrations=settings.calibrations,
        ):
            self._results.append(result)
            if self._store is not None and _has_samples(result):
                self._keep(result, self._store)

    @property
    def _trees(self) -> Trees:
        """Of this pair alone: a pair of one tree is measured in one process, whatever else is checked."""
        commits = (self._session.pair.baseline.commit, self._session.pair.candidate.commit)
        return {commit: folder for commit, folder in self._settings.trees.items() if commit in commits}

    @property
    def _kept(self) -> str | None:
        """What becomes of the samples of an interrupted run."""
        if self._store is None or not any(map(_has_samples, self._results)):
            return None
        return f"what was measured is kept in {self._store.directory} and counts as an attempt"

    def _counter(self) -> Counter:
        return Counter(self._settings.cache, self._trees, self._settings.command)

    def _keep(self, result: Result, store: ResultStore) -> None:
        try:
            store.add(result)
        except DataFileError as error:  # no reason to lose the verdict
            self._settings.not_stored(error)

    def answers(self) -> Iterator[Answer]:
        """One per limit, target by target."""
        if self._failure is not None:
            for question in chain.from_iterable(map(_questions, self._targets)):
                yield unanswered(question, self._failure)
            return
        results = [result for attempt in self._comparable() for result in attempt] + self._results
        known, attempts = self._noise(_latest_with_samples(results)), self.attempt
        for target in self._targets:
            for question in _questions(target):
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
        calibrations, session = self._settings.calibrations, self._session
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


def _questions(target: Target) -> Iterator[Question]:
    for metric, limit in target.limits:
        yield Question(
            kind=target.kind,
            model=target.session.pair.candidate.model,
            baseline=target.baseline,
            candidate=target.candidate,
            metric=metric,
            limit=limit,
            workload=target.session.workload,
        )


def _refuse_below_floor(target: Target, known: Noise, planned: int) -> None:
    if planned < statistics.MIN_PROCESSES:
        return
    floor = statistics.noise_floor(known.sigma_process, planned)
    for metric, limit in target.limits:
        if metric in READS and 0 < math.log(limit) < floor:
            needed = statistics.needed_processes(known.sigma_process, math.log(limit))
            raise UsageError(
                f"--margin {metric}:{limit:g} is below the noise floor of this machine: {planned} "
                f"processes can hold {math.exp(floor):.4f}, {needed} processes would be needed",
                hint=_way_out(planned, needed),
            )


def _latest_with_samples(results: Sequence[Result]) -> Result | None:
    return next(filter(_has_samples, reversed(results)), None)


def _has_samples(result: Result) -> bool:
    timed = any(run.blocks for measurement in result.measurements for run in measurement.processes)
    return timed or any(run.blocks for measurement in result.energy for run in measurement.processes)


def _way_out(planned: int, needed: int) -> str:
    most = timing_policy("rigorous").processes
    return "allow a wider margin" + (", or --effort rigorous" if planned < needed <= most else "")
