"""One target of a gate: what earlier attempts and this one measured of it, and what that says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from msgspec.structs import replace

from sebench import statistics
from sebench.analysis.calibration import noise
from sebench.analysis.gate import Answer, Question, answer
from sebench.analysis.sampled import SAMPLED
from sebench.analysis.stored import answer_stored
from sebench.errors import UsageError
from sebench.runner.attempts import Attempts, attempt_key
from sebench.runner.calibrations import Calibrations
from sebench.runner.measuring import run
from sebench.runner.plan import timing_policy
from sebench.runner.progress import Observer
from sebench.runner.session import WORKER_COMMAND
from sebench.runner.side_by_side import Trees
from sebench.schema import (
    CheckKind,
    Environment,
    Noise,
    Plan,
    Result,
    Session,
    TimingPolicy,
    Value,
    fingerprint,
)
from sebench.store import CountCache, ResultStore, check_writable

MEMORY_METRICS = ("peak_memory", "reserved_memory", "resident_memory")
NOISY_METRICS = (*SAMPLED, "energy")
_MARGIN_KINDS = ("factories", "base-ref", "stored")


class Target(Value, frozen=True, kw_only=True):
    """A pair that is measured once for all limits on it."""

    kind: CheckKind
    session: Session
    limits: tuple[tuple[str, float], ...]
    """Metric and largest ratio allowed."""
    baseline: str
    """As the report calls it; likewise `candidate`."""
    candidate: str
    stored: Result | None = None

    @property
    def timed(self) -> bool:
        """Whether a limit needs more than counts and memory."""
        return any(metric in NOISY_METRICS for metric, _ in self.limits)


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


class TargetRun:
    """Measures a target as often as it is told to, and answers the questions that its limits ask.

    Raises:
        DataFileError: samples cannot be kept, or those of an earlier attempt cannot be read.
    """

    def __init__(self, target: Target, settings: Settings, environment: Environment) -> None:
        self._target, self._settings = target, settings
        self._environment = environment
        self._results: list[Result] = []
        self._past: tuple[tuple[Result, ...], ...] = ()
        self._store: ResultStore | None = None
        # Figures without noise are the same in every attempt.
        attempts = settings.attempts if target.timed else None
        key = attempts and attempt_key(
            target.session, environment, policy_confidence=settings.policy.confidence
        )
        if attempts and key:
            self._past, self._store = attempts.earlier(key), attempts.begin(key)
            check_writable(self._store.directory / "result.json")

    @property
    def attempt(self) -> int:
        """Of this invocation, from 1."""
        return len(self._comparable()) + 1

    def refuse_impossible_margins(self) -> None:
        """Before anything is measured, as far as the set-up is known by then.

        Raises:
            UsageError: a margin that this machine's noise would leave undecided too often.
        """
        known, planned = self._noise(), self._settings.policy.processes
        if known is None or self._target.kind not in _MARGIN_KINDS or planned < statistics.MIN_PROCESSES:
            return
        floor = statistics.noise_floor(known.sigma_process, planned)
        for metric, limit in self._target.limits:
            if metric in SAMPLED and 0 < math.log(limit) < floor:
                needed = statistics.needed_processes(known.sigma_process, math.log(limit))
                raise UsageError(
                    f"--margin {metric}:{limit:g} is below the noise floor of this machine: {planned} "
                    f"processes can hold {math.exp(floor):.4f}, {needed} processes would be needed",
                    hint=_way_out(planned, needed),
                )

    def measure(self, *, budget_s: float) -> None:
        """Add one result; with samples it is among the attempts as soon as it exists."""
        settings, target, looks = self._settings, self._target, len(self._results)
        plan = Plan(
            sessions=(target.session,),
            policy=replace(settings.policy, budget_s=budget_s),
            seed=settings.seed if looks == 0 else Random(f"{settings.seed}/{looks}").getrandbits(31),
            timed=target.timed,
            energy=any(metric == "energy" for metric, _ in target.limits),
            memory=any(metric in MEMORY_METRICS for metric, _ in target.limits),
        )
        for result in run(
            plan,
            cache=settings.cache,
            observer=settings.observer,
            argv=settings.argv,
            command=settings.command,
            trees=settings.trees,
            calibrations=settings.calibrations,
        ):
            self._results.append(result)
            if self._store is not None and _has_samples(result):
                self._store.add(result)
        # An accelerator has no facts before a worker has used it.
        self.refuse_impossible_margins()

    def answers(self) -> Iterator[Answer]:
        """One per limit."""
        target = self._target
        results = [result for attempt in self._comparable() for result in attempt] + self._results
        for question in self._questions():
            if target.stored is None:
                yield answer(question, results, attempts=self.attempt)
            else:
                yield answer_stored(
                    question, results, target.stored, noise=self._noise(), attempts=self.attempt
                )

    def _questions(self) -> Iterator[Question]:
        target = self._target
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

    def _comparable(self) -> tuple[tuple[Result, ...], ...]:
        """Earlier attempts on this very set-up."""
        if not self._results:
            return self._past
        here = fingerprint(self._results[-1].environment)
        kept = (tuple(r for r in attempt if fingerprint(r.environment) == here) for attempt in self._past)
        return tuple(results for results in kept if results)

    def _noise(self) -> Noise | None:
        calibrations, session = self._settings.calibrations, self._target.session
        environment = self._results[-1].environment if self._results else self._environment
        known = calibrations and calibrations.find(
            fingerprint(environment), session.pair.candidate, session.workload
        )
        return noise(known) if known else None


def _has_samples(result: Result) -> bool:
    timed = any(run.blocks for measurement in result.measurements for run in measurement.processes)
    return timed or any(run.blocks for measurement in result.energy for run in measurement.processes)


def _way_out(planned: int, needed: int) -> str:
    most = timing_policy("rigorous").processes
    return "allow a wider margin" + (", or --effort rigorous" if planned < needed <= most else "")
