"""Runs the sampled part of a gate: measure every target, decide, extend once what is still open."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from random import Random

from msgspec.structs import replace

from sebench import statistics
from sebench.analysis.calibration import noise
from sebench.analysis.gate import Answer, Question, answer, decide
from sebench.analysis.sampled import SAMPLED
from sebench.analysis.stored import answer_stored
from sebench.errors import UsageError
from sebench.profilers.environment import capture_environment
from sebench.runner.attempts import Attempts, attempt_key
from sebench.runner.calibrations import Calibrations
from sebench.runner.measuring import run
from sebench.runner.processes import Observer
from sebench.runner.session import WORKER_COMMAND
from sebench.runner.side_by_side import Trees
from sebench.schema import (
    Check,
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
from sebench.store import CountCache, ResultStore

MEMORY_METRICS = ("peak_memory", "reserved_memory", "resident_memory")
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


def check(targets: Sequence[Target], settings: Settings) -> tuple[Check, ...]:
    """Measure all targets and decide on all their limits as one family.

    Args:
        targets: may be none.
        settings: how to measure.

    Raises:
        UsageError: a margin below the calibrated noise floor.
        Interrupted: after Ctrl-C; what was measured is among the attempts.
    """
    if not targets:
        return ()
    environment = capture_environment()
    runs = [_TargetRun(target, settings, environment) for target in targets]
    for target_run in runs:
        target_run.refuse_impossible_margins()
    return _decided(runs, settings, started_s=time.monotonic())


def _decided(runs: Sequence[_TargetRun], settings: Settings, *, started_s: float) -> tuple[Check, ...]:
    budget_s, hard = settings.policy.budget_s, settings.policy.hard_budget
    for number, target_run in enumerate(runs):
        left_s = started_s + budget_s - time.monotonic()
        target_run.measure(budget_s=left_s / (len(runs) - number) if hard else budget_s)
    first = _decide(runs, look=1)
    # A hard budget is spent by now.
    again = (
        [] if hard else [of_target for of_target, checks in zip(runs, first, strict=True) if _open(checks)]
    )
    for target_run in again:
        target_run.measure(budget_s=budget_s)
    second = _decide(runs, look=2) if again else first
    return tuple(
        later if earlier.status == "inconclusive" else earlier
        for earlier, later in zip(chain(*first), chain(*second), strict=True)
    )


def _decide(runs: Sequence[_TargetRun], *, look: int) -> list[tuple[Check, ...]]:
    """Checks by target; all of them are one family."""
    answers = [tuple(target_run.answers()) for target_run in runs]
    attempt = max(target_run.attempt for target_run in runs)
    checks = iter(decide(tuple(chain(*answers)), attempt=attempt, look=look))
    return [tuple(islice(checks, len(of_target))) for of_target in answers]


def _open(checks: Sequence[Check]) -> bool:
    """Whether more samples could decide something."""
    return any(check.status == "inconclusive" and check.p_value is not None for check in checks)


class _TargetRun:
    """A target with what earlier attempts and this one measured of it."""

    def __init__(self, target: Target, settings: Settings, environment: Environment) -> None:
        self._target, self._settings = target, settings
        self._store: ResultStore | None = None
        earlier: tuple[tuple[Result, ...], ...] = ()
        key = attempt_key(target.session, environment, policy_confidence=settings.policy.confidence)
        if settings.attempts is not None and key is not None:
            earlier = settings.attempts.earlier(key)
            self._store = settings.attempts.begin(key)
        self._results = [result for results in earlier for result in results]
        self.attempt = len(earlier) + 1
        self._noise = self._calibrated_noise(environment)
        self._looks = 0

    def refuse_impossible_margins(self) -> None:
        """Before anything is measured.

        Raises:
            UsageError: a margin that this machine's noise would leave undecided too often.
        """
        if self._noise is None or self._target.kind not in _MARGIN_KINDS:
            return
        sigma, planned = self._noise.sigma_process, self._settings.policy.processes
        for metric, limit in self._target.limits:
            if metric not in SAMPLED or planned < statistics.MIN_PROCESSES or limit <= 1:
                continue
            floor = statistics.noise_floor(sigma, planned)
            if math.log(limit) < floor:
                needed = statistics.needed_processes(sigma, math.log(limit))
                raise UsageError(
                    f"--margin {metric}:{limit:g} is below the noise floor of this machine: {planned} "
                    f"processes can hold {math.exp(floor):.4f}, {needed} processes would be needed",
                    hint="allow a wider margin, or --effort rigorous with a larger --budget",
                )

    def measure(self, *, budget_s: float) -> None:
        """Add one result; it is among the attempts as soon as it exists."""
        settings, target = self._settings, self._target
        rng = Random(f"{settings.seed}/{target.session}/{self._looks}")
        self._looks += 1
        plan = Plan(
            sessions=(target.session,),
            policy=replace(settings.policy, budget_s=budget_s),
            seed=settings.seed if self._looks == 1 else rng.getrandbits(31),
            timed=any(metric in (*SAMPLED, "energy") for metric, _ in target.limits),
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
            if self._store is not None:
                self._store.add(result)

    def answers(self) -> Iterator[Answer]:
        """One per limit."""
        for question in self._questions():
            if self._target.stored is None:
                yield answer(question, self._results, attempts=self.attempt)
            else:
                yield answer_stored(
                    question,
                    self._results,
                    self._target.stored,
                    noise=self._noise,
                    attempts=self.attempt,
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

    def _calibrated_noise(self, environment: Environment) -> Noise | None:
        if self._settings.calibrations is None:
            return None
        session = self._target.session
        known = self._settings.calibrations.find(
            fingerprint(environment), session.pair.candidate, session.workload
        )
        return noise(known) if known else None
