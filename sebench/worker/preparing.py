"""From a request to steps that can be timed: networks built, checked, and run once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import torch
from msgspec.structs import replace
from torch import nn

from sebench import models, surgery
from sebench.errors import UsageError, WorkerError
from sebench.inputs import Inputs
from sebench.models.initialisation import sharing_weights
from sebench.profilers.device import Device, RestoredStep, Step
from sebench.profilers.inputs import OwnInput, as_in_workload, make_source
from sebench.profilers.latency import Heartbeat, no_heartbeat
from sebench.profilers.runtimes import FILE_RUNTIMES, PREPARE, Batch, PreparedStep
from sebench.profilers.runtimes.exported import APART
from sebench.profilers.workload import (
    check_finite,
    check_finite_gradients,
    check_gradients,
    gradient_bytes,
    module_dtype,
)
from sebench.schema import ASIS, OWN_FACTS, ModelSpec, Quantized, Side, Workload, runtime_info
from sebench.surgery.files import make_file_inputs, write_file
from sebench.worker.channel import Build, Fatal, guarded
from sebench.worker.protocol import (
    Exported,
    ExportRequest,
    GraphRequest,
    MemoryRequest,
    ProfileRequest,
    Request,
    SideRequest,
    WriteRequest,
)

CALIBRATION_BATCHES = 8
"""Activations of random inputs vary little from batch to batch."""
About = Callable[[str], None]
"""Told which network's code runs from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSide:
    """One network of a pair, ready."""

    label: str
    module: nn.Module | None
    """None where the step is that of a file."""
    workload: Workload
    step: Step
    restored: RestoredStep
    """The same step, its input brought back first."""
    input: OwnInput
    writes_input: bool
    facts: Mapping[str, object]
    """What the runtime says of itself."""
    compile_s: float | None
    """What compiling, capturing or loading took; None where the runtime does none of it."""
    gradient_bytes: int | None
    """What ranks exchange in a step; a single one does not."""

    def require_sound(self, steps_per_segment: int) -> None:
        """Check, after the last block, what would make its times those of another step.

        Args:
            steps_per_segment: as many steps may follow each other on one input, where steps are not timed
                one by one.

        Raises:
            Fatal: it began to write to its input, or what it computes is not finite any more.
        """
        try:
            if not self.writes_input and self.input.is_changed():
                raise WorkerError(
                    f"{self.label} began to write to its input after it had been run",
                    hint="let it work on a copy (x.clone())",
                )
            if self.workload.phase == "training" and self.module is not None:
                check_finite_gradients(self.module, self.label)
                return
            output = guarded(self.restored)
            if self.writes_input and self.workload.device != "cpu":
                for _ in range(steps_per_segment - 1):
                    output = guarded(self.step)
            check_finite(output, self.label)
        except WorkerError as error:
            raise Fatal("output", str(error)) from error


def build_module(spec: ModelSpec, seed: int, workload: Workload, beside: ModelSpec | None) -> nn.Module:
    """The network of `spec` with weights drawn from `seed`, to be compared with `beside`.

    What its own code imports only while it runs is found in the current folder, after everything else.
    """
    built = surgery.build(
        spec, seed=seed, input_shape=workload.rank_input_shape, phase=workload.phase, beside=beside
    )
    if models.is_users_own(spec):
        models.search_last(Path.cwd())
    return built.module


def prepare(
    request: Request,
    build: Build,
    device: Device,
    rank: int = 0,
    *,
    alive: Heartbeat = no_heartbeat,
    about: About = lambda label: None,
) -> dict[Side, PreparedSide]:
    """Build in the drawn order (addresses differ between processes), then check both outputs.

    Args:
        request: the pair and its workload.
        build: makes a network.
        device: clock and barrier.
        rank: whose part of the batch.
        alive: told after every phase.
        about: told which network's code runs.

    Raises:
        Fatal: a network does not build or run, or its output is not finite.
    """
    specs: dict[Side, ModelSpec] = {"baseline": request.pair.baseline, "candidate": request.pair.candidate}
    sources: dict[tuple[str | None, torch.dtype], Inputs] = {}
    prepared: dict[Side, PreparedSide] = {}
    for side in request.build_order:
        about(specs[side].label)
        spec = specs[side]
        # A file says itself what it is fed.
        own = spec.model if models.exported_file(spec.model) is not None else None
        fed = spec.example_inputs or own, module_dtype(request.workload.of(spec))
        if fed not in sources:
            sources[fed] = guarded(partial(source_for, spec, request, rank))
        folder = request.exported.get(side)
        drawn = next((each.module for each in prepared.values() if _draws_alike(request)), None)
        with sharing_weights(drawn):
            prepared[side] = prepare_side(
                spec, sources[fed], request, build, device, exported=folder, rank=rank, alive=alive
            )
    about("")
    return prepared


