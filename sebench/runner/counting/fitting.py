"""Batches that cannot fit are refused before the kernel's out-of-memory killer ends a worker."""

from __future__ import annotations

from collections.abc import Mapping

from sebench.analysis.footprint import least_bytes
from sebench.errors import BuildError, CountError
from sebench.runner.counting.counter import Counter
from sebench.schema import Session
from sebench.units import format_bytes


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
