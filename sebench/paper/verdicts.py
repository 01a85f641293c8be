"""What is concluded about one printed figure."""

from __future__ import annotations

from typing import Literal, get_args

from sebench.paper.figures import PublishedFigure
from sebench.schema import Value

FigureClass = Literal["reproduced", "within_tolerance", "contradicted", "not_reproducible", "quoted_only"]
CLASSES: tuple[FigureClass, ...] = get_args(FigureClass)

_SECONDARY = ("secondary notes", "CVPR18 translated text")


class AuditedFigure(Value, frozen=True, kw_only=True):
    """A printed figure with our own value and what follows."""

    figure: PublishedFigure
    verdict: FigureClass
    computed: float | None = None
    """In the printed unit."""
    computed_text: str = ""
    reason: str

    @property
    def of_the_paper(self) -> bool:
        """Printed by the authors themselves."""
        return not self.figure.source.startswith(_SECONDARY)


def quoted(figure: PublishedFigure, reason: str) -> AuditedFigure:
    """A figure that is not recomputed, and why."""
    return AuditedFigure(figure=figure, verdict="quoted_only", reason=reason)
