"""What a gate asks of one pair under one workload."""

from __future__ import annotations

from collections.abc import Iterator

from sebench.analysis.question import Question
from sebench.schema import METRICS, CheckKind, Result, Session, Value


class Target(Value, frozen=True, kw_only=True):
    """Limits on a pair under one workload, of one kind."""

    kind: CheckKind
    session: Session
    limits: tuple[tuple[str, float], ...]
    """Metric and largest ratio allowed."""
    baseline: str
    """As the report calls it; likewise `candidate`."""
    candidate: str
    stored: Result | None = None

    @property
    def timed(self) -> bool:
        """Whether a limit needs more than counts and memory."""
        return any(METRICS[metric].kind == "sampled" for metric, _ in self.limits)

    def questions(self) -> Iterator[Question]:
        """One per limit."""
        for metric, limit in self.limits:
            yield Question(
                kind=self.kind,
                model=self.session.pair.candidate.model,
                baseline=self.baseline,
                candidate=self.candidate,
                metric=metric,
                limit=limit,
                workload=self.session.workload,
            )
