"""What is counted of a pair before it is measured: its costs, and whether it fits into memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from sebench.errors import BuildError, CountError
from sebench.runner.counting.counter import Counter, counted_dtype
from sebench.runner.planning.files import fixed_batch
from sebench.schema import ModelSpec, OpCost, SavedForBackward, Session, Side, StaticCost, Workload
from sebench.units import format_bytes

_ELEMENT_BYTES = {"float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2, "amp-bfloat16": 4}


@dataclass(frozen=True, slots=True)
class PairCosts:
    """Costs of the sides that can be counted, and why the others cannot."""

    costs: Mapping[Side, StaticCost]
    reasons: Mapping[Side, str]


def count_pair(session: Session, count: Counter) -> PairCosts:
    """Count both networks of a pair at batch 1: static metrics are per image and have no workload.

    A file that has another batch, and no other, is counted at that, and so is what it is compared with.

    Args:
        session: the pair, and a workload that says the input and the number format.
        count: counts both networks.

    Raises:
        BuildError: a network does not accept the input.
        WorkerError: a network's code ended the process that counted it.
    """
    shape = (fixed_batch(session.pair) or 1, *session.workload.input_shape[1:])
    dtype = counted_dtype(session.workload.dtype)
    sides: dict[Side, ModelSpec] = {"baseline": session.pair.baseline, "candidate": session.pair.candidate}
    costs: dict[Side, StaticCost] = {}
    reasons: dict[Side, str] = {}
    for side, spec in sides.items():
        try:
            costs[side] = count(spec, shape, dtype=dtype)
        except CountError as error:
            reasons[side] = str(error)
    return PairCosts(costs, reasons)


def count_saved(session: Session, count: Counter) -> SavedForBackward:
    """Count what both networks keep for the backward pass, at the batch that a process measures.

    Args:
        session: the pair and its training workload.
        count: counts both networks.

    Raises:
        CountError: a network cannot be counted.
    """
    workload = session.workload
    baseline, candidate = (
        count(spec, workload.rank_input_shape, phase="training", dtype=workload.dtype).saved
        for spec in (session.pair.baseline, session.pair.candidate)
    )
    return SavedForBackward(workload=workload, baseline=baseline, candidate=candidate)


def require_memory(session: Session, memory: Mapping[str, int | None], count: Counter) -> None:
    """Refuse a session on the CPU whose lower bound exceeds what is available; an accelerator says so itself.

    A network that cannot be counted is let through: its lower bound is not known.

    Args:
        session: the pair and its workload.
        memory: `Environment.memory`; unknown facts refuse nothing.
        count: counts both networks.

    Raises:
        BuildError: the batch is too large for this machine.
    """
    workload = session.workload
    known = [memory.get(name) for name in ("available_bytes", "limit_bytes")]
    available = min((value for value in known if value is not None), default=None)
    if workload.device != "cpu" or available is None:
        return
    # What autocast casts is not known; counting all activations in the shorter dtype stays a lower bound.
    dtype = workload.dtype.removeprefix("amp-")
    try:
        baseline, candidate = (
            count(spec, workload.input_shape, phase=workload.phase, dtype=dtype)
            for spec in (session.pair.baseline, session.pair.candidate)
        )
    except CountError:
        return
    needed = least_bytes(workload, baseline, candidate)
    if needed > available:
        raise BuildError(
            f"batch {workload.batch_size} of {session.pair.candidate.model} ({workload.phase}) needs "
            f"at least {format_bytes(needed)} of memory, {format_bytes(available)} are available",
            hint="choose a smaller --batch-size",
        )


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
