"""The work of one profile: parts by the profiler, contrasts by paired blocks, and the machine's bounds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from torch import nn

from sebench import counters, models, surgery
from sebench.counters.scope import Place, longest_prefix
from sebench.models import BuiltModel
from sebench.models.attention import stand_in
from sebench.profilers.device import Device, Step
from sebench.profilers.gate_parts import OpNumber, RecordedOps, profile_gates
from sebench.profilers.latency import (
    Heartbeat,
    draw_orders,
    measure_block,
    no_heartbeat,
    steps_per_segment,
    warm_up,
)
from sebench.profilers.parts import profile_parts, without
from sebench.profilers.roofline import measure_machine
from sebench.profilers.trace import Owner
from sebench.profilers.workload import compute_dtype
from sebench.schema import (
    PLAIN,
    UNDIVIDED,
    Contrast,
    ModelSpec,
    PartSample,
    ProfileSamples,
    Side,
    parse_variant,
)
from sebench.surgery.sites import NO_SITES, charged_to, find_sites
from sebench.worker.counting import inputs_of
from sebench.worker.protocol import GraphRequest, ProfileRequest

PREPARED_STEPS = 3
Prepare = Callable[[nn.Module], Step]


def profile_pair(
    request: ProfileRequest,
    device: Device,
    prepare: Prepare,
    *,
    alive: Heartbeat = no_heartbeat,
) -> ProfileSamples:
    """Measure everything that a profile consists of.

    Attention out of the catalogue has a module for each part, which is timed. Any other is timed op by op.

    Args:
        request: what to profile.
        device: clock and barrier.
        prepare: makes the step of a network, and runs it once.
        alive: told after every step of a warm-up, and after every block.
    """
    built = _built(request, request.pair.candidate)
    step = _prepared(built.module, prepare)
    take_apart = _by_module if parse_variant(built.spec.variant).parts else _by_op
    timed = take_apart(request, built, device, step, alive)
    return ProfileSamples(
        sites=timed.sites,
        parts=timed.parts,
        profiled_steps_s=timed.profiled_s,
        steps_s=timed.steps_s,
        machine=request.machine or measure_machine(device, compute_dtype(request.workload)),
        contrasts=tuple(_contrasts(request, device, prepare, step, alive=alive)),
    )


class _Timed(NamedTuple):
    sites: tuple[str, ...]
    parts: tuple[PartSample, ...]
    profiled_s: tuple[float, ...]
    steps_s: tuple[float, ...]


def _prepared(module: nn.Module, prepare: Prepare) -> Step:
    step = prepare(module)
    for _ in range(PREPARED_STEPS):
        step()
    return step


def _by_module(
    request: ProfileRequest, built: BuiltModel, device: Device, step: Step, alive: Heartbeat
) -> _Timed:
    names = tuple(part.name for part in parse_variant(built.spec.variant).parts)
    timed = profile_parts(built.module, built.sites, step, device, request.steps, parts=names, alive=alive)
    return _Timed(built.sites, *timed)


def _by_op(
    request: ProfileRequest, built: BuiltModel, device: Device, step: Step, alive: Heartbeat
) -> _Timed:
    shape = request.workload.rank_input_shape
    recording = counters.record(built.module, shape, inputs_of(built.spec, shape))
    known = models.source_of(built.spec.model).knows_sites
    found = NO_SITES if known else charged_to(built.sites, find_sites(recording))
    owned = {path: path for path in built.sites}
    ops: dict[OpNumber, Owner | None] = {}
    for op in recording.ops:
        if op.key is not None:
            number = (op.key.module, op.key.op, op.key.number)
            ops[number] = _owner(found.places.get(op.key), longest_prefix(op.module, owned))
    timed = profile_gates(built.module, RecordedOps(ops), step, device, request.steps, alive=alive)
    return _Timed((*(site.path for site in found.sites), *built.sites), *timed)


def _owner(place: Place | None, around: str | None) -> Owner | None:
    """Whose an op is: that of its place, or of the attention module around it."""
    if place is not None and place.site is not None:
        return place.site, place.part or UNDIVIDED
    return None if around is None else (around, UNDIVIDED)


def _contrasts(
    request: ProfileRequest,
    device: Device,
    prepare: Prepare,
    step: Step,
    *,
    alive: Heartbeat,
) -> Iterator[Contrast]:
    """The candidate against the plain network and against itself without each part (baselines)."""
    rng = Random(request.process_seed)
    plain = _built(request, request.pair.baseline).module
    steps: dict[Side, Step] = {"baseline": prepare(plain), "candidate": step}
    yield measure_contrast(request, device, rng, PLAIN, steps, alive=alive)
    del plain, steps
    for part in parse_variant(request.pair.candidate.variant).parts:
        if request.workload.phase in part.ablated_in:
            ablated = _ablated(request, part.name)
            steps = {"baseline": prepare(ablated), "candidate": step}
            yield measure_contrast(request, device, rng, part.name, steps, alive=alive)


def _built(request: ProfileRequest, spec: ModelSpec) -> BuiltModel:
    workload, pair = request.workload, request.pair
    return surgery.build(
        spec,
        seed=request.weight_seed,
        input_shape=workload.rank_input_shape,
        phase=workload.phase,
        beside=pair.candidate if spec == pair.baseline else pair.baseline,
    )


def _ablated(request: ProfileRequest, part: str) -> nn.Module:
    built = _built(request, request.pair.candidate)
    make = functools.partial(stand_in, parse_variant(built.spec.variant), part)
    return without(built.module, built.sites, part, make)


def measure_contrast(
    request: ProfileRequest | GraphRequest,
    device: Device,
    rng: Random,
    name: str,
    steps: dict[Side, Step],
    *,
    alive: Heartbeat,
) -> Contrast:
    """Blocks of two steps, after a warm-up.

    Args:
        request: its policy and threads.
        device: clock and barrier.
        rng: draws the orders and pauses.
        name: of the contrast.
        steps: one per side.
        alive: told after every step of the warm-up, and after every block.
    """
    warmth = warm_up(steps, device, request.policy, alive=alive)
    count = steps_per_segment(warmth.step_s, request.policy)
    blocks = []
    for order in draw_orders(request.policy.min_blocks, rng):
        blocks.append(
            measure_block(
                steps,
                order,
                count,
                discard_steps=request.policy.discard_steps,
                device=device,
                threads=request.workload.threads,
                rng=rng,
            )
        )
        alive()
    return Contrast(name=name, blocks=tuple(blocks))
