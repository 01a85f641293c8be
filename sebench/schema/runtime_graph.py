"""The graph that a runtime runs, and what differs between those of a pair."""

from __future__ import annotations

from typing import Literal

from sebench.schema.base import Value
from sebench.schema.conclusions import Interval
from sebench.schema.measurements import Finding
from sebench.schema.profile import Contrast
from sebench.schema.request import Pair, Workload

NodePart = Literal["squeeze", "excite", "scale", "reorder", "layer", "other"]
"""What a node is there for. A change of layout is a ``reorder`` wherever it is; ``layer`` and ``other`` are
the network's own nodes, with weights and without."""
GraphPartName = Literal["squeeze", "excite", "scale", "reorder", "fusion", "layer", "other"]
"""Parts of a difference: ``fusion`` are nodes that were part of a layer's node, and these layers."""


class GraphNode(Value, frozen=True, kw_only=True):
    """A node of a runtime's graph."""

    name: str
    op: str
    """As the runtime calls it."""
    ops: tuple[str, ...]
    """What it does, by the names of ONNX."""
    part: NodePart
    weight: tuple[int, ...] = ()
    """Shape of its first weight."""
    shape: tuple[int, ...] = ()
    """Of its first output; 0 where a size is not known."""
    times_s: tuple[float, ...] = ()
    """One per profiled step; none where the runtime gives no times."""


class GateNodes(Value, frozen=True, kw_only=True):
    """A gate of a runtime's graph."""

    squeeze: tuple[str, ...]
    """Names of its nodes, those included that only change a layout."""
    excite: tuple[str, ...]
    scale: tuple[str, ...]
    channels: int
    hidden: tuple[int, ...]
    reduction: str
    gate: str
    stage: str


class RuntimeGraph(Value, frozen=True, kw_only=True):
    """What a runtime runs for one network: nodes that do something, in order."""

    nodes: tuple[GraphNode, ...]
    gates: tuple[GateNodes, ...]
    idle: int = 0
    """Further nodes that the runtime says it does not run: views without work."""
    profiled_steps_s: tuple[float, ...] = ()
    """The steps that the nodes' times are of."""


class GraphSamples(Value, frozen=True, kw_only=True):
    """The graphs of a pair, and what the pair took without the runtime's profiler."""

    baseline: RuntimeGraph
    candidate: RuntimeGraph
    contrast: Contrast | None = None


class GraphPart(Value, frozen=True, kw_only=True):
    """One part of what differs; times are seconds per step, None where the runtime gives none."""

    part: GraphPartName
    baseline_nodes: int
    candidate_nodes: int
    baseline_s: float | None
    candidate_s: float | None

    @property
    def difference_s(self) -> float | None:
        """Candidate less baseline."""
        known = self.baseline_s is not None and self.candidate_s is not None
        return (self.candidate_s or 0) - (self.baseline_s or 0) if known else None


class NodeKind(Value, frozen=True, kw_only=True):
    """Nodes that do the same for the same reason."""

    part: NodePart
    op: str
    ops: tuple[str, ...]
    baseline_nodes: int
    candidate_nodes: int
    baseline_s: float | None
    candidate_s: float | None


class LostFusion(Value, frozen=True, kw_only=True):
    """What one node did in the baseline, and several do in the candidate."""

    was: tuple[str, ...]
    now: tuple[tuple[str, ...], ...]
    """The nodes that do it; fewer ops where some are done elsewhere."""
    times: int


class GraphComparison(Value, frozen=True, kw_only=True):
    """The graphs of a pair in one runtime, taken apart."""

    pair: Pair
    workload: Workload
    baseline_nodes: int
    candidate_nodes: int
    parts: tuple[GraphPart, ...]
    kinds: tuple[NodeKind, ...]
    fusions: tuple[LostFusion, ...]
    gates: tuple[GateNodes, ...]
    step_s: tuple[float, float] | None = None
    """Baseline and candidate without the runtime's profiler; None where nothing was timed."""
    profiled_step_s: tuple[float, float] | None = None
    """With it; None where it gives no times."""
    measured_difference: Interval | None = None
    measured_ratio: Interval | None = None
    blocks: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def explained_s(self) -> float | None:
        """The difference of the nodes' times, all parts together."""
        found = [part.difference_s for part in self.parts if part.difference_s is not None]
        return sum(found) if found else None

    @property
    def unexplained_s(self) -> float | None:
        """What the measured difference has beyond that of the nodes."""
        measured = self.measured_difference.estimate if self.measured_difference else None
        explained = self.explained_s
        return None if measured is None or explained is None else measured - explained

    @property
    def inflation_ratio(self) -> float | None:
        """What the runtime's profiler adds to a step of the candidate."""
        if self.step_s is None or self.profiled_step_s is None:
            return None
        return self.profiled_step_s[1] / self.step_s[1]
