"""A report as JSON, kind ``report``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sebench.analysis.costs import attention_totals, totals
from sebench.reporting.change import change_value
from sebench.reporting.contract import comparison_value, document_json, plain_value
from sebench.reporting.report.values import PairReport, Report
from sebench.schema import Change, ModelCost

_PLAIN = (
    *("label", "result", "created_at", "sebench", "command", "seed", "pair", "as_published"),
    *("stages", "policies", "distributions", "accuracies", "environment"),
)


def report_json(report: Report, changes: Sequence[Change] = ()) -> str:
    """The ``report`` document: all that the other formats show, and every block's ratio."""
    content = {
        "pairs": [_pair(pair) for pair in report.pairs],
        "changes": [change_value(change) for change in changes],
    }
    return document_json("report", content)


def _pair(pair: PairReport) -> dict[str, Any]:
    return {
        **{name: plain_value(getattr(pair, name)) for name in _PLAIN},
        "comparison": comparison_value(pair.comparison),
        "costs": [_cost(cost) for cost in pair.costs],
    }


def _cost(cost: ModelCost) -> dict[str, Any]:
    return {
        "model": cost.spec.model,
        "variant": cost.spec.variant,
        "input_shape": list(cost.cost.input_shape),
        "phase": cost.cost.phase,
        **plain_value(totals(cost.cost)),
        "sites": len(cost.cost.sites),
        "attention": plain_value(attention_totals(cost.cost)),
        "uncounted": plain_value(cost.cost.uncounted),
    }
