"""What is concluded about one printed figure."""

from __future__ import annotations

from typing import Literal, get_args

from sebench.paper.figures import PublishedFigure
from sebench.schema import Value

FigureClass = Literal["reproduced", "within_tolerance", "contradicted", "not_reproducible", "quoted_only"]
CLASSES: tuple[FigureClass, ...] = get_args(FigureClass)

Origin = Literal["authors", "notes", "elsewhere"]
"""Who prints a figure: the authors, study notes about their papers, or a source of the user's own."""
ORIGINS: tuple[Origin, ...] = get_args(Origin)

_SECONDARY = ("secondary notes", "CVPR18 translated text")
_AUTHORS = ("CVPR18 ", "TPAMI ", "SENet README")


class AuditedFigure(Value, frozen=True, kw_only=True):
    """A printed figure with our own value and what follows."""

    figure: PublishedFigure
    verdict: FigureClass
    computed: float | None = None
    """In the printed unit."""
    computed_text: str = ""
    reason: str

    @property
    def origin(self) -> Origin:
        """Who prints the figure."""
        if self.figure.source.startswith(_SECONDARY):
            return "notes"
        return "authors" if self.figure.source.startswith(_AUTHORS) else "elsewhere"

    @property
    def of_the_paper(self) -> bool:
        """Printed by the authors themselves."""
        return self.origin == "authors"


def quoted(figure: PublishedFigure, reason: str) -> AuditedFigure:
    """A figure that is not recomputed, and why."""
    return AuditedFigure(figure=figure, verdict="quoted_only", reason=reason)
