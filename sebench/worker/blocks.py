"""The blocks of one process, as many as there is time for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import TypeVar

from sebench.profilers.device import Stopwatch
from sebench.profilers.latency import measure_block
from sebench.profilers.probes import Probe
from sebench.schema import Block, Side
from sebench.worker.protocol import Go, Request

S = TypeVar("S")


def timed_blocks(
    go: Go,
    request: Request,
    steps: Mapping[Side, S],
    device: Stopwatch[S],
    probe: Callable[[], Probe],
    *,
    shift: Callable[[Random], object] = lambda rng: None,
) -> Iterator[Block]:
    """Measure the blocks of a `Go`: the first `at_least` in any case, the others while there is time.

    Args:
        go: which blocks, and until when.
        request: the workload and seed.
        steps: one per side, as `device` takes it.
        device: clock and barrier.
        probe: reads what the host does.
        shift: what it returns is held during the block.
    """
    rng, start_s = Random(request.process_seed), device.clock()
    for index, order in enumerate(go.orders):
        if index >= go.at_least and device.clock() - start_s > go.deadline_s:
            return
        _held = shift(rng)
        yield measure_block(
            steps,
            order,
            go.steps_per_segment,
            discard_steps=go.discard_steps,
            device=device,
            threads=request.workload.threads,
            rng=rng,
            probe=probe,
        )
