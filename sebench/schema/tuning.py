"""What tuning found: spellings of one network, measured against the one that its author chose."""

from __future__ import annotations

from msgspec import structs

from sebench.schema.base import Value
from sebench.schema.conclusions import MetricComparison
from sebench.schema.request import ModelSpec, Workload


class Candidate(Value, frozen=True, kw_only=True):
    """One way to have the network."""

    variant: str
    latency: MetricComparison | None = None
    """Against the network as written; None where it could not be measured."""
    reason: str = ""
    """Why it could not."""
    is_spelling: bool = True
    """Whether it computes what the network computes; the plain network, shown for its distance, does not."""

    @property
    def ratio(self) -> float | None:
        """Its latency over that of the network as written."""
        return None if self.latency is None else self.latency.ratio.estimate


class Tuning(Value, frozen=True, kw_only=True):
    """Candidates in the order in which they were measured, and the fastest measured once more."""

    spec: ModelSpec
    """The network as written."""
    workload: Workload
    candidates: tuple[Candidate, ...]
    confirmed: Candidate | None = None
    """The fastest in fresh processes with another seed. The best of several was also lucky; this is not."""

    @property
    def fastest(self) -> Candidate | None:
        """The spelling with the lowest ratio; None where none is below 1."""
        measured = [each for each in self.candidates if each.is_spelling and each.ratio is not None]
        best = min(measured, key=lambda each: each.ratio or 0.0, default=None)
        return best if best is not None and best.ratio is not None and best.ratio < 1 else None

    @property
    def fastest_spec(self) -> ModelSpec:
        """The network in its fastest spelling; as written where no form is faster."""
        return self.spec if self.fastest is None else structs.replace(self.spec, variant=self.fastest.variant)

    @property
    def is_faster(self) -> bool:
        """Whether the interval of the fastest, from its second measurement if it had one, lies below 1."""
        told = self.confirmed or self.fastest
        high = None if told is None or told.latency is None else told.latency.ratio.ci_high
        return high is not None and high < 1
