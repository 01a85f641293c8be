"""A module that exists, profiled by a copy in this process; the caller's module and settings stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn

from sebench import counters
from sebench.counters.live import LiveCopy
from sebench.counters.placeholders import isolated_from_caller
from sebench.errors import BuildError, SebenchError
from sebench.models import message_of
from sebench.profilers.device import Device, Step
from sebench.profilers.inputs import make_source
from sebench.profilers.ops import profile_ops
from sebench.profilers.runtime import runtime_facts
from sebench.profilers.selection import select_device
from sebench.schema import OpSample, StaticCost, Workload
from sebench.worker.preparing import ready_step

PREPARED_STEPS = 3


class MeasuredModule(NamedTuple):
    """What was found out about a module."""

    ops: tuple[OpSample, ...]
    profiled_steps_s: tuple[float, ...]
    steps_s: tuple[float, ...]
    """The same steps without the profiler, in between."""
    cost: StaticCost | None
    reason: str | None
    """Why it could not be counted."""
    runtime: dict[str, Any]


def profile_module(
    module: nn.Module,
    workload: Workload,
    *,
    steps: int,
    seed: int,
    sites: Sequence[str] = (),
    stages: Mapping[str, str],
) -> MeasuredModule:
    """Count a module and time every op of a copy of it.

    Args:
        module: any eager module; it is only read.
        workload: of the steps.
        steps: to profile, and as many without the profiler.
        seed: of the input and what a training step draws.
        sites: names of its attention modules.
        stages: stage label by module name.

    Raises:
        UsageError: there is no module of such a name.
        BuildError: it cannot be copied, or does not run on this input.
        WorkerError: training of a module without an output that has a gradient.
    """
    cost, reason = _counted(module, workload, sites, stages)
    with _caller_untouched(workload):
        device = select_device(workload)
        copy = LiveCopy(module, training=workload.phase == "training", sites=sites, stages=stages)
        step = _ready(copy.module, workload, seed, device)
        for _ in range(PREPARED_STEPS):
            step()
        ops, profiled_s, plain_s = profile_ops(step, device, steps, copy.attributed)
        return MeasuredModule(ops, profiled_s, plain_s, cost, reason, runtime_facts(device.name))


def _counted(
    module: nn.Module, workload: Workload, sites: Sequence[str], stages: Mapping[str, str]
) -> tuple[StaticCost | None, str | None]:
    """Its counts, or why there are none: what cannot be counted may run all the same."""
    if workload.dtype.startswith("amp-"):
        return None, "autocast inserts casts and shortens tensors in ways that the counter does not know"
    try:
        found = counters.count(
            module,
            workload.input_shape,
            phase=workload.phase,
            dtype=workload.dtype,
            sites=sites,
            stages=stages,
        )
    except BuildError as error:
        return None, error.message
    return found, None


def _ready(module: nn.Module, workload: Workload, seed: int, device: Device) -> Step:
    source = make_source(workload, seed=seed)
    try:
        return ready_step(module, source, workload, seed, device)
    except SebenchError:
        raise
    except Exception as error:
        shape = "x".join(map(str, workload.input_shape))
        reason = message_of(error) or type(error).__name__
        raise BuildError(
            f"{type(module).__name__} does not run on {shape}: {reason}", hint="check input_shape"
        ) from error


@contextmanager
def _caller_untouched(workload: Workload) -> Iterator[None]:
    """Threads, random numbers and numeric settings of this process as they were."""
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    cudnn = torch.backends.cudnn
    allow_tf32, benchmark = cudnn.allow_tf32, cudnn.benchmark
    kind = workload.device.partition(":")[0]
    accelerators = () if kind == "cpu" else (torch.device(workload.device),)
    current = torch.accelerator.current_device_index() if accelerators else None
    try:
        with torch.random.fork_rng(accelerators, device_type=kind), isolated_from_caller():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        cudnn.allow_tf32, cudnn.benchmark = allow_tf32, benchmark
        if current is not None:
            torch.accelerator.set_device_index(current)
