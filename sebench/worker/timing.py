"""Times of a pair: build and warm up both sides, measure blocks; alone, or as one of several ranks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from msgspec.structs import replace

from sebench.errors import SebenchError
from sebench.profilers.device import Device, Step
from sebench.profilers.distributed import (
    DistributedDevice,
    Maximum,
    host_store,
    process_group,
    reach_store,
    require_backend,
)
from sebench.profilers.latency import Warmth, warm_up
from sebench.profilers.probes import read_probe
from sebench.profilers.runtime import runtime_facts
from sebench.schema import Side
from sebench.worker.blocks import timed_blocks
from sebench.worker.channel import Fatal, WorkerChannel, guarded
from sebench.worker.preparing import PreparedSide, own_facts, prepare, timed_steps
from sebench.worker.protocol import Done, Failed, Go, Join, Measured, Ready, Request, Span
from sebench.worker.ranks import Ranks

if TYPE_CHECKING:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

MAX_HEAP_SHIFT_BYTES = 4 * 2**20
Send = Callable[[Failed], None]
SetSteps = Callable[[Mapping[Side, Step]], None]
_POLL_S = 1.0
WAIT_S = 3600.0
"""How long a rank waits for another. The runner gives up the silent much sooner, unless it knows that a block
or compiling takes long; ranks that die are noticed at once."""


def measure_pair(request: Request, channel: WorkerChannel, cpus: tuple[int, ...] | None) -> None:
    """Prepare a pair, say `Ready`, and measure what the `Go` says; as rank 0 where there are several.

    Args:
        request: the pair and its workload.
        channel: to the runner.
        cpus: what this process may run on.

    Raises:
        Fatal: a network does not build or run, or another rank cannot do its part.
    """
    probe = partial(read_probe, cpus=cpus)
    with (
        rank_zero(request, channel.device(request.workload), channel.send) as (device, set_steps),
        device.quiet(),
    ):
        sides = prepare(request, channel.build, device, alive=channel.alive, about=channel.about)
        steps = timed_steps(sides)
        set_steps(steps)
        begun_s = device.clock()
        warmth = guarded(lambda: warm_up(steps, device, request.policy, alive=channel.alive))
        warm_up_s = device.clock() - begun_s
        channel.send(replace(_ready(sides, warmth, device), warm_up_s=warm_up_s))
        if go := channel.read(Go):
            for block in timed_blocks(go, request, steps, device, probe, shift=_shift_heap):
                channel.send(Measured(block=block))
            for side in sides.values():
                side.require_sound(go.steps_per_segment)
    channel.send(Done())


def run_other_rank(join: Join, channel: WorkerChannel) -> None:
    """Be another rank: prepare the same, then run what rank 0 runs, until it has had enough.

    Raises:
        Fatal: this rank cannot do its part.
    """
    workload = replace(join.request.workload, device=join.request.workload.device_of(join.rank))
    request = replace(join.request, workload=workload)
    with other_rank(join, channel.device(workload)) as device, device.quiet():
        steps = timed_steps(prepare(request, channel.build, device, join.rank))
        while span := channel.read(Span):
            guarded(partial(device.timed, steps[span.side], span.count))


def openmp_variables() -> dict[str, str]:
    """The thread settings this process was started with."""
    return {name: value for name, value in os.environ.items() if name.startswith(("OMP_", "MKL_", "KMP_"))}


def _ready(sides: Mapping[Side, PreparedSide], warmth: Warmth, device: Device) -> Ready:
    compiled = {side: prepared.compile_s for side, prepared in sides.items()}
    exchanged = {side: prepared.gradient_bytes for side, prepared in sides.items()}
    return Ready(
        step_s=warmth.step_s,
        after_change=warmth.after_change,
        compile_s={side: took_s for side, took_s in compiled.items() if took_s is not None},
        gradient_bytes={side: count for side, count in exchanged.items() if count is not None},
        writes_input=tuple(name for name, side in sides.items() if side.writes_input),
        runtime={
            **runtime_facts(device.name),
            **own_facts(*sides.values()),
            "variables": openmp_variables(),
        },
    )


def _shift_heap(rng: Random) -> bytearray:
    """Held during a block, it moves the activations in the heap.

    An unlucky alignment then disturbs single blocks instead of a whole process (Curtsinger & Berger,
    STABILIZER, ASPLOS 2013).
    """
    return bytearray(rng.randrange(MAX_HEAP_SHIFT_BYTES))


@contextmanager
def rank_zero(request: Request, local: Device, send: Send) -> Iterator[tuple[Device, SetSteps]]:
    """Start the other ranks, if the workload has any, and join them as rank 0.

    Args:
        request: goes to all of them.
        local: the device of this rank.
        send: says for another rank, from another thread, why it failed while this one hangs.

    Yields:
        The device of all ranks, and a function that must be told the steps before it times any.

    Raises:
        Fatal: another rank cannot do its part, or torch cannot join them.
        SystemExit: another rank died.
    """
    if request.workload.world_size == 1:
        yield local, lambda steps: None
        return
    store = _host(request.workload.device)
    with Ranks(request, port=store.port, send=send) as ranks:
        try:
            with _joined(request, store, rank=0) as maximum:
                yield DistributedDevice(local, maximum, ranks.announce), ranks.set_steps
                ranks.dismiss()
        except (Fatal, RuntimeError, OSError) as error:
            ranks.blame(error)
            raise


@contextmanager
def other_rank(join: Join, local: Device) -> Iterator[Device]:
    """Join as one of the other ranks.

    Yields:
        The device of all.
    """
    threading.Thread(target=_end_with, args=(join.leader,), daemon=True).start()
    store = reach_store(join.port, timeout_s=WAIT_S)
    with _joined(join.request, store, rank=join.rank) as maximum:
        yield DistributedDevice(local, maximum)


def _host(device: str) -> TCPStore:
    try:
        require_backend(device)
    except SebenchError as error:
        raise Fatal("device", str(error)) from error
    return host_store()


def _joined(request: Request, store: TCPStore, *, rank: int) -> AbstractContextManager[Maximum]:
    workload = request.workload
    return process_group(
        store,
        rank=rank,
        world_size=workload.world_size,
        device=workload.device_of(rank),
        timeout_s=WAIT_S,
    )


def _end_with(leader: int) -> None:
    """A rank that is stuck does not read the end of its pipe, so look who its parent is."""
    while os.getppid() == leader:
        time.sleep(_POLL_S)
    os._exit(1)
