"""One metric of a comparison as a table row: printed units and digits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sebench.paper.quotation import PaperFigure, latency_metric, paper_figures
from sebench.reporting.answers import ratio_text
from sebench.reporting.document import EMPTY, Cell, Column, Row, text_cell
from sebench.schema import Comparison, MetricComparison, Quantity, metric_label
from sebench.units import UNKNOWN, Scale, decimals_for, format_ratio, significant, unit_scale

_MAX_DIGITS = 5
_MAX_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class PaperPair:
    """The paper's figures for both sides of one metric; at least one is there."""

    baseline: PaperFigure | None
    candidate: PaperFigure | None

    @property
    def figures(self) -> tuple[PaperFigure, ...]:
        """Those there are."""
        return tuple(figure for figure in (self.baseline, self.candidate) if figure)


def columns(*, confidence: str, with_paper: bool) -> tuple[Column, ...]:
    """The columns of a comparison table; `confidence` is e.g. ``95 %``, or empty where it differs by row."""
    interval = f"{confidence} CI".strip()
    paper = (Column("paper_ratio", "paper", "right", detail="(ratio)"),) if with_paper else ()
    return (
        Column("model", "pair", role="group"),
        Column("metric", "metric"),
        Column("baseline", "baseline", "right"),
        Column("candidate", "candidate", "right"),
        Column("difference", "difference", "right"),
        Column("ratio", "ratio", "right", detail=f"[{interval}]", pinned=True),
        *paper,
        Column("grade", "grade"),
        Column("n", "n", role="fold"),
    )


def row(metric: MetricComparison, *, group: str, paper: PaperPair | None, with_paper: bool) -> Row:
    """The cells for `columns`."""
    scale = _scale(metric)
    baseline, candidate = _quantities(metric, scale)
    return (
        text_cell(group),
        Cell(_label_with_unit(metric, scale), metric.metric),
        baseline,
        candidate,
        _difference(metric, scale),
        _ratio(metric),
        *((_paper(paper, scale),) if with_paper else ()),
        Cell(_grade_text(metric), metric.grade),
        sizes_cell(metric),
    )


def _grade_text(metric: MetricComparison) -> str:
    if metric.exact:
        return "exact"
    if metric.grade is None:
        return UNKNOWN
    return metric.grade if metric.ratio.blocks or metric.status != "ok" else "info"


def label(metric: MetricComparison, scale: Scale | None = None) -> str:
    """A metric as a reader knows it; the paper prints multiply-adds as GFLOPs or MFLOPs."""
    if metric.metric == "paper_macs":
        return f"paper {(scale or _scale(metric)).unit}FLOPs"
    return metric_label(metric.metric)


def _label_with_unit(metric: MetricComparison, scale: Scale) -> str:
    # The paper's GFLOPs carry their unit in the name.
    return label(metric, scale) + (f" ({scale.unit})" if scale.unit and metric.metric != "paper_macs" else "")


def paper_pair(comparison: Comparison, metric: MetricComparison) -> PaperPair | None:
    """The paper's figures for `metric`, provided that both networks are as the paper built them."""
    name: str | None = metric.metric
    if metric.metric == "latency":
        name = latency_metric(metric.workload) if metric.workload else None
    if name is None:
        return None
    pair = PaperPair(
        *(paper_figures(comparison.model, v, name) for v in (comparison.baseline, comparison.candidate))
    )
    return pair if pair.figures else None


def _scale(metric: MetricComparison) -> Scale:
    known = [abs(side.value) for side in (metric.baseline, metric.candidate) if side.value is not None]
    return unit_scale(metric.unit, max(known)) if known else Scale(1.0, "")


def _quantities(metric: MetricComparison, scale: Scale) -> tuple[Cell, Cell]:
    decimals = _value_decimals(metric, scale)
    # Quartiles are as fine as they are apart; a value has the digits of the difference, too, which a reader
    # finds again between the sides.
    finer = decimals if metric.exact else max(decimals, _difference_decimals(metric, scale))
    baseline, candidate = (
        _quantity(side, scale, finer, decimals) for side in (metric.baseline, metric.candidate)
    )
    return baseline, candidate