def _draws_alike(request: Request) -> bool:
    """Whether both networks are drawn the same weights, and the first one keeps them when it runs."""
    pair = request.pair
    native = models.source_of(pair.baseline.model).own_variant != ASIS
    return native and pair.baseline.model == pair.candidate.model and request.workload.optimizer == "none"


def own_facts(*sides: PreparedSide) -> dict[str, object]:
    """What the runtime says of itself, for both sides together: of differences the largest."""
    told: dict[str, dict[str, object]] = {}
    for side in sides:
        if side.facts:
            known = told.setdefault(side.workload.runtime, dict(side.facts))
            apart = [cast("float", facts[APART]) for facts in (known, side.facts) if APART in facts]
            if apart:
                known[APART] = max(apart)
    return {OWN_FACTS: told} if told else {}


def timed_steps(sides: Mapping[Side, PreparedSide]) -> dict[Side, Step]:
    """The steps of a pair; if one network writes to its input, both find theirs as it was.

    Both, because bringing an input back leaves it in the caches.
    """
    restoring = any(side.writes_input for side in sides.values())
    return {name: side.restored if restoring else side.step for name, side in sides.items()}


def prepare_side(
    spec: ModelSpec,
    source: Inputs,
    request: Request | SideRequest,
    build: Build,
    device: Device,
    *,
    exported: str | None = None,
    rank: int = 0,
    alive: Heartbeat = no_heartbeat,
) -> PreparedSide:
    """Build one of the networks and run it once, on its own copy of `source`.

    Args:
        spec: the network.
        source: what its input holds in the beginning.
        request: whose network it is.
        build: makes it.
        device: clock and barrier.
        exported: the folder that it was exported to; then it is loaded rather than built.
        rank: whose part of the batch.
        alive: told after every phase.

    Raises:
        Fatal: it does not build or run, or its output is not finite.
    """
    workload, seed, label = request.workload.of(spec), request.weight_seed, f"{spec.model} {spec.variant}"
    own = OwnInput(lambda: source, workload.device)
    module: nn.Module | None = None
    if exported is None:
        module = guarded(lambda: build(spec, seed, workload, other_side(request, spec)))
        alive()
    start_s = device.clock()
    if module is None:
        prepared = guarded(lambda: load(spec, Path(str(exported)), own, workload))
    else:
        prepared = guarded(partial(prepare_step, module, own, workload, seed, device, rank=rank))
    alive()
    own.restore()
    output = guarded(prepared.run)
    took_s = device.clock() - start_s
    alive()
    exchanged = None
    try:
        check_finite(output, label)
        if workload.world_size > 1 and module is not None:
            check_gradients(module, label)
            exchanged = gradient_bytes(module)
    except WorkerError as error:
        raise Fatal("output", str(error)) from error
    return PreparedSide(
        label=label,
        module=module,
        workload=workload,
        step=prepared.run,
        restored=RestoredStep(prepared.run, own.restore),
        input=own,
        writes_input=own.is_changed(),
        facts=prepared.facts,
        compile_s=took_s if runtime_info(workload.runtime).prepares else None,
        gradient_bytes=exchanged,
    )


def load(spec: ModelSpec, folder: Path, own: OwnInput, workload: Workload) -> PreparedStep:
    """The step of a network that was exported: by a worker, or before by somebody else."""
    compared = models.exported_file(spec.model) is None
    return FILE_RUNTIMES[workload.runtime].load(folder, own, workload, compared=compared)


