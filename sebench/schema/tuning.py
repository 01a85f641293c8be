"""What tuning found: spellings of one network, variants within limits, or gates that can be dropped."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import structs

from sebench.schema.base import Value
from sebench.schema.conclusions import MetricComparison
from sebench.schema.metrics import METRICS
from sebench.schema.ranges import Count
from sebench.schema.request import ModelSpec, Workload

Preference = Literal["attention", "cost"]
"""What is wanted of the candidates within the limits: as much attention as fits, or the lowest latency."""
Fate = Literal["over", "same", "failed", "listed", "left", "finalist"]
"""What became of a candidate: it breaks an exact limit, is another candidate once more, cannot be built or
run, is listed without being measured, left the search in an early round, or was measured in the last."""
TuningVerdict = Literal["met", "not met", "undecided"]
"""Of a limit, by the interval of the second measurement: below it, above it, or around it."""


class Candidate(Value, frozen=True, kw_only=True):
    """One way to have the network."""

    variant: str
    latency: MetricComparison | None = None
    """Against the network as written; None where it could not be measured."""
    reason: str = ""
    """Why it could not."""
    is_spelling: bool = True
    """Whether it computes what the network computes; the plain network, shown for its distance, does not."""
    rewritten: dict[str, int] = msgspec.field(default_factory=dict)
    """How many gates each form has rewritten in torch's graph."""

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


# --- variants within limits -----------------------------------------------------------------------------


class Limit(Value, frozen=True, kw_only=True):
    """How much a metric may be, over the plain network."""

    metric: str
    ratio: float

    def __str__(self) -> str:
        return f"{self.metric}:{self.ratio:g}"


class ExactCost(Value, frozen=True, kw_only=True):
    """What is counted of a network, per image and forward."""

    params: Count
    macs: Count
    paper_macs: Count
    flops: Count
    bytes: Count
    """In and out of all ops."""
    sites: Count
    """Places with attention."""
    attention_params: Count

    def ratio(self, metric: str, plain: ExactCost) -> float:
        """Of one metric, over the plain network; infinite where that has none of it."""
        own: int = getattr(self, metric)
        base: int = getattr(plain, metric)
        return own / base if base else float("inf")


EXACT_METRICS: tuple[str, ...] = tuple(
    metric.name for metric in METRICS.values() if (metric.kind, metric.source) == ("exact", "cost")
)
"""Fields of `ExactCost` that a limit may be set on."""


class SearchCandidate(Value, frozen=True, kw_only=True):
    """One variant of a search."""

    variant: str
    fate: Fate
    cost: ExactCost | None = None
    """None where it could not be counted."""
    reason: str = ""
    """Why it is no finalist."""
    rounds: int = 0
    """In how many it was measured."""
    latency: MetricComparison | None = None
    """Against the plain network, in the last of these; of a finalist with the corrected interval."""

    @property
    def ratio(self) -> float | None:
        """Its latency over that of the plain network."""
        return None if self.latency is None else self.latency.ratio.estimate


class SearchRound(Value, frozen=True, kw_only=True):
    """One round of measurements, as it is planned."""

    candidates: int
    processes: int
    """Fresh ones for each candidate."""
    blocks: int
    """Fewest of each process."""
    each_s: float
    """Seconds of measuring for each candidate."""
    is_last: bool = False


class Search(Value, frozen=True, kw_only=True):
    """Variants within limits: what each costs exactly, what those that matter cost in time, and the best."""

    spec: ModelSpec
    """The plain network."""
    workload: Workload
    plain: ExactCost
    limits: tuple[Limit, ...]
    prefer: Preference
    candidates: tuple[SearchCandidate, ...]
    """By bytes, then by parameters; those that could not be counted come last."""
    planned: tuple[SearchRound, ...]
    """Rounds that it takes, of the candidates within the exact limits."""
    planned_s: float
    """All of it, the second measurement included."""
    confidence: float = 0.95
    """With which all intervals of the last round hold together."""
    is_published: bool = False
    """Whether the paper's accuracies are about this network at this input."""
    pareto: tuple[str, ...] = ()
    """Finalists that no other beats in everything."""
    winner: str | None = None
    confirmed: MetricComparison | None = None
    """The winner once more, in fresh processes with another seed and weights."""
    confirming: str = ""
    """Why there is no second measurement, where one was wanted."""
    verdict: TuningVerdict | None = None
    """On the limit of latency, by the second measurement; None without such a limit, or without a winner."""


# --- gates that can be dropped --------------------------------------------------------------------------


NOT_MEASURED = "not measured"
"""Why most gates of a long network have no latency: they move few bytes."""
TO_BE_MEASURED = "to be measured"
"""Why a gate has no latency after a dry run that would measure it."""


class GateCost(Value, frozen=True, kw_only=True):
    """One gate: what it costs exactly, and what the network takes without it."""

    path: str
    stage: str
    variant: str
    """The network without it."""
    params: Count
    macs: Count
    bytes: Count
    latency: MetricComparison | None = None
    """The network without it against the network as it is: below 1 is what dropping it saves."""
    reason: str = ""
    """Why it was not measured; after a dry run, whether it would be."""
    rank: tuple[int, int] | None = None
    """First and last place among those measured that the intervals leave it: 1 saves most."""

    @property
    def ratio(self) -> float | None:
        """Latency without it over latency with it."""
        return None if self.latency is None else self.latency.ratio.estimate


class DropRanking(Value, frozen=True, kw_only=True):
    """The gates of a network: those measured by what dropping them saves, then the others by their bytes."""

    spec: ModelSpec
    """The network as it is."""
    workload: Workload
    gates: tuple[GateCost, ...]
    planned_s: float
    confidence: float = 0.95
    """With which all intervals hold together."""
    confirmed: MetricComparison | None = None
    """The first of them once more, in fresh processes with another seed and weights."""
    confirming: str = ""
    """Why there is no second measurement, where one was wanted."""
