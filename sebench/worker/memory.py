"""Peak memory of a warm step (of one rank), in a process that does nothing else."""

from __future__ import annotations

from functools import partial

from sebench.profilers.device import Device
from sebench.profilers.inputs import OwnInput, make_source
from sebench.profilers.latency import Heartbeat, no_heartbeat
from sebench.profilers.memory import WARM_STEPS, peak_bytes, peak_resident_bytes, reserved_bytes
from sebench.profilers.workload import gradient_bytes
from sebench.schema import MemoryRun
from sebench.worker.failures import guarded
from sebench.worker.preparing import Build, prepare_step
from sebench.worker.protocol import MemoryRequest


def measure_memory(
    request: MemoryRequest, device: Device, build: Build, *, alive: Heartbeat = no_heartbeat
) -> MemoryRun:
    """Run a few steps of one network and say what they held.

    Args:
        request: the network and its workload.
        device: clock and barrier.
        build: makes the network.
        alive: told after every step.

    Raises:
        Fatal: the network does not build or run.
    """
    workload, imported = request.workload, peak_resident_bytes()
    module = guarded(lambda: build(request.spec, request.weight_seed, workload, request.beside))
    # Made anew where it is needed: a second input would be in the peak.
    own = OwnInput(partial(make_source, workload, seed=request.weight_seed), workload.device)
    prepared = guarded(lambda: prepare_step(module, own, workload, request.weight_seed, device))
    alive()
    for _ in range(WARM_STEPS):
        guarded(prepared.run)
        alive()
        if own.is_written():
            own.restore()
    # What joining ranks loads (100 MB of Python) is not the network's.
    resident = peak_resident_bytes() if workload.device == "cpu" and workload.world_size == 1 else None
    known = resident is not None and imported is not None
    return MemoryRun(
        process=request.process,
        side=request.side,
        peak_bytes=peak_bytes(
            module,
            prepared.run,
            (own.tensor, *prepared.held),
            workload.device,
            bucket_bytes=gradient_bytes(module) if workload.world_size > 1 else 0,
        ),
        reserved_bytes=reserved_bytes(workload.device),
        resident_bytes=resident - imported if known and resident and imported else None,
    )
