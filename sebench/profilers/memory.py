"""Peak memory of one step: what torch's allocator held, and what the process had resident."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from sebench.profilers.device import Step

WARM_STEPS = 3
_STATUS = Path("/proc/self/status")


def peak_bytes(
    module: nn.Module, step: Step, held: Iterable[torch.Tensor], device: str, *, bucket_bytes: int = 0
) -> int | None:
    """Most bytes that torch held at once during one warm step, weights and inputs included.

    The step starts without gradients, so that the figure does not depend on the step before.

    Args:
        module: the network; its parameters and buffers are counted in.
        step: runs one step; must have run before.
        held: the input and other tensors that live through the step.
        device: on an accelerator its allocator is asked; on the CPU the allocations of the step are added up.
        bucket_bytes: what a data-parallel wrapper keeps for gradients between steps (its buckets).

    Returns:
        Bytes, without the allocator's rounding on the CPU; None where torch cannot tell.
    """
    module.zero_grad(set_to_none=True)
    if torch.device(device).type != "cpu":
        torch.accelerator.memory.reset_peak_memory_stats()
        step()
        torch.accelerator.synchronize()
        return int(torch.accelerator.memory.max_memory_allocated())
    peak = _peak_of_allocations(step)
    if peak is None:
        return None
    resident = (*module.parameters(), *module.buffers(), *held)
    return peak + bucket_bytes + sum(tensor.nbytes for tensor in resident)


def _peak_of_allocations(step: Step) -> int | None:
    """Highest running sum of the allocations and releases that the profiler records."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        step()
    try:
        events = recorded.profiler.kineto_results.events()
        sizes = [(event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"]
    except AttributeError:  # not a public interface of torch
        return None
    held = peak = 0
    for _, size in sorted(sizes, key=lambda entry: entry[0]):
        held += size
        peak = max(peak, held)
    return peak if sizes else None


def peak_resident_bytes(status: Path = _STATUS) -> int | None:
    """Largest resident set of this process so far; only Linux tells it.

    Args:
        status: where Linux tells it.
    """
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def reserved_bytes(device: str) -> int | None:
    """Most that torch had taken from an accelerator; None on the CPU."""
    if torch.device(device).type == "cpu":
        return None
    return int(torch.accelerator.memory.max_memory_reserved())
