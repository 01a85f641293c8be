"""A report as a value: everything it says of each pair, derived from stored results and not yet laid out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from sebench.analysis.comparison import compare, origin
from sebench.analysis.costs import StageCost, stage_costs
from sebench.analysis.distribution import Distribution, distribution
from sebench.analysis.excitation import ExcitationFound
from sebench.analysis.sweep import SweepRow
from sebench.paper.accuracy import QuotedAccuracy, quoted_accuracy
from sebench.schema import (
    Comparison,
    Environment,
    ModelCost,
    Origin,
    Pair,
    Result,
    StaticCost,
    TimingPolicy,
    Value,
    Workload,
    moment,
    unusual_words,
)


class PairReport(Value, frozen=True, kw_only=True):
    """One stored result, concluded."""

    label: str
    """Tells this pair from the others of its report."""
    origin: Origin
    """The stored result, and where it was measured."""
    command: tuple[str, ...]
    """As it was typed, unquoted; empty where it is not known."""
    seed: int
    pair: Pair
    as_published: bool
    """Whether both networks are as the paper built them; only then is the paper quoted beside them."""
    comparison: Comparison
    costs: tuple[ModelCost, ...]
    """Baseline, candidate; without a side that could not be counted."""
    stages: tuple[StageCost, ...]
    policies: tuple[TimingPolicy, ...]
    """One per distribution."""
    distributions: tuple[Distribution, ...]
    accuracies: tuple[QuotedAccuracy, ...]
    """Baseline, candidate where the paper prints both; otherwise empty."""
    environment: Environment

    @property
    def result(self) -> str:
        """Id of the stored result."""
        return self.origin.id

    @property
    def created_at(self) -> str:
        """UTC, ISO 8601."""
        return self.origin.created_at

    @property
    def sebench(self) -> str:
        """Version that measured."""
        return self.origin.sebench


class SweepReport(Value, frozen=True, kw_only=True):
    """A sweep, whose results have no `PairReport` of their own."""

    name: str
    rows: tuple[SweepRow, ...]
    """What became of each case."""
    published: frozenset[str] = frozenset()
    """Ids of results whose networks are as the paper built them."""


class ExcitationReport(Value, frozen=True, kw_only=True):
    """What `sebench excite` found."""

    name: str
    """Of its file."""
    found: ExcitationFound


class Report(Value, frozen=True, kw_only=True):
    """Everything that is known of some results, in the order in which they were named."""

    pairs: tuple[PairReport, ...]
    sweeps: tuple[SweepReport, ...] = ()
    excitations: tuple[ExcitationReport, ...] = ()


def build_report(
    results: Iterable[Result],
    *,
    as_published: Callable[[Result], bool],
    sweeps: Sequence[SweepReport] = (),
    excitations: Sequence[ExcitationReport] = (),
) -> Report:
    """Conclude what the results say.

    Args:
        results: One per pair; none is held on to, so that they may be read as they are needed, and memory
            does not grow with their samples.
        as_published: Whether the paper's own figures are about both networks of a result.
        sweeps: Concluded already; their results are not among the others.
        excitations: What gates do on images.
    """
    known = _Known()
    pairs = [_pair(result, known, as_published=as_published(result)) for result in results]
    return Report(
        pairs=tuple(replace(pair, label=label) for pair, label in zip(pairs, _labels(pairs), strict=True)),
        sweeps=tuple(sweeps),
        excitations=tuple(excitations),
    )


class _Known:
    """Costs, each held once: many results are of few networks, and costs are most of what a report holds."""

    def __init__(self) -> None:
        self._costs: dict[StaticCost, StaticCost] = {}
        self._stages: dict[tuple[int, int], tuple[StageCost, ...]] = {}
        """By the identities of two costs, which live as long as this."""

    def cost(self, cost: StaticCost | None) -> StaticCost | None:
        """An equal one."""
        return None if cost is None else self._costs.setdefault(cost, cost)

    def stages(self, baseline: StaticCost | None, candidate: StaticCost | None) -> tuple[StageCost, ...]:
        """Of two costs that `cost` has returned; empty where one was not counted."""
        if baseline is None or candidate is None:
            return ()
        sides = (id(baseline), id(candidate))
        if sides not in self._stages:
            self._stages[sides] = stage_costs(baseline, candidate)
        return self._stages[sides]


def _pair(result: Result, known: _Known, *, as_published: bool) -> PairReport:
    pair = result.pair
    baseline, candidate = known.cost(result.baseline_cost), known.cost(result.candidate_cost)
    quoted = [quoted_accuracy(spec.model, spec.variant) for spec in (pair.baseline, pair.candidate)]
    accuracies = tuple(accuracy for accuracy in quoted if accuracy)
    return PairReport(
        label="",
        origin=origin(result),
        command=result.command,
        seed=result.seed,
        pair=pair,
        as_published=as_published,
        comparison=compare(result),
        costs=tuple(
            ModelCost(spec=spec, cost=cost)
            for spec, cost in ((pair.baseline, baseline), (pair.candidate, candidate))
            if cost is not None
        ),
        stages=known.stages(baseline, candidate),
        policies=tuple(measurement.policy for measurement in result.measurements),
        distributions=tuple(map(distribution, result.measurements)),
        accuracies=accuracies if as_published and len(accuracies) == len(quoted) else (),
        environment=result.environment,
    )


def _labels(pairs: Sequence[PairReport]) -> list[str]:
    """The shortest labels that tell the results apart: pair, then workload, time and id."""
    ways = (
        _pair_label,
        lambda one: f"{_pair_label(one)}, {_workload_label(one)}",
        lambda one: f"{_pair_label(one)}, {_workload_label(one)}, {one.created_at}",
    )
    for way in ways:
        labels = [way(pair) for pair in pairs]
        if len(set(labels)) == len(labels):
            return labels
    return [f"{_pair_label(pair)}, {pair.result}" for pair in pairs]


def _pair_label(report: PairReport) -> str:
    pair = report.pair
    if pair.title == pair.model:  # two networks
        return pair.title
    return f"{pair.model}: {pair.baseline_name} -> {pair.candidate_name}"


def _workload_label(report: PairReport) -> str:
    return ", ".join(_workload_text(found.workload) for found in report.distributions) or "counted only"


def _workload_text(workload: Workload) -> str:
    words = (workload.device, workload.phase, f"batch {workload.batch_size}", *unusual_words(workload))
    return " ".join(words)


def newest(pairs: Sequence[PairReport], count: int) -> tuple[PairReport, ...]:
    """Those measured last, in their order."""
    if len(pairs) <= count:
        return tuple(pairs)
    by_time = sorted(range(len(pairs)), key=lambda place: moment(pairs[place].created_at))
    return tuple(pairs[place] for place in sorted(by_time[-count:]))
