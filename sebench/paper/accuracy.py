"""Accuracies as the paper prints them (CVPR 2018: Tables 2, 3 and 7): quoted, for sebench trains nothing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sebench.paper.figures import PublishedFigure, published_figures
from sebench.paper.subjects import MODELS, subject_of
from sebench.schema import Value

SOURCES: Mapping[str, str] = {
    "CVPR18 Table 2": "Table 2",
    "CVPR18 Table 3": "Table 3",
    "CVPR18 Table 7": "Table 7",
}
"""Single-crop errors of the authors' own plain networks and of those with attention."""


class QuotedAccuracy(Value, frozen=True, kw_only=True):
    """Single-crop ImageNet validation errors of one network, in per cent and with the digits as printed."""

    model: str
    """In sebench's names."""
    variant: str
    top1_error: str
    top5_error: str | None = None
    source: str
    note: str = ""

    @property
    def top1_error_percent(self) -> float:
        """As a number."""
        return float(self.top1_error)


def quoted_accuracy(model: str, variant: str) -> QuotedAccuracy | None:
    """What the paper prints for one network as published, or None; of several sources the first.

    Args:
        model: sebench's name, e.g. ``resnet50``.
        variant: Canonical variant, e.g. ``se`` or ``se(r=8)``.

    Raises:
        DataFileError: the installed data file is missing or damaged.
    """
    return _index().get((model, variant))


@cache
def _index() -> Mapping[tuple[str, str], QuotedAccuracy]:
    known = frozenset(MODELS.values())
    found: dict[tuple[str, str, str], dict[str, PublishedFigure]] = {}
    for figure in published_figures():
        subject = subject_of(figure, known)
        if subject and figure.source in SOURCES and figure.number is not None:
            found.setdefault((subject.model, subject.variant, figure.source), {})[figure.metric] = figure
    index: dict[tuple[str, str], QuotedAccuracy] = {}
    for (model, variant, source), figures in found.items():
        if top1 := figures.get("top1_err"):
            top5 = figures.get("top5_err")
            quoted = QuotedAccuracy(
                model=model,
                variant=variant,
                top1_error=top1.value,
                top5_error=top5.value if top5 else None,
                source=SOURCES[source],
                note=top1.note,
            )
            index.setdefault((model, variant), quoted)
    return index
