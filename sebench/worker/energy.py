"""The energy of a pair in one process: idle power, blocks of windows, idle power again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random

from sebench.profilers.device import Device, Step
from sebench.profilers.energy import idle_power_w, measure_energy_block, require_alone
from sebench.profilers.latency import Heartbeat, draw_orders, no_heartbeat, warm_up
from sebench.profilers.probes import Probe, cpu_of_others, read_probe
from sebench.schema import Side
from sebench.worker.protocol import CounterFound, EnergyDone, EnergyMeasured, EnergyRequest, Ready


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
    step_s, before = warm_up(steps, device, request.pair.policy, alive=alive), probe()
    yield Ready(step_s=step_s, runtime={})
    for order in draw_orders(request.blocks, rng):
        block = measure_energy_block(steps, step_s, order, device=device, counter=counter, rng=rng)
        yield EnergyMeasured(block=block)
    others = cpu_of_others(before, probe()) if device.name == "cpu" else None
    idle_w = (first_idle_w + idle_power_w(device, counter)) / 2
    yield EnergyDone(idle_w=idle_w, other_cpu_ratio=others)
