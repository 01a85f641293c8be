"""One pair after the other for one question: what they have in common is counted and exported once."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from sebench.analysis.comparison import compare
from sebench.errors import BudgetError, Interrupted, SebenchError, UsageError
from sebench.runner.counting.counter import Counter, counted_dtype
from sebench.runner.measuring.context import RunContext
from sebench.runner.measuring.exporting import exporting
from sebench.runner.measuring.run import run
from sebench.runner.planning.plan import make_plan
from sebench.runner.progress import Observer, Progress
from sebench.schema import (
    NO_OPTIONS,
    Effort,
    Measurement,
    MetricComparison,
    ModelSpec,
    NetworkOptions,
    Plan,
    Result,
    StaticCost,
    TimingPolicy,
    Workload,
    WorkloadRequest,
)

LEAST_S = 8.0
"""The least of a budget for one pair: in less, a process does not get ready and measure the fewest blocks."""
Keep = Callable[[Result], None]
"""Told each result."""
Tell = Callable[[str], None]
"""Told in a line what goes on."""


def forget(result: Result) -> None:
    """Keep nothing."""


def silent(line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What every question about one network says."""

    model: str
    workload: WorkloadRequest
    options: NetworkOptions = NO_OPTIONS
    effort: Effort = "standard"
    budget_s: float | None = None
    """Seconds of measuring for all pairs together, preparing included, a hard limit; counting is extra."""
    seed: int | None = None
    confirm: bool = True
    """Whether the best is measured again in fresh processes."""


def require_time(asked: Asked, measurements: int, what: str, *, fewer: str) -> None:
    """Refuse a budget that cannot cover all measurements, before any is begun.

    Args:
        asked: says the budget.
        measurements: that share it.
        what: is measured, in words.
        fewer: how to ask for less.

    Raises:
        BudgetError: one line.
    """
    least_s = LEAST_S * measurements
    if asked.budget_s is not None and asked.budget_s < least_s:
        raise too_small(asked, least_s, what, fewer=fewer)


def too_small(asked: Asked, least_s: float, what: str, *, fewer: str) -> BudgetError:
    """The one line about a budget that does not suffice; arguments as for `require_time`."""
    return BudgetError(
        f"--budget {asked.budget_s or 0:g} is too small to measure {what}",
        hint=f"allow at least --budget {math.ceil(least_s)}{fewer}",
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one pair."""

    latency: MetricComparison | None
    reason: str = ""
    """Why there is no latency."""
    cost: StaticCost | None = None
    """Of the candidate."""
    out_of_budget: bool = False
    """Whether it was the budget that did not suffice."""


@dataclass(slots=True)
class _Watched:
    """Tells an observer which of several pairs is measured: the plan of each knows of no other."""

    observer: Observer
    session: int = 0
    sessions: int = 1

    def __call__(self, progress: Progress) -> None:
        self.observer(dataclasses.replace(progress, session=self.session, sessions=self.sessions))


@dataclass(slots=True)
class Bench:
    """Measures variants of one network against each other; see `opened`."""

    asked: Asked
    plan: Plan
    """Of the first pair: its seed and policy hold for all."""
    context: RunContext
    counter: Counter
    keep: Keep
    _watched: _Watched
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def policy(self) -> TimingPolicy:
        """What the effort says, without any budget."""
        return self.plan.policy

    @property
    def other_seed(self) -> int:
        """For a second measurement: other weights and orders than in the first."""
        return (self.plan.seed + 1) % 2**31

    def count(self, spec: ModelSpec, workload: Workload) -> StaticCost:
        """Exact costs per image.

        Raises:
            SebenchError: it cannot be built or counted.
        """
        shape = (1, *workload.input_shape[1:])
        return self.counter(spec, shape, dtype=counted_dtype(workload.dtype))

    def measure(
        self,
        baseline: str,
        candidate: str,
        *,
        seed: int | None = None,
        policy: TimingPolicy | None = None,
        budget_s: float | None = None,
        confidence: float | None = None,
        place: tuple[int, int] = (0, 1),
    ) -> Measured:
        """One variant against another.

        Args:
            baseline: variant.
            candidate: variant.
            seed: of weights and orders; None is that of all, with orders of its own.
            policy: how hard to measure; None is as the effort says.
            budget_s: its share of the budget; None sets none.
            confidence: of the interval; None is the usual one. What is stored does not depend on it.
            place: which pair this is, from 0, and of how many, for whoever watches.

        Raises:
            UsageError: a variant or an option that cannot be meant.
            Interrupted: after Ctrl-C.
        """
        asked, number = self.asked, next(self._numbers)
        self._watched.session, self._watched.sessions = place
        try:
            plan = make_plan(
                names=[asked.model],
                variants=[],
                baseline=baseline,
                candidate=candidate,
                workload=asked.workload,
                effort=asked.effort,
                seed=self.plan.seed if seed is None else seed,
                options=asked.options,
                memory=False,
            )
            plan = replace(plan, policy=policy or plan.policy, draw=number if seed is None else 0)
            if budget_s is not None:
                shares = max(1, round((asked.budget_s or budget_s) / budget_s))
                limited = replace(plan.policy, budget_s=budget_s, hard_budget=True)
                plan = replace(plan, policy=limited, budget_shares=shares)
            (result,) = run(plan, self.context)
        except (UsageError, Interrupted):
            raise
        except BudgetError as error:
            return Measured(None, str(error), out_of_budget=True)
        except SebenchError as error:
            return Measured(None, str(error))
        if result.has_samples:
            self.keep(result)
        return _concluded(result, confidence)


@contextmanager
def opened(asked: Asked, first: Plan, context: RunContext, keep: Keep) -> Iterator[Bench]:
    """Open what all pairs share, in a with-statement: a counter and what is exported.

    Args:
        asked: the network.
        first: the plan of its first pair.
        context: what measuring needs.
        keep: told each result.
    """
    with (
        context.counter() as counter,
        exporting(first, command=context.host.command, trees=context.trees) as exporter,
    ):
        host = dataclasses.replace(context.host, open_counter=lambda *given: counter)
        watched = _Watched(context.observer)
        shared = dataclasses.replace(context, host=host, exporter=exporter, observer=watched)
        yield Bench(asked, first, shared, counter, keep, watched)


def _concluded(result: Result, confidence: float | None) -> Measured:
    measurements = result.measurements
    spent = any(finding.code == "budget-spent" for each in measurements for finding in each.findings)
    if confidence is not None:
        measurements = tuple(_at(each, confidence) for each in measurements)
    compared = compare(replace(result, measurements=measurements)).metrics
    latency = next((each for each in compared if each.metric == "latency"), None)
    if latency is None or latency.status == "unavailable":
        reason = (latency and latency.reason) or "it could not be measured"
        return Measured(None, reason, result.candidate_cost, out_of_budget=spent)
    return Measured(latency, "", result.candidate_cost)


def _at(measurement: Measurement, confidence: float) -> Measurement:
    return replace(measurement, policy=replace(measurement.policy, confidence=confidence))
