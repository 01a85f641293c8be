"""A sweep with its results: a row per case and workload, what varies between them, what may be compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as revised

from msgspec.structs import replace

from sebench.analysis.comparison import compare, origin
from sebench.analysis.set_ups import set_up_names
from sebench.schema import (
    NETWORK_OPTIONS,
    SHAPE_OPTION,
    WORKLOAD_OPTIONS,
    Comparison,
    Environment,
    Finding,
    MetricComparison,
    NetworkOption,
    Origin,
    Quantity,
    Ratio,
    Result,
    Value,
    Workload,
    WorkloadOption,
    image_text,
)
from sebench.schema.options import Fact
from sebench.schema.sweep import Case, CaseOutcome, CaseStatus, Sweep


class SweepRow(Value, frozen=True, kw_only=True):
    """One case of a sweep under one workload; a case without a result has one row without a workload."""

    case: Case
    status: CaseStatus
    reason: str = ""
    """Why there is no result, in one line; empty where there is one."""
    machine: str = ""
    """The set-up by name, or the host that tried; empty where nothing was tried."""
    host: str = ""
    wall_s: float | None = None
    """What the case took in all; the same for all of its rows."""
    workload: Workload | None = None
    comparison: Comparison | None = None
    """All metrics of the case's result, those of its other workloads included."""
    origin: Origin | None = None
    """Of the result."""

    @property
    def result(self) -> str | None:
        """Id of the stored result."""
        return None if self.origin is None else self.origin.id

    @property
    def latency(self) -> MetricComparison | None:
        """Of this row's workload; None where nothing was timed."""
        return None if self.workload is None else self._metric("latency")

    @property
    def ratio(self) -> Ratio | None:
        """Latency of the candidate over that of the baseline; None where there is no finite figure."""
        ratio = None if self.latency is None else self.latency.ratio
        if ratio is None or ratio.estimate is None or not 0 < ratio.estimate < math.inf:
            return None
        return ratio

    @property
    def baseline(self) -> Quantity | None:
        """Latency in seconds: median, quartiles, number of steps."""
        return None if self.latency is None else self.latency.baseline

    @property
    def candidate(self) -> Quantity | None:
        """As `baseline`."""
        return None if self.latency is None else self.latency.candidate

    @property
    def params_ratio(self) -> float | None:
        """Parameters of the candidate over those of the baseline; None where they are unknown."""
        return self._exact("params")

    @property
    def macs_ratio(self) -> float | None:
        """As `params_ratio`."""
        return self._exact("macs")

    @property
    def findings(self) -> tuple[Finding, ...]:
        """About this row's latency, and about the result as a whole."""
        own = () if self.latency is None else self.latency.findings
        return tuple(dict.fromkeys((*own, *(self.comparison.findings if self.comparison else ()))))

    def _metric(self, name: str) -> MetricComparison | None:
        metrics = () if self.comparison is None else self.comparison.metrics
        found = (m for m in metrics if m.metric == name and m.workload in (None, self.workload))
        return next(found, None)

    def _exact(self, name: str) -> float | None:
        metric = self._metric(name)
        return None if metric is None else metric.ratio.estimate


def sweep_rows(sweep: Sweep, results: Iterable[Result]) -> tuple[SweepRow, ...]:
    """What became of each case, in the order of the matrix.

    Args:
        sweep: cases and outcomes.
        results: stored results, those of other measurements too; each is read once and not kept, so they may
            come one by one.
    """
    wanted = {outcome.result for outcome in sweep.outcomes if outcome.result}
    known = {result.id: _Concluded.of(result) for result in results if result.id in wanted}
    names = set_up_names(concluded.environment for concluded in known.values())
    hosts = {
        outcome.machine: names[known[outcome.result].origin.fingerprint]
        for outcome in sweep.outcomes
        if outcome.result in known and outcome.machine
    }
    outcomes = {outcome.id: outcome for outcome in sweep.outcomes}
    return tuple(
        row
        for case in sweep.cases
        for row in _rows(case, outcomes.get(case.id, CaseOutcome(id=case.id)), known, names, hosts)
    )


