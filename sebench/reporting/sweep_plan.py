"""What a sweep would measure, before it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sebench.reporting.contract import document_json
from sebench.reporting.document import Cell, Column, Document, Paragraph, Table, text_cell
from sebench.reporting.records import CellValue
from sebench.schema import ASKED_OPTIONS, WorkloadOption, said
from sebench.schema.sweep import Case, CaseStatus
from sebench.units import format_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCase:
    """A case and what is known of it before it is measured."""

    case: Case
    status: CaseStatus
    """``skipped`` where it cannot be meant on this machine; ``done`` where an earlier run has it."""
    reason: str = ""
    expected_s: float
    """What it will take, or took."""

    @property
    def is_left(self) -> bool:
        """Whether it is still to be measured."""
        return self.status in ("pending", "failed")


def plan_document(name: str, planned: Sequence[PlannedCase]) -> Document:
    """What ``sebench sweep --dry-run`` shows.

    Args:
        name: of the sweep.
        planned: its cases.
    """
    # Which network and which variant is always said; all else only where cases differ in it.
    axes = [axis for axis in _AXES if axis in _AXES[:2] or len({axis.of(each.case) for each in planned}) > 1]
    left = sum(each.is_left for each in planned)
    counted = f"{left} case{'' if left == 1 else 's'} to measure"
    return Document(
        title=f"Sweep {name}",
        body=(
            Paragraph(f"{counted}, about {format_duration(_whole_s(planned))}", strong=True),
            Table(
                ", ".join(dict.fromkeys(_effort(each.case) for each in planned)),
                (
                    Column("id", "case"),
                    *(Column(axis.key, axis.label) for axis in axes),
                    Column("expected_s", "time", "right"),
                    Column("status", "status"),
                    Column("reason", "reason", wrap=True),
                ),
                tuple(_row(each, axes) for each in planned),
            ),
        ),
    )


def plan_json(name: str, planned: Sequence[PlannedCase]) -> str:
    """The ``sweep`` document of a sweep that was not run.

    Args:
        name: of the sweep.
        planned: its cases.
    """
    cases = [
        {
            "id": each.case.id,
            "status": each.status,
            "reason": each.reason or None,
            "result": None,
            "expected_s": each.expected_s,
            "model": each.case.model,
            "baseline": each.case.baseline,
            "candidate": each.case.variant,
            "workload": {option.parameter: value for option, value in said(each.case.request)},
            "effort": each.case.effort,
            "budget_s": each.case.budget_s,
            "timeout_s": each.case.timeout_s,
        }
        for each in planned
    ]
    return document_json("sweep", {"name": name, "expected_s": _whole_s(planned), "cases": cases})


def _whole_s(planned: Sequence[PlannedCase]) -> float:
    return sum(each.expected_s for each in planned if each.is_left)


def _effort(case: Case) -> str:
    budget = "" if case.budget_s is None else f", {case.budget_s:g} s each"
    limit = "" if case.timeout_s is None else f", at most {format_duration(case.timeout_s)}"
    return f"{case.effort}{budget}{limit}"


@dataclass(frozen=True, slots=True)
class _Axis:
    key: str
    label: str
    of: Callable[[Case], CellValue]


def _workload_axis(option: WorkloadOption) -> _Axis:
    return _Axis(option.parameter, option.label, lambda case: getattr(case.request, option.parameter))


_AXES = (
    _Axis("model", "network", lambda case: case.model),
    _Axis("variant", "variant", lambda case: case.variant),
    _Axis("baseline", "baseline", lambda case: case.baseline),
    *map(_workload_axis, ASKED_OPTIONS),
)


def _row(planned: PlannedCase, axes: Sequence[_Axis]) -> tuple[Cell, ...]:
    values = [axis.of(planned.case) for axis in axes]
    expected_s = None if planned.status == "skipped" else planned.expected_s
    return (
        text_cell(planned.case.id),
        *(Cell("" if value is None else str(value), value) for value in values),
        Cell("" if expected_s is None else format_duration(expected_s), expected_s),
        text_cell(planned.status),
        text_cell(planned.reason),
    )
