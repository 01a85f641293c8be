"""What a command says of a workload, to the workloads that are measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, TypeVar

from msgspec.structs import replace

from sebench import models
from sebench.errors import UsageError, near_matches
from sebench.installation import extra_hint
from sebench.profilers.environment import usable_cores
from sebench.profilers.selection import resolve_device
from sebench.runner.planning.inputs import batch_of, parse_input_shape, require_batch_size
from sebench.schema import (
    RUNTIMES,
    PairPlan,
    Phase,
    RuntimeInfo,
    Workload,
    WorkloadRequest,
    runtime_info,
    said,
)

CPU_TRAINING_BATCH = 16
ACCELERATOR_TRAINING_BATCH = 256
"""The paper's minibatch (Section 4)."""


MOST_THREADS = 4096
R = TypeVar("R", bound=WorkloadRequest)


def on_this_machine(request: R) -> R:
    """A request with its device as torch spells it, and as many threads as each rank has usable cores.

    Args:
        request: as said; without a device it is the accelerator that torch finds, else the CPU.

    Raises:
        UsageError: a word that is none of the choices.
        DeviceError: a device that is not there.
    """
    for option, value in said(request):
        if option.choices and value not in option.choices:
            hint = near_matches(str(value), option.choices) or f"choose from {', '.join(option.choices)}"
            raise UsageError(f"{option.option} {value!r} is not a choice", hint=hint)
    ranks = 1 if request.world_size is None else request.world_size
    return replace(
        request,
        device=resolve_device("auto" if request.device is None else request.device, world_size=ranks),
        threads=max(1, usable_cores() // max(1, ranks)) if request.threads is None else request.threads,
    )


def workloads(request: WorkloadRequest, item_shape: tuple[int, ...]) -> tuple[Workload, ...]:
    """What to measure.

    Without a phase that is what the paper's Section 4 reports: inference of a single image on the CPU, and on
    an accelerator the training step of a large batch too.

    Args:
        request: with a device of torch; see `on_this_machine`. Without one it is the CPU.
        item_shape: of one item of the batch, e.g. ``(3, 224, 224)``.

    Raises:
        UsageError: options that contradict each other.
    """
    _check(request)
    if request.phase is not None:
        return (_workload(request, request.phase, item_shape),)
    if _device(request) == "cpu":
        return (_workload(request, "inference", item_shape),)
    single_image = WorkloadRequest(threads=request.threads)
    return (
        _workload(single_image, "inference", item_shape),
        _workload(request, "training", item_shape),
    )


def image_size(request: WorkloadRequest) -> models.ImageSize | None:
    """Height and width that were asked for; None leaves them to the network.

    Raises:
        UsageError: no size.
    """
    return None if request.image_size is None else models.parse_image_size(str(request.image_size))


def said_shape(request: WorkloadRequest) -> tuple[int, ...] | None:
    """Shape of the input that was asked for, batch in front; None leaves it to the network.

    Raises:
        UsageError: no shape.
    """
    return None if request.input_shape is None else parse_input_shape(request.input_shape)


def says_input(request: WorkloadRequest) -> bool:
    """Whether somebody says what the input is like."""
    return request.input_shape is not None or request.image_size is not None


def default_batch_size(device: str, phase: Phase) -> int:
    """Images per step where nothing is said."""
    if phase == "inference":
        return 1
    return CPU_TRAINING_BATCH if device == "cpu" else ACCELERATOR_TRAINING_BATCH


def _device(request: WorkloadRequest) -> str:
    return request.device or "cpu"


def _workload(request: WorkloadRequest, phase: Phase, item_shape: tuple[int, ...]) -> Workload:
    batch_size = batch_of(said_shape(request), request.batch_size)
    batch_size = batch_size or default_batch_size(_device(request), phase)
    world_size = request.world_size or 1
    if batch_size % world_size:
        fewer = batch_size // world_size * world_size
        raise UsageError(
            f"--batch-size {batch_size} cannot be split evenly over --world-size {world_size}",
            hint=f"use --batch-size {fewer or world_size}",
        )
    fields: dict[str, Any] = {option.field: value for option, value in said(request)}
    decided = {"phase": phase, "batch_size": batch_size, "input_shape": (batch_size, *item_shape)}
    return Workload(**{**fields, **decided})


def _check(request: WorkloadRequest) -> None:
    device = _device(request)
    on_cpu = device == "cpu"
    trains = request.phase == "training" or (request.phase is None and not on_cpu)
    if request.threads is not None and request.threads < 1:
        raise UsageError(f"--threads {request.threads} is not positive")
    if request.threads is not None and request.threads > MOST_THREADS:
        raise UsageError(f"--threads is more than {MOST_THREADS}")
    if request.batch_size is not None:
        require_batch_size(request.batch_size)
    batch_of(said_shape(request), request.batch_size)
    if on_cpu and request.dtype == "tf32":
        raise UsageError("--dtype tf32 exists on CUDA devices only", hint="use --dtype float32 on the CPU")
    _check_ranks(request.world_size, trains=trains)
    require_support(
        runtime_info(request.runtime or "eager"),
        device=device,
        phase="training" if trains else "inference",
        dtype=request.dtype or "float32",
        memory_format=request.memory_format or "contiguous",
        quantize=request.quantize or "none",
        world_size=request.world_size or 1,
    )
    require_installed(runtime_info(request.runtime or "eager"), quantize=request.quantize or "none")
    if request.optimizer not in (None, "none") and not trains:
        raise UsageError(
            f"--optimizer {request.optimizer} needs a training step", hint="add --phase training"
        )


def _check_ranks(world_size: int | None, *, trains: bool) -> None:
    if world_size is None:
        return
    if world_size < 1:
        raise UsageError(f"--world-size {world_size} is not positive")
    if world_size > 1 and not trains:
        raise UsageError(f"--world-size {world_size} needs a training step", hint="add --phase training")


def require_runtimes(planned: PairPlan) -> None:
    """Refuse sides with a runtime of their own that is not for these workloads, or not installed.

    Raises:
        UsageError: says what it does not go with.
    """
    for spec in (planned.pair.baseline, planned.pair.candidate):
        for workload in planned.workloads if spec.runtime else ():
            own = workload.of(spec)
            info = runtime_info(own.runtime)
            require_support(
                info,
                device=own.device,
                phase=own.phase,
                dtype=own.dtype,
                memory_format=own.memory_format,
                quantize=own.quantize,
                world_size=own.world_size,
            )
            require_installed(info, quantize=own.quantize)


def require_support(
    runtime: RuntimeInfo,
    *,
    device: str,
    phase: Phase,
    dtype: str,
    memory_format: str = "contiguous",
    quantize: str = "none",
    world_size: int,
    known: Sequence[RuntimeInfo] = RUNTIMES,
) -> None:
    """Refuse what a runtime cannot do.

    Args:
        runtime: that was asked for.
        device: as torch spells it.
        phase: of the step.
        dtype: number format.
        memory_format: layout of the input.
        quantize: what is quantized to.
        world_size: number of ranks.
        known: runtimes that a hint may name.

    Raises:
        UsageError: names the option that it does not go with, and the runtimes that do.
    """
    option = f"--runtime {runtime.name}"

    def others(can: Callable[[RuntimeInfo], bool]) -> str | None:
        names = [f"--runtime {other.name}" for other in known if can(other)]
        return f"use {' or '.join(names)}" if names else None

    if not runtime.runs_on(device):
        kinds = " and ".join(kind.upper() for kind in runtime.devices)
        raise UsageError(
            f"{option} exists on {kinds} devices only, not on {device}",
            hint=others(lambda other: other.runs_on(device)),
        )
    if not runtime.takes_ranks(world_size):
        raise UsageError(
            f"{option} cannot {runtime.verb} a step of --world-size {world_size}",
            hint=others(lambda other: other.runs_on(device) and other.takes_ranks(world_size)),
        )
    if phase not in runtime.phases:
        raise UsageError(
            f"{option} cannot {runtime.verb} a step of --phase {phase}",
            hint=others(lambda other: other.runs_on(device) and phase in other.phases),
        )
    if dtype not in runtime.dtypes:
        raise UsageError(
            f"{option} cannot {runtime.verb} a step of --dtype {dtype}",
            hint=others(lambda other: other.runs_on(device) and dtype in other.dtypes),
        )
    if quantize not in runtime.quantizations:
        raise UsageError(
            f"{option} cannot quantize: no --quantize {quantize}",
            hint=others(lambda other: other.runs_on(device) and quantize in other.quantizations),
        )
    if quantize != "none" and dtype != "float32":
        raise UsageError(
            f"--quantize {quantize} starts from float32, not from {dtype}", hint="leave out --dtype"
        )
    if memory_format not in runtime.memory_formats:
        raise UsageError(
            f"{option} chooses layouts itself: no --memory-format {memory_format}",
            hint=others(lambda other: other.runs_on(device) and memory_format in other.memory_formats),
        )


def require_installed(runtime: RuntimeInfo, *, quantize: str = "none") -> None:
    """Refuse a runtime whose packages are not there; imports none of them.

    Args:
        runtime: that was asked for.
        quantize: what is quantized to, which may take another package.

    Raises:
        UsageError: names them, and the extra that installs them.
    """
    quantizer = runtime.quantizer
    if quantize != "none" and quantizer and find_spec(quantizer) is None:
        raise UsageError(
            f"--quantize {quantize} --runtime {runtime.name} needs {quantizer} (not installed)",
            hint=extra_hint(quantizer),
        )
    missing = [name for name in runtime.needs if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"--runtime {runtime.name} needs {', '.join(missing)} (not installed)",
            hint=extra_hint(runtime.name),
        )
