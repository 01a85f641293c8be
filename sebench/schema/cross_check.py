"""What other counters say of a network, and why."""

from __future__ import annotations

from typing import Literal

from sebench.schema.base import Phase, Value
from sebench.schema.costs import UncountedOp
from sebench.schema.request import ModelSpec


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
