"""The conditions that a command asks for, to the workloads that are measured under them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from sebench.errors import UsageError, near_matches
from sebench.profilers.environment import usable_cores
from sebench.profilers.selection import resolve_device
from sebench.schema import Dtype, Execution, MemoryFormat, Optimizer, Phase, Value, Workload

CPU_TRAINING_BATCH = 16
ACCELERATOR_TRAINING_BATCH = 256
"""The paper's minibatch (Section 4)."""


LARGEST_BATCH = 2**31
MOST_THREADS = 4096


class Conditions(Value, frozen=True, kw_only=True):
    """Everything about a step that is not the network; None leaves the choice to sebench."""

    device: str = "cpu"
    """A device of torch, e.g. ``cpu`` or ``cuda:0``."""
    phase: Phase | None = None
    batch_size: int | None = None
    """Images per step."""
    dtype: str = "float32"
    memory_format: MemoryFormat = "contiguous"
    threads: int = 1
    execution: Execution = "eager"
    optimizer: Optimizer = "none"
    world_size: int = 1
    """Ranks of a data-parallel training step."""


def conditions_here(
    *,
    device: str = "auto",
    phase: Phase | None = None,
    batch_size: int | None = None,
    dtype: str = "float32",
    memory_format: MemoryFormat = "contiguous",
    threads: int | None = None,
    execution: Execution = "eager",
    optimizer: Optimizer = "none",
    world_size: int = 1,
) -> Conditions:
    """Conditions on this machine: the device as torch spells it, and as many threads as cores are usable.

    Args:
        device: see `resolve_device`.
        phase: see `workloads`.
        batch_size: images per step; None leaves it to `workloads`.
        dtype: see `Dtype`.
        memory_format: of input and weights.
        threads: intra-op threads on the CPU, of each rank; None shares out the cores that may be used.
        execution: how steps run.
        optimizer: ``sgd`` includes the update of the weights.
        world_size: ranks of a data-parallel training step.

    Raises:
        UsageError: a word that is none of the choices.
        DeviceError: a device that is not there.
    """
    for option, value, choices in (
        ("--phase", phase, (None, *get_args(Phase))),
        ("--dtype", dtype, get_args(Dtype)),
        ("--memory-format", memory_format, get_args(MemoryFormat)),
        ("--exec", execution, get_args(Execution)),
        ("--optimizer", optimizer, get_args(Optimizer)),
    ):
        _require_choice(option, value, choices)
    return Conditions(
        device=resolve_device(device, world_size=world_size),
        phase=phase,
        batch_size=batch_size,
        dtype=dtype,
        memory_format=memory_format,
        threads=max(1, usable_cores() // max(1, world_size)) if threads is None else threads,
        execution=execution,
        optimizer=optimizer,
        world_size=world_size,
    )


def workloads(conditions: Conditions, image_shape: tuple[int, ...]) -> tuple[Workload, ...]:
    """What to measure.

    Without a phase that is what the paper's Section 4 reports: inference of a single image on the CPU, and on
    an accelerator the training step of a large batch too.

    Args:
        conditions: as asked for.
        image_shape: of one image, e.g. ``(3, 224, 224)``.

    Raises:
        UsageError: conditions that contradict each other.
    """
    _check(conditions)
    if conditions.phase is not None:
        return (_workload(conditions, conditions.phase, image_shape),)
    if conditions.device == "cpu":
        return (_workload(conditions, "inference", image_shape),)
    single_image = Conditions(threads=conditions.threads)
    return (
        _workload(single_image, "inference", image_shape),
        _workload(conditions, "training", image_shape),
    )


def require_batch_size(batch_size: int) -> None:
    """Refuse what is no number of images.

    Raises:
        UsageError: not positive, or beyond `LARGEST_BATCH`.
    """
    if batch_size < 1:
        raise UsageError(f"--batch-size {batch_size} is not positive")
    if batch_size > LARGEST_BATCH:
        raise UsageError(f"--batch-size is more than {LARGEST_BATCH}")


def default_batch_size(device: str, phase: Phase) -> int:
    """Images per step where nothing is said."""
    if phase == "inference":
        return 1
    return CPU_TRAINING_BATCH if device == "cpu" else ACCELERATOR_TRAINING_BATCH


def _workload(conditions: Conditions, phase: Phase, image_shape: tuple[int, ...]) -> Workload:
    batch_size = conditions.batch_size or default_batch_size(conditions.device, phase)
    world_size = conditions.world_size
    if batch_size % world_size:
        fewer = batch_size // world_size * world_size
        raise UsageError(
            f"--batch-size {batch_size} cannot be split evenly over --world-size {world_size}",
            hint=f"use --batch-size {fewer or world_size}",
        )
    return Workload(
        device=conditions.device,
        phase=phase,
        batch_size=batch_size,
        input_shape=(batch_size, *image_shape),
        dtype=conditions.dtype,
        memory_format=conditions.memory_format,
        threads=conditions.threads,
        execution=conditions.execution,
        optimizer=conditions.optimizer,
        world_size=world_size,
    )


def _check(conditions: Conditions) -> None:
    on_cpu = conditions.device == "cpu"
    trains = conditions.phase == "training" or (conditions.phase is None and not on_cpu)
    if conditions.threads < 1:
        raise UsageError(f"--threads {conditions.threads} is not positive")
    if conditions.threads > MOST_THREADS:
        raise UsageError(f"--threads is more than {MOST_THREADS}")
    if conditions.batch_size is not None:
        require_batch_size(conditions.batch_size)
    if on_cpu and conditions.dtype == "tf32":
        raise UsageError("--dtype tf32 exists on CUDA devices only", hint="use --dtype float32 on the CPU")
    if conditions.execution == "cudagraph" and not conditions.device.startswith("cuda"):
        raise UsageError(
            f"--exec cudagraph exists on CUDA devices only, not on {conditions.device}",
            hint="use --exec eager or --exec compile",
        )
    _check_ranks(conditions, trains=trains)
    if conditions.optimizer != "none" and not trains:
        raise UsageError(
            f"--optimizer {conditions.optimizer} needs a training step", hint="add --phase training"
        )


def _require_choice(option: str, value: str | None, choices: Sequence[str | None]) -> None:
    if value in choices:
        return
    words = [choice for choice in choices if choice is not None]
    hint = near_matches(str(value), words) or f"choose from {', '.join(words)}"
    raise UsageError(f"{option} {value!r} is no choice", hint=hint)


def _check_ranks(conditions: Conditions, *, trains: bool) -> None:
    world_size = conditions.world_size
    if world_size < 1:
        raise UsageError(f"--world-size {world_size} is not positive")
    if world_size > 1 and not trains:
        raise UsageError(f"--world-size {world_size} needs a training step", hint="add --phase training")
    if world_size > 1 and conditions.execution == "cudagraph":
        raise UsageError(
            f"--exec cudagraph cannot capture a step of --world-size {world_size}",
            hint="use --exec eager or --exec compile",
        )
