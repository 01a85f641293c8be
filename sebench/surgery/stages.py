"""The resolution at which ops and modules work, as the stride from the input: the stages of any network."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from sebench.counters.recording import ModuleCall, Op
from sebench.surgery.dataflow import Dataflow

HEAD = "head"
"""What comes after the last feature map."""
_IMAGE = 4
_SEQUENCE = 3
_EXACT_UP_TO = 16
_EXACT = 0.005
_NEAR = 0.25
_LEAST = 0.9


def stage_of(flow: Dataflow, shape: tuple[int, ...]) -> str:
    """The stage of a feature map: ``stride 8``; `HEAD` for what has no extent at all.

    Maps may have their channels in front or behind, lie in windows (more samples than the input), or be
    sequences of tokens.
    """
    return _stage(flow.extents, flow.batch_size, shape)


@lru_cache(maxsize=4096)
def _stage(whole: tuple[int, ...], batch_size: int, shape: tuple[int, ...]) -> str:
    if len(shape) < _SEQUENCE or not whole or 0 in shape:
        return HEAD
    batch = max(1, shape[0] // batch_size)
    positions = batch * math.prod(_extents(whole, shape))
    return f"stride {_stride((math.prod(whole) / positions) ** (1 / len(whole)))}"


def _extents(whole: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of a feature map that are positions."""
    dimensions = len(whole)
    if len(shape) == dimensions + 2:
        front, behind = shape[2:], shape[1:-1]
        return front if _distortion(whole, front) <= _distortion(whole, behind) else behind
    if len(shape) > dimensions + 2:  # branches of a split
        return shape[-dimensions:]
    return shape[1:2] if len(shape) == _SEQUENCE else shape[-dimensions:]


def _distortion(whole: tuple[int, ...], extents: tuple[int, ...]) -> float:
    """How unlike a scaled-down input this is; beyond all bounds where it is larger than the input."""
    ratios = [full / extent for full, extent in zip(whole, extents, strict=True)]
    return math.inf if min(ratios) < _LEAST else max(ratios) / min(ratios)


def _stride(ratio: float) -> int:
    """Extents are rounded where they are halved: 300 pixels become 10, which is stride 32."""
    nearest = max(1, round(ratio))
    if ratio <= _EXACT_UP_TO and abs(ratio - nearest) <= _EXACT * ratio:
        return nearest
    exponent = max(0, round(math.log2(max(ratio, 1))))
    return 2**exponent if abs(math.log2(max(ratio, 1)) - exponent) <= _NEAR else nearest


def stages_of(flow: Dataflow, gates: Collection[int] = ()) -> Mapping[str, str]:
    """The stage of each module that says one, by name; what lies in a module has its stage otherwise.

    Args:
        flow: of a recording.
        gates: indices of the ops that belong to a gate; modules of which are a part of their surroundings.
    """
    stages: dict[str, str] = {"": HEAD}
    owned = frozenset(gates)
    for call in flow.recording.calls:
        stage = _stage_of_call(flow, call, owned)
        if stage is not None and call.path:
            stages[call.path] = stage
    return stages


def _stage_of_call(flow: Dataflow, call: ModuleCall, gates: frozenset[int]) -> str | None:
    stage = _stage_of_largest(flow, call.outputs)
    if stage is not None or call.first == call.last:
        return stage
    return HEAD if gates.isdisjoint(range(call.first, call.last)) else None


def stage_of_op(flow: Dataflow, op: Op) -> str | None:
    """The stage of what an op makes; None where that has no extent."""
    return _stage_of_largest(flow, op.outputs)


def _stage_of_largest(flow: Dataflow, values: Sequence[int]) -> str | None:
    """The stage of the value with the most axes, of those that have an extent; None where none has."""
    spatial, known = flow.spatial, flow.recording.values
    shapes = [known[value].shape for value in values if spatial[value]]
    return stage_of(flow, max(shapes, key=len)) if shapes else None
