"""What the stages of a pair keep for the backward pass, as a table."""

from __future__ import annotations

from sebench.reporting.document import Cell, Column, Row, Table
from sebench.schema import Comparison, SavedStage
from sebench.units import UNKNOWN, bytes_scale, format_ratio, significant

TITLE = "Saved for backward by stage"
_NOTE = "a tensor counts where it is kept first: what attention puts out, where it is read next"
_DIGITS = 5


def saved_table(comparison: Comparison, *, group: str = "") -> Table:
    """Bytes by stage of both sides, exact, and their sum.

    Args:
        comparison: with stages.
        group: names the pair where there are several.
    """
    stages = comparison.saved_by_stage
    whole = SavedStage(
        stage="all",
        baseline_bytes=sum(stage.baseline_bytes for stage in stages),
        candidate_bytes=sum(stage.candidate_bytes for stage in stages),
    )
    scale = bytes_scale(whole.candidate_bytes)
    columns = (
        Column("stage", "stage"),
        *(
            Column(key, title, "right", detail=f"({scale.unit})")
            for key, title in (
                ("baseline_bytes", "baseline"),
                ("candidate_bytes", "candidate"),
                ("difference_bytes", "difference"),
            )
        ),
        Column("saved_ratio", "ratio", "right"),
    )
    rows = tuple(_row(stage, scale.factor) for stage in (*stages, whole))
    return Table(f"{TITLE}, {group}" if group else TITLE, columns, rows, (_NOTE,))


def _row(stage: SavedStage, factor: float) -> Row:
    difference = stage.candidate_bytes - stage.baseline_bytes
    ratio = stage.candidate_bytes / stage.baseline_bytes if stage.baseline_bytes else None
    return (
        Cell(stage.stage or "(none)", stage.stage),
        _bytes(stage.baseline_bytes, factor),
        _bytes(stage.candidate_bytes, factor),
        _bytes(difference, factor),
        Cell(UNKNOWN if ratio is None else format_ratio(ratio), ratio),
    )


def _bytes(value: int, factor: float) -> Cell:
    return Cell(significant(value / factor, _DIGITS), value)
