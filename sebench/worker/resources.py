"""Peak memory of a warm step (of one rank), or the energy of a pair, in a process that does nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import Random

from sebench.profilers.device import Device, Step
from sebench.profilers.energy import idle_power_w, measure_energy_block, require_alone
from sebench.profilers.inputs import OwnInput
from sebench.profilers.latency import Heartbeat, draw_orders, no_heartbeat, warm_up
from sebench.profilers.memory import WARM_STEPS, peak_bytes, peak_resident_bytes, reserved_bytes
from sebench.profilers.probes import Probe, cpu_of_others, read_probe
from sebench.profilers.workload import gradient_bytes
from sebench.schema import MemoryRun, Side
from sebench.worker.channel import Build, guarded
from sebench.worker.preparing import prepare_step, source_for
from sebench.worker.protocol import (
    CounterFound,
    EnergyDone,
    EnergyMeasured,
    EnergyRequest,
    MemoryRequest,
    Ready,
)


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
    workload, imported = request.workload.of(request.spec), peak_resident_bytes()
    module = guarded(lambda: build(request.spec, request.weight_seed, workload, request.beside))
    # Made anew where it is needed: a second input would be in the peak.
    source = partial(source_for, request.spec, request)
    own = OwnInput(source, workload.device)
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
            (*own.tensors, *prepared.held),
            workload.device,
            bucket_bytes=gradient_bytes(module) if workload.world_size > 1 else 0,
        ),
        reserved_bytes=reserved_bytes(workload.device),
        resident_bytes=resident - imported if known and resident and imported else None,
    )


def find_counter(device: Device) -> CounterFound:
    """The counter of `device`.

    Raises:
        DeviceError: there is none, it cannot be read, or others feed it too; says why.
    """
    device.canary_s()  # from here on the driver lists this process among those that use the device
    counter = device.energy_counter()
    counter.read()
    require_alone(device)
    return CounterFound(counter=counter.name, zones=tuple(zone.name for zone in counter.zones))


def measure_energy(
    request: EnergyRequest,
    steps: Mapping[Side, Step],
    device: Device,
    probe: Callable[[], Probe] = read_probe,
    *,
    alive: Heartbeat = no_heartbeat,
) -> Iterator[Ready | EnergyMeasured | EnergyDone]:
    """Yield a sign of life once warm, every block as soon as it is read, then what goes with all of them.

    Args:
        request: what to measure.
        steps: one callable per side.
        device: clock, barrier and counter.
        probe: reads the host's CPU time.
        alive: told after every step of the warm-up.

    Raises:
        DeviceError: the counter failed or did not move, or others use the device.
    """
    counter, rng = device.energy_counter(), Random(request.pair.process_seed)
    first_idle_w = idle_power_w(device, counter)
    step_s, before = warm_up(steps, device, request.pair.policy, alive=alive).step_s, probe()
    yield Ready(step_s=step_s, runtime={})
    for order in draw_orders(request.blocks, rng):
        block = measure_energy_block(steps, step_s, order, device=device, counter=counter, rng=rng)
        yield EnergyMeasured(block=block)
    others = cpu_of_others(before, probe()) if device.name == "cpu" else None
    idle_w = (first_idle_w + idle_power_w(device, counter)) / 2
    yield EnergyDone(idle_w=idle_w, other_cpu_ratio=others)
