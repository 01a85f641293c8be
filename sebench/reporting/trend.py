"""A metric over commits as a document and as JSON; one sentence per change point leads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from sebench.reporting.answers import confidence_text, ratio_text
from sebench.reporting.change_rows import pair_name, ratio_cell, subject
from sebench.reporting.comparison import workload_text
from sebench.reporting.contract import document_json
from sebench.reporting.document import EMPTY, Cell, Column, Document, Paragraph, Row, Table, text_cell
from sebench.schema import ChangePoint, Interval, Ratio, Trend, TrendPoint, metric_label
from sebench.units import UNKNOWN, Scale, format_ratio, significant, unit_scale


def trend_answers(trend: Trend) -> tuple[str, ...]:
    """The newest change point first."""
    what = _subject(trend)
    if trend.change_points:
        newest_first = reversed(trend.change_points)
        return tuple(_change_answer(found, what, exact=trend.exact) for found in newest_first)
    now = _ratio_text(trend.points[-1].ratio, exact=trend.exact) if trend.points else UNKNOWN
    if trend.reason:
        return (f"No change points were sought, {trend.reason}: {what}, now {now}",)
    return (f"No change point in {commits_text(len(trend.points))}: {what}, now {now}",)


def commits_text(count: int) -> str:
    """E.g. ``12 commits``."""
    return f"{count} commit{'' if count == 1 else 's'}"


def level_ratio(level: Interval) -> Ratio:
    """The ratio of a level, as those that are printed."""
    return Ratio(estimate=level.estimate, ci_low=level.ci_low, ci_high=level.ci_high, method="level")


def _subject(trend: Trend) -> str:
    return f"{metric_label(trend.metric)} overhead of {subject(trend.pair)}"


def _change_answer(found: ChangePoint, what: str, *, exact: bool) -> str:
    before, after = (
        _ratio_text(level_ratio(level), exact=exact) for level in (found.level_before, found.level_after)
    )
    verdict = "Both networks changed" if found.verdict == "unchanged" else found.verdict.capitalize()
    change = f"change x{_ratio_text(found.change, exact=exact)}"
    sizes = f"{found.points_before} and {commits_text(found.points_after)}"
    grounds = "" if exact else f", {confidence_text(found.change.confidence)}, {sizes}"
    return (
        f"{verdict} from {found.after} on: {what}: {before} until {found.before}, then {after}; "
        f"{change}{grounds}"
    )


def _ratio_text(ratio: Ratio, *, exact: bool) -> str:
    if ratio.estimate is None:
        return UNKNOWN
    if exact:
        return format_ratio(ratio.estimate)
    return " ".join(part for part in ratio_text(ratio) if part)


_DAY, _DIGITS = 10, 5
_LIMIT_KEYS = ("level_before", "level_after", "change")
_FINGERPRINT_DIGITS = 12
RATIO = "ratio: candidate / baseline, mean over the processes of all results of a commit, on the log scale"
METHOD = (
    "change points: PELT (Killick et al. 2012) on the logarithms of the ratios, penalty {penalty:.3g}, noise "
    "{noise:.2g} % per commit, at least two commits per level; change: Welch's t over the commits of both "
    "levels (docs/history.md)"
)
NOISE = (
    "noise: the larger of the median standard error of the commits and the differences between neighbours; a "
    "change in the newest commit alone cannot be told from an outlier"
)
EXACT = "exact figures: a change point is where that of either network changes"
ABSOLUTE = (
    "baseline and candidate: medians of a commit's newest result; times of two sessions are not comparable"
)


def trend_document(trend: Trend) -> Document:
    """What became of one metric: each change point in a sentence, the commits, the notes on method.

    Args:
        trend: from `sebench.analysis.trend.trend`.
    """
    return Document(
        title=f"{pair_name(trend.pair)}: {metric_label(trend.metric)} over {commits_text(len(trend.points))}",
        body=(
            *(Paragraph(sentence, strong=True) for sentence in trend_answers(trend)),
            *((change_table(trend),) if trend.change_points else ()),
            point_table(trend),
        ),
        notes=tuple(_notes(trend)),
    )


def trend_json(trend: Trend) -> str:
    """The ``trend`` document."""
    plain: dict[str, Any] = msgspec.to_builtins(trend)
    names = {
        "model": trend.pair.model,
        "baseline": trend.pair.baseline_name,
        "candidate": trend.pair.candidate_name,
    }
    points = [
        {"label": point.label, **found} for point, found in zip(trend.points, plain["points"], strict=True)
    ]
    return document_json("trend", {**names, **plain, "points": points})


def _notes(trend: Trend) -> Iterator[str]:
    if trend.exact:
        yield EXACT
    else:
        yield RATIO
        yield ABSOLUTE
    if trend.penalty is not None and trend.noise is not None:
        yield METHOD.format(penalty=trend.penalty, noise=100 * trend.noise)
        yield NOISE
    yield f"set-up (fingerprint): {trend.fingerprint[:_FINGERPRINT_DIGITS]}"
    for left in trend.left_out:
        yield f"left out: {left.results} result{'' if left.results == 1 else 's'}: {left.reason}"
    yield from (f"{finding.code}: {finding.message}" for finding in trend.findings)


def change_table(trend: Trend) -> Table:
    """One row per change point."""
    columns = (
        Column("before", "last before"),
        Column("after", "first after"),
        Column("level_before", "level before", "right", detail="[CI]"),
        Column("level_after", "level after", "right", detail="[CI]"),
        Column("change", "change", "right", detail="[CI]"),
        Column("verdict", "verdict"),
        Column("commits", "commits"),
        *(Column(f"{key}_ci_{end}", "", role="data") for key in _LIMIT_KEYS for end in ("low", "high")),
    )
    rows = tuple(_change_row(found, exact=trend.exact) for found in trend.change_points)
    return Table("Change points", columns, rows)


def _change_row(found: ChangePoint, *, exact: bool) -> Row:
    ratios = (found.level_before, found.level_after, found.change)
    limits = (Cell("", limit) for ratio in ratios for limit in (ratio.ci_low, ratio.ci_high))
    return (
        text_cell(found.before),
        text_cell(found.after),
        ratio_cell(level_ratio(found.level_before), exact=exact),
        ratio_cell(level_ratio(found.level_after), exact=exact),
        ratio_cell(found.change, exact=exact),
        text_cell(found.verdict),
        text_cell(f"{found.points_before}, {found.points_after}"),
        *limits,
    )


_DATA_KEYS = (
    *("commit_id", "dirty", "ratio_ci_low", "ratio_ci_high", "standard_error"),
    *("confidence", "method", "scope", "blocks", "results"),
)


def point_table(trend: Trend) -> Table:
    """One row per commit."""
    scale = _scale(trend)
    unit = f" ({scale.unit})" if scale.unit else ""
    columns = (
        Column("commit", "commit"),
        Column("measured_at", "measured"),
        Column("ratio", "ratio", "right", detail="[CI]", pinned=True),
        Column("change", "change"),
        Column("baseline", f"baseline{unit}", "right", below=True),
        Column("candidate", f"candidate{unit}", "right", below=True),
        Column("grade", "grade"),
        Column("processes", "processes", role="fold"),
        *(Column(key, key, role="data") for key in _DATA_KEYS),
    )
    verdicts = {found.index: found for found in trend.change_points}
    rows = tuple(
        _point_row(point, verdicts.get(index), scale, exact=trend.exact)
        for index, point in enumerate(trend.points)
    )
    sizes = {trend.workload.input_shape} if trend.workload else set()
    return Table(workload_text(trend.workload, sizes), columns, rows)


def _point_row(point: TrendPoint, change: ChangePoint | None, scale: Scale, *, exact: bool) -> Row:
    ratio = point.ratio
    data = (
        *(point.commit, point.dirty, ratio.ci_low, ratio.ci_high, point.standard_error),
        *(None if exact else ratio.confidence, ratio.method, ratio.scope, ratio.blocks),
        " ".join(point.results),
    )
    return (
        text_cell(point.label),
        Cell(point.measured_at[:_DAY], point.measured_at),
        ratio_cell(ratio, exact=exact),
        text_cell(change.verdict) if change else EMPTY,
        _quantity(point.baseline, scale),
        _quantity(point.candidate, scale),
        Cell("exact" if exact else point.grade, point.grade),
        EMPTY if exact else Cell(str(ratio.processes), ratio.processes),
        *(Cell("", value) for value in data),
    )


def _scale(trend: Trend) -> Scale:
    known = [point.candidate for point in trend.points if point.candidate is not None]
    return unit_scale(trend.unit, max(known)) if known else Scale(1.0, "")


def _quantity(value: float | None, scale: Scale) -> Cell:
    if value is None:
        return EMPTY
    whole = isinstance(value, int) and scale.factor == 1
    return Cell(str(value) if whole else significant(value / scale.factor, _DIGITS), value)