def export(request: ExportRequest, build: Build, device: Device, *, alive: Heartbeat) -> Exported:
    """Build a network and export it; the files are run once, so that they need no second look.

    Args:
        request: the network, and where to write it.
        build: makes it.
        device: clock.
        alive: told after every phase.

    Raises:
        Fatal: it does not build or run, cannot be exported, or computes something else than eager.
    """
    spec, workload, folder = request.spec, request.workload.of(request.spec), Path(request.folder)
    runtime = FILE_RUNTIMES[workload.runtime]
    source = guarded(lambda: source_for(spec, request))
    if models.exported_file(spec.model) is not None:
        return _put(request, source, device, alive)
    module = guarded(lambda: build(spec, request.weight_seed, workload, request.beside))
    alive()
    own = OwnInput(lambda: source, workload.device)
    start_s = device.clock()
    calibration = guarded(lambda: calibration_for(request)) if workload.quantize != "none" else ()
    guarded(lambda: runtime.export(module, own, workload, folder, calibration))
    export_s = device.clock() - start_s
    alive()
    step = guarded(lambda: runtime.load(folder, own, workload))
    count_operations = runtime.count_operations
    if count_operations is None or workload.quantize == "none":
        return Exported(export_s=export_s)
    counted = guarded(lambda: count_operations(folder / runtime.file, workload))
    difference = cast("float", step.facts[APART])
    quantized = Quantized(**counted._asdict(), difference_from_eager=difference)
    return Exported(export_s=export_s, quantized=quantized)


def _put(request: ExportRequest, source: Inputs, device: Device, alive: Heartbeat) -> Exported:
    """The same of a network that was exported already."""
    spec, workload, folder = request.spec, request.workload.of(request.spec), Path(request.folder)
    start_s = device.clock()
    guarded(lambda: write_file(models.resolve(spec), folder, workload))
    export_s = device.clock() - start_s
    alive()
    own = OwnInput(lambda: source, workload.device)
    guarded(lambda: load(spec, folder, own, workload))
    return Exported(export_s=export_s)


def calibration_for(request: ExportRequest) -> tuple[tuple[torch.Tensor, ...], ...]:
    """Batches that set the ranges of a quantized network: like its input, of seeds of their own.

    Raises:
        UsageError: they say nothing about ranges: whole numbers only, or the same value throughout.
    """
    seeds = range(request.weight_seed + 1, request.weight_seed + 1 + CALIBRATION_BATCHES)
    batches = tuple(
        tuple(source_for(request.spec, replace(request, weight_seed=seed)).tensors()) for seed in seeds
    )
    floating = [tensor for batch in batches for tensor in batch if tensor.is_floating_point()]
    option, made = f"--quantize {request.workload.quantize}", request.spec.example_inputs
    if not floating:
        raise UsageError(
            f"{option} is calibrated on floating-point inputs, and {made} makes none",
            hint="leave out --quantize",
        )
    if all(torch.equal(each, each.flatten()[:1].expand_as(each)) for each in floating):
        raise UsageError(
            f"{option} is calibrated on the inputs, and {made} makes the same number throughout",
            hint="return data as the network meets it, or random numbers (torch.randn)",
        )
    return batches


def source_for(
    spec: ModelSpec,
    request: Request
    | SideRequest
    | ExportRequest
    | WriteRequest
    | MemoryRequest
    | ProfileRequest
    | GraphRequest,
    rank: int = 0,
) -> Inputs:
    """What the input of a network holds in the beginning; the same for all networks that are fed alike.

    Each rank has a part of one batch, or what a function of the user's makes for a part's size.
    """
    workload, seed = request.workload.of(spec), request.weight_seed
    if spec.example_inputs is None and models.exported_file(spec.model) is not None:
        return make_file_inputs(spec, workload, seed)
    if spec.example_inputs is None:
        return make_source(workload, seed=seed, rank=rank)
    inputs = models.make_inputs(spec.example_inputs, workload.rank_input_shape[0], seed + rank)
    return as_in_workload(inputs, workload)


def other_side(request: Request | SideRequest, spec: ModelSpec) -> ModelSpec | None:
    """What a network is compared with; None where that is built in another process, from another tree."""
    if isinstance(request, SideRequest):
        return None
    return request.pair.candidate if spec == request.pair.baseline else request.pair.baseline


def prepare_step(
    module: nn.Module, own: OwnInput, workload: Workload, seed: int, device: Device, *, rank: int = 0
) -> PreparedStep:
    """The step of a network: a forward pass, or in training what the workload says.

    The input is left as the network leaves it.
    """
    batch = Batch(input=own, seed=seed, rank=rank, mark=device.mark)
    return PREPARE[workload.runtime](module, batch, workload)


def ready_step(module: nn.Module, source: Inputs, workload: Workload, seed: int, device: Device) -> Step:
    """A step that has run once on its own copy of `source`, which it finds unchanged each time."""
    own = OwnInput(lambda: source, workload.device)
    run = prepare_step(module, own, workload, seed, device).run
    own.restore()
    run()
    return RestoredStep(run, own.restore) if own.is_changed() else run