@dataclass(frozen=True, slots=True)
class _Concluded:
    """What rows need of a result, without its samples."""

    comparison: Comparison
    origin: Origin
    environment: Environment
    workloads: tuple[Workload, ...]

    @classmethod
    def of(cls, result: Result) -> _Concluded:
        workloads = tuple(measurement.workload for measurement in result.measurements)
        return cls(compare(result), origin(result), result.environment, workloads)


def _rows(
    case: Case,
    outcome: CaseOutcome,
    known: dict[str, _Concluded],
    names: Mapping[str, str],
    hosts: Mapping[str, str],
) -> Iterator[SweepRow]:
    found = known.get(outcome.result or "")
    row = SweepRow(
        case=case,
        status=outcome.status,
        reason=outcome.reason,
        machine=hosts.get(outcome.machine, outcome.machine),
        host=outcome.machine,
        wall_s=outcome.wall_s,
    )
    if found is None:
        if outcome.result:  # removed since: `sebench sweep --resume` measures it again
            lost = f"its result {outcome.result} is not in the store"
            row = replace(row, status="pending", reason=lost)
        yield row
        return
    row = replace(
        row, comparison=found.comparison, origin=found.origin, machine=names[found.origin.fingerprint]
    )
    for workload in found.workloads or (None,):
        yield replace(row, workload=workload)