def _value_decimals(metric: MetricComparison, scale: Scale) -> int:
    """Decimals for both sides: of five digits if exact, else as fine as the quartiles are apart."""
    sides = (metric.baseline, metric.candidate)
    largest = max((abs(side.value) / scale.factor for side in sides if side.value is not None), default=0.0)
    if metric.exact and scale.factor == 1:
        return 0
    limit = max(0, _MAX_DIGITS - 1 - math.floor(math.log10(largest))) if largest > 0 else 0
    if metric.exact:
        return limit
    spreads = [(s.q3 - s.q1) / scale.factor for s in sides if s.q1 is not None and s.q3 is not None]
    return min(limit, decimals_for(min(spreads, default=0.0)))


def _quantity(quantity: Quantity, scale: Scale, decimals: int, quartile_decimals: int) -> Cell:
    if quantity.value is None:
        return Cell(UNKNOWN)
    text = f"{quantity.value / scale.factor:.{decimals}f}"
    if quantity.q1 is None or quantity.q3 is None:
        return Cell(text, quantity.value)
    low, high = (f"{q / scale.factor:.{quartile_decimals}f}" for q in (quantity.q1, quantity.q3))
    return Cell(text, quantity.value, f"{low}-{high}")


def _difference(metric: MetricComparison, scale: Scale) -> Cell:
    found = metric.difference
    if found.estimate is None:
        return Cell(UNKNOWN)
    estimate = found.estimate / scale.factor
    if metric.exact:
        return Cell(_signed(significant(estimate, 4)), found.estimate)
    decimals = _difference_decimals(metric, scale)
    text = f"{estimate:+.{decimals}f}"
    if found.ci_low is None or found.ci_high is None:
        return Cell(text, found.estimate)
    low, high = (f"{limit / scale.factor:.{decimals}f}" for limit in (found.ci_low, found.ci_high))
    return Cell(text, found.estimate, f"[{low}, {high}]")


def _difference_decimals(metric: MetricComparison, scale: Scale) -> int:
    """As fine as the interval of a sampled difference; without one, four digits of it."""
    found = metric.difference
    if found.estimate is None:
        return 0
    if found.ci_low is None or found.ci_high is None:
        return min(_MAX_DECIMALS, decimals_for(abs(found.estimate) / scale.factor, 4))
    return min(_MAX_DECIMALS, decimals_for((found.ci_high - found.ci_low) / 2 / scale.factor))


def _signed(number: str) -> str:
    return number if number.startswith("-") or number in ("0", UNKNOWN) else f"+{number}"


def _ratio(metric: MetricComparison) -> Cell:
    if metric.ratio.estimate is None:
        return Cell("unavailable" if metric.status == "unavailable" else UNKNOWN)
    if metric.exact or not metric.ratio.blocks:
        return Cell(format_ratio(metric.ratio.estimate), metric.ratio.estimate)
    estimate, interval = ratio_text(metric.ratio)
    return Cell(estimate, metric.ratio.estimate, interval or "no interval")


def _paper(pair: PaperPair | None, scale: Scale) -> Cell:
    if pair is None:
        return EMPTY
    text = "/".join(_printed(figure, scale) for figure in (pair.baseline, pair.candidate))
    if pair.baseline is None or pair.candidate is None:
        return Cell(text)
    ratio = pair.candidate.value / pair.baseline.value
    return Cell(text, ratio, f"({format_ratio(ratio)})")


def _printed(figure: PaperFigure | None, scale: Scale) -> str:
    """The paper's own digits, with its unit only where the row is in another one."""
    if figure is None:
        return UNKNOWN
    return figure.text if float(figure.scale) == scale.factor else f"{figure.text} {figure.unit}"


def sizes_cell(metric: MetricComparison) -> Cell:
    """Sample sizes, e.g. ``6 x 8``: processes x blocks."""
    if metric.exact:
        return EMPTY
    ratio = metric.ratio
    if not ratio.blocks:
        return Cell(f"{ratio.processes} runs" if ratio.processes else "", 0)
    per_process, remainder = divmod(ratio.blocks, ratio.processes)
    blocks = f"{ratio.processes} x {'~' if remainder else ''}{per_process}"
    return Cell(blocks, ratio.blocks)
