"""The work of one profile: parts by the profiler, contrasts by paired blocks, and the machine's bounds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from random import Random

from torch import nn

from sebench import surgery
from sebench.counters.scope import longest_prefix
from sebench.models import BuiltModel
from sebench.models.attention import stand_in
from sebench.profilers.device import Device, Step
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
from sebench.profilers.workload import compute_dtype
from sebench.schema import PLAIN, Contrast, ModelSpec, ProfileSamples, Side, parse_variant
from sebench.worker.protocol import ProfileRequest

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

    Args:
        request: what to profile.
        device: clock and barrier.
        prepare: makes the step of a network, and runs it once.
        alive: told after every step of a warm-up, and after every block.
    """
    built = _built(request, request.pair.candidate)
    sites = {site: longest_prefix(site, built.stages) or "" for site in built.sites}
    step = prepare(built.module)
    for _ in range(PREPARED_STEPS):
        step()
    names = tuple(part.name for part in parse_variant(built.spec.variant).parts)
    parts, profiled_s, steps_s = profile_parts(
        built.module, sites, step, device, request.steps, parts=names, alive=alive
    )
    return ProfileSamples(
        parts=parts,
        profiled_steps_s=profiled_s,
        steps_s=steps_s,
        machine=request.machine or measure_machine(device, compute_dtype(request.workload)),
        contrasts=tuple(_contrasts(request, device, prepare, step, alive=alive)),
    )


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
    yield _contrast(request, device, rng, PLAIN, steps, alive=alive)
    del plain, steps
    for part in parse_variant(request.pair.candidate.variant).parts:
        if request.workload.phase in part.ablated_in:
            ablated = _ablated(request, part.name)
            steps = {"baseline": prepare(ablated), "candidate": step}
            yield _contrast(request, device, rng, part.name, steps, alive=alive)


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


def _contrast(
    request: ProfileRequest,
    device: Device,
    rng: Random,
    name: str,
    steps: dict[Side, Step],
    *,
    alive: Heartbeat,
) -> Contrast:
    step_s = warm_up(steps, device, request.policy, alive=alive)
    count = steps_per_segment(step_s, request.policy)
    blocks = []
    for order in draw_orders(request.policy.min_blocks, rng):
        blocks.append(
            measure_block(
                steps,
                order,
                count,
                device=device,
                policy=request.policy,
                threads=request.workload.threads,
                rng=rng,
            )
        )
        alive()
    return Contrast(name=name, blocks=tuple(blocks))
