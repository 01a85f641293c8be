"""The headline of a report: the latency ratio of each pair under each workload."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sebench.reporting.document import Figure
from sebench.reporting.ratio_picture import RatioRow, latency_panel, latency_rows, split_place
from sebench.reporting.report.values import PairReport

KEY = "ratios"


def ratio_rows(pairs: Sequence[PairReport]) -> tuple[RatioRow, ...]:
    """In the order of the pairs; what was measured twice alike is told apart by the time of measurement."""
    dated = [(row, pair.created_at) for pair in pairs for row in latency_rows([pair.comparison])]
    alike = Counter((row.name, row.place) for row, _ in dated)
    return tuple(
        row
        if alike[row.name, row.place] == 1
        else replace(row, name=f"{row.name}, {created_at[:16].replace('T', ' ')}")
        for row, created_at in dated
    )


def ratios_figure(pairs: Sequence[PairReport]) -> Figure | None:
    """All ratios with their intervals, for the head of a report that has several; otherwise None."""
    place, rows = split_place(ratio_rows(pairs))
    panel = latency_panel(rows)
    if panel is None or len(panel.chart.y.categories) < 2:
        return None
    description = " ".join(((f"All rows: {place}.",) if place else ()) + panel.notes)
    return Figure(KEY, panel.title, description, panel.chart)
