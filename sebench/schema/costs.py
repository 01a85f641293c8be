"""Static costs: what a network costs before any clock runs, here and as other counters have it."""

from __future__ import annotations

from typing import Literal

from sebench.schema.base import Phase, Value
from sebench.schema.gates import Gate
from sebench.schema.ranges import Count, Shape
from sebench.schema.request import ModelSpec


class OpCost(Value, frozen=True, kw_only=True):
    """Cost of one aten op in one module: sums over its `calls`."""

    op: str
    module: str
    """Fully qualified name of the innermost module; the root is ``""``."""
    stage: str
    """Paper numbering: ``stem``, ``2`` .. ``5``, ``head``; ``""`` where a network has no stages."""
    site: str | None = None
    """Path of the attention module it belongs to, if any."""
    part: str | None = None
    """Part of a gate that was found by data flow; None of attention that has a module for each part."""
    phase: Literal["forward", "backward"] = "forward"
    calls: Count = 1
    macs: Count = 0
    paper_macs: Count = 0
    flops: Count = 0
    bytes_read: Count = 0
    bytes_written: Count = 0


class SiteCost(Value, frozen=True, kw_only=True):
    """One place where an attention module sits."""

    path: str
    stage: str
    params: Count


class SavedBytes(Value, frozen=True, kw_only=True):
    """Activation bytes that autograd keeps for the backward pass, deduplicated by storage."""

    stage: str
    site: str | None
    saved_bytes: Count


class UncountedOp(Value, frozen=True, kw_only=True):
    """An op that has no formula: it is in no total, and every report says so."""

    op: str
    calls: Count


class StaticCost(Value, frozen=True, kw_only=True):
    """What a network costs before any clock runs; exact integers."""

    input_shape: Shape
    dtype: str = "float32"
    phase: Phase = "inference"
    params: Count
    buffers: Count
    """Elements of all buffers; params + buffers is what the paper's parameter column counts."""
    sites: tuple[SiteCost, ...] = ()
    ops: tuple[OpCost, ...] = ()
    saved: tuple[SavedBytes, ...] = ()
    uncounted: tuple[UncountedOp, ...] = ()
    captured: bool = False
    """Whether the network is a captured graph, because its attention is no module of its own."""
    gates: tuple[Gate, ...] = ()
    """Channel attention found by data flow; looked for in native networks only where it was asked for."""
    rewritten: tuple[tuple[str, Count], ...] = ()
    """Forms of torch's graph and of modules, and how many gates each has rewritten."""


class ModelCost(Value, frozen=True, kw_only=True):
    """A static cost with the network it belongs to."""

    spec: ModelSpec
    cost: StaticCost


class Attribution(Value, frozen=True, kw_only=True):
    """A part of the difference that a tool's own rule predicts."""

    op: str
    """An aten op, or the class of a module for tools that look at modules."""
    macs: int
    """Tool minus sebench."""
    why: str


class ToolCheck(Value, frozen=True, kw_only=True):
    """One tool's count of one network beside ours."""

    tool: str
    version: str | None = None
    macs: int | None = None
    difference: int | None = None
    """Tool minus sebench."""
    attributed: tuple[Attribution, ...] = ()
    unexplained: int | None = None
    """What is left of the difference after the predicted parts."""
    status: Literal["ok", "unavailable", "failed"] = "ok"
    reason: str | None = None


class CrossCheck(Value, frozen=True, kw_only=True):
    """All tools on one network."""

    spec: ModelSpec
    input_shape: tuple[int, ...]
    phase: Phase
    macs: int
    """Ours."""
    tools: tuple[ToolCheck, ...]
    uncounted: tuple[UncountedOp, ...] = ()
    """Ops that we have no formula for: in no total of ours."""
