"""The least memory that a pair needs for its steps, from counts alone."""

from __future__ import annotations

from math import prod

from sebench.schema import OpCost, StaticCost, Workload

_ELEMENT_BYTES = {"float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2, "amp-bfloat16": 4}


def least_bytes(workload: Workload, baseline: StaticCost, candidate: StaticCost) -> int:
    """A lower bound of what one worker process holds at its peak, in bytes.

    Both networks live in it, and the input. Their steps run in turn, so activations count once, for the side
    that needs more: in training what is saved for backward, beside the gradients that the other side's step
    has left (its own come into being as activations go); in inference what the largest operation reads and
    writes beyond weights and input.

    Args:
        workload: of the steps.
        baseline: counted at the workload's batch and phase; of autocast in its shorter dtype.
        candidate: counted in the same way.
    """
    element_bytes = _ELEMENT_BYTES[workload.dtype]
    batch = element_bytes * prod(workload.input_shape)
    weights = [element_bytes * (cost.params + cost.buffers) for cost in (baseline, candidate)]
    if workload.phase == "training":
        in_step = [
            _saved_bytes(side) + element_bytes * other.params
            for side, other in ((baseline, candidate), (candidate, baseline))
        ]
    else:
        in_step = [_largest_op_bytes(baseline) - batch - weights[0]]
        in_step += [_largest_op_bytes(candidate) - batch - weights[1]]
    return sum(weights) + batch + max(0, *in_step)


def _saved_bytes(cost: StaticCost) -> int:
    return sum(saved.saved_bytes for saved in cost.saved)


def _largest_op_bytes(cost: StaticCost) -> int:
    """What the operation with most data holds at once; one that works in place writes where it has read."""
    return max((_held_bytes(op) // op.calls for op in cost.ops), default=0)


def _held_bytes(op: OpCost) -> int:
    return op.bytes_read + (0 if op.op.endswith("_") else op.bytes_written)
