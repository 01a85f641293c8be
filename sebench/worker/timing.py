"""Times of a pair: build and warm up both sides, measure blocks; alone, or as one of several ranks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from random import Random

from msgspec.structs import replace

from sebench.profilers.device import Device
from sebench.profilers.latency import warm_up
from sebench.profilers.probes import read_probe
from sebench.profilers.runtime import runtime_facts
from sebench.schema import Side
from sebench.worker.blocks import timed_blocks
from sebench.worker.desk import Desk
from sebench.worker.failures import guarded
from sebench.worker.parallel import following, leading
from sebench.worker.preparing import PreparedSide, prepare, timed_steps
from sebench.worker.protocol import Done, Go, Join, Measured, Ready, Request, Span

MAX_HEAP_SHIFT_BYTES = 4 * 2**20


def lead(request: Request, desk: Desk, cpus: tuple[int, ...] | None) -> None:
    """Prepare a pair, say `Ready`, and measure what the `Go` says; as rank 0 where there are several.

    Args:
        request: the pair and its workload.
        desk: of this worker.
        cpus: what this process may run on.

    Raises:
        Fatal: a network does not build or run, or another rank cannot do its part.
    """
    probe = partial(read_probe, cpus=cpus)
    with leading(request, desk.device(request.workload), desk.send) as (device, take_up), device.quiet():
        sides = prepare(request, desk.build, device, alive=desk.alive, about=desk.about)
        steps = timed_steps(sides)
        take_up(steps)
        step_s = guarded(lambda: warm_up(steps, device, request.policy, alive=desk.alive))
        desk.send(_ready(sides, step_s, device))
        if go := desk.read(Go):
            for block in timed_blocks(go, request, steps, device, probe, shift=_shift_heap):
                desk.send(Measured(block=block))
            for side in sides.values():
                side.require_sound(go.steps_per_segment)
    desk.send(Done())


def follow(join: Join, desk: Desk) -> None:
    """Be another rank: prepare the same, then run what rank 0 runs, until it has had enough.

    Raises:
        Fatal: this rank cannot do its part.
    """
    workload = replace(join.request.workload, device=join.request.workload.device_of(join.rank))
    request = replace(join.request, workload=workload)
    with following(join, desk.device(workload)) as device, device.quiet():
        steps = timed_steps(prepare(request, desk.build, device, join.rank))
        while span := desk.read(Span):
            guarded(partial(device.timed, steps[span.side], span.count))


def openmp_variables() -> dict[str, str]:
    """The thread settings this process was started with."""
    return {name: value for name, value in os.environ.items() if name.startswith(("OMP_", "MKL_", "KMP_"))}


def _ready(sides: Mapping[Side, PreparedSide], step_s: dict[Side, float], device: Device) -> Ready:
    compiled = {side: prepared.compile_s for side, prepared in sides.items()}
    exchanged = {side: prepared.gradient_bytes for side, prepared in sides.items()}
    return Ready(
        step_s=step_s,
        compile_s={side: took_s for side, took_s in compiled.items() if took_s is not None},
        gradient_bytes={side: count for side, count in exchanged.items() if count is not None},
        writes_input=tuple(name for name, side in sides.items() if side.writes_input),
        runtime={**runtime_facts(device.name), "variables": openmp_variables()},
    )


def _shift_heap(rng: Random) -> bytearray:
    """Held during a block, it moves the activations in the heap.

    An unlucky alignment then disturbs single blocks instead of a whole process (Curtsinger & Berger,
    STABILIZER, ASPLOS 2013).
    """
    return bytearray(rng.randrange(MAX_HEAP_SHIFT_BYTES))
