"""A metric over commits as a document and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from sebench.reporting.change_rows import pair_name
from sebench.reporting.contract import document_json
from sebench.reporting.document import Document, Paragraph
from sebench.reporting.trend_answers import commits_text, trend_answers
from sebench.reporting.trend_tables import change_table, point_table
from sebench.schema import Trend, metric_label

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