# --- axes -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SweepAxis:
    """Something that differs between the cases of a sweep."""

    key: str
    """A field of `Workload` or `NetworkOptions`, or ``model``, ``variant``, ``baseline``, ``machine``."""
    label: str
    """Its heading."""
    read: Callable[[SweepRow], Fact]
    """Its value in a row; None where nobody said it and nothing was measured."""
    is_said: Callable[[Case], bool]
    """Whether a case sets it; otherwise it follows from the machine, the network or the phase."""
    values: tuple[Fact, ...] = ()
    """All there are: numbers ascending, others in the order of the matrix."""

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers, so that distances between them mean something."""
        return all(isinstance(value, int) for value in self.values)


def sweep_axes(rows: Sequence[SweepRow]) -> tuple[SweepAxis, ...]:
    """The axes that take more than one value, in the order of the catalogues."""
    found = (revised(axis, values=_ordered(map(axis.read, rows))) for axis in AXES)
    return tuple(axis for axis in found if len(axis.values) > 1)


def _ordered(values: Iterable[Fact]) -> tuple[Fact, ...]:
    distinct = [value for value in dict.fromkeys(values) if value is not None]
    numbers = [value for value in distinct if isinstance(value, int)]
    return tuple(sorted(numbers)) if len(numbers) == len(distinct) else tuple(distinct)


def _case_axis(key: str, label: str, read: Callable[[Case], Fact]) -> SweepAxis:
    return SweepAxis(key, label, lambda row: read(row.case), lambda _: True)


def _network_axis(option: NetworkOption) -> SweepAxis:
    def read(row: SweepRow) -> Fact:
        value = getattr(row.case.options, option.field)
        return option.words(value) if value else AS_USUAL

    return SweepAxis(option.field, option.option.removeprefix("--").replace("-", " "), read, lambda _: True)


def _workload_axis(option: WorkloadOption) -> SweepAxis:
    def asked(case: Case) -> Fact:
        if option.option is None:
            return None
        value: Fact = getattr(case.request, option.parameter)
        return None if value == _LEFT_TO_MACHINE else value

    def read(row: SweepRow) -> Fact:
        if row.workload is None:
            return asked(row.case)
        value = option.value(row.workload)
        return AS_USUAL if value is None else value

    # What nobody can say, such as emulation by smaller batches, sets apart what must not be compared.
    return SweepAxis(
        option.field, option.label, read, lambda case: option.option is None or asked(case) is not None
    )


def _input_axis() -> SweepAxis:
    """Without the batch, which is an axis of its own; the side alone where an image is square."""

    def read(row: SweepRow) -> Fact:
        request = row.case.request
        if row.workload is not None:
            return _size(image_text(row.workload))
        if request.input_shape is not None:
            shape = tuple(map(int, request.input_shape.split("x")))
            return _size(image_text(Workload(input_shape=shape)))
        return None if request.image_size is None else _size(str(request.image_size))

    return SweepAxis(
        SHAPE_OPTION.field,
        SHAPE_OPTION.label,
        read,
        lambda case: case.request.image_size is not None or case.request.input_shape is not None,
    )


def _size(text: str) -> Fact:
    height, _, width = text.partition("x")
    return int(height) if height.isdecimal() and width in ("", height) else text


AS_USUAL = "as usual"
"""Stands for nothing: an option of networks that a case does not say, or a batch that is not emulated."""
_LEFT_TO_MACHINE = "auto"
_MACHINE = "machine"

AXES: tuple[SweepAxis, ...] = (
    _case_axis("model", "network", lambda case: case.model),
    *map(_network_axis, NETWORK_OPTIONS),
    _case_axis("variant", "variant", lambda case: case.variant),
    _case_axis("baseline", "baseline", lambda case: case.baseline),
    *(
        _input_axis() if option.field == SHAPE_OPTION.field else _workload_axis(option)
        for option in WORKLOAD_OPTIONS
    ),
    SweepAxis(_MACHINE, "machine", lambda row: row.machine or None, lambda _: True),
)
"""Everything that can differ between cases, in the order in which a table has it."""


# --- what may be compared along an axis -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SweepLine:
    """Overheads at different values of one axis, with everything else that a case says alike."""

    fixed: tuple[tuple[SweepAxis, Fact], ...]
    """The other axes of the sweep with the value that they have all along the line."""
    rows: tuple[SweepRow, ...]
    """In the order of the axis; each has a ratio."""
    following: tuple[SweepAxis, ...]
    """Axes that no case of the line says and that differ along it: threads that follow the machine."""


def sweep_lines(
    rows: Sequence[SweepRow], axis: SweepAxis, axes: Sequence[SweepAxis]
) -> tuple[SweepLine, ...]:
    """What shows how the overhead depends on one axis.

    Args:
        rows: of a sweep; those without a ratio are passed over.
        axis: one of `axes`.
        axes: all that vary, from `sweep_axes`.

    Returns:
        In the order of the matrix, without those that have one value of the axis only.
    """
    others = [other for other in axes if other.key != axis.key]
    within = {other.key for other in others if _varies_within_cases(rows, other)}
    lines: dict[tuple[Fact, ...], list[SweepRow]] = {}
    for row in rows:
        if row.ratio is not None and axis.read(row) is not None:
            key = tuple(
                other.read(row) if other.is_said(row.case) or other.key in within else None
                for other in others
            )
            lines.setdefault(key, []).append(row)
    return tuple(
        _line(key, members, axis, others)
        for key, members in lines.items()
        if len({axis.read(row) for row in members}) > 1
    )


def _varies_within_cases(rows: Iterable[SweepRow], axis: SweepAxis) -> bool:
    """Whether one case has several values, such as the phases that nobody chose between."""
    seen: dict[str, Fact] = {}
    return any(seen.setdefault(row.case.id, axis.read(row)) != axis.read(row) for row in rows)


def _line(
    key: tuple[Fact, ...], members: Sequence[SweepRow], axis: SweepAxis, others: Sequence[SweepAxis]
) -> SweepLine:
    return SweepLine(
        fixed=tuple((other, value) for other, value in zip(others, key, strict=True) if value is not None),
        rows=tuple(sorted(members, key=lambda row: axis.values.index(axis.read(row)))),
        following=tuple(
            other
            for other, value in zip(others, key, strict=True)
            if value is None and len({other.read(row) for row in members}) > 1
        ),
    )
