"""The blocks of one process, as many as there is time for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random

from sebench.profilers.device import Device, Step
from sebench.profilers.latency import measure_block
from sebench.profilers.probes import Probe
from sebench.schema import Block, Side
from sebench.worker.protocol import Go, Request


def timed_blocks(
    go: Go,
    request: Request,
    steps: Mapping[Side, Step],
    device: Device,
    probe: Callable[[], Probe],
    *,
    shift: Callable[[Random], object] = lambda rng: None,
) -> Iterator[Block]:
    """Measure the blocks of a `Go`: the first `at_least` in any case, the others while there is time.

    Args:
        go: which blocks, and until when.
        request: the workload, policy and seed.
        steps: one callable per side.
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
            device=device,
            policy=request.policy,
            threads=request.workload.threads,
            rng=rng,
            probe=probe,
        )
