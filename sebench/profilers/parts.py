"""Time of the parts of attention in a step, each of which is a module; backward by sequence numbers.

Numbers of one part lie between the first of its operations and the last node of its outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import nn

from sebench.profilers.device import Device, Step
from sebench.profilers.latency import Heartbeat, no_heartbeat
from sebench.profilers.trace import (
    Key,
    Owner,
    Profiled,
    Scope,
    backward_times,
    numbers_below,
    profile_steps,
    scopes_of,
    time_of,
)


def profile_parts(
    module: nn.Module,
    sites: Sequence[str],
    step: Step,
    device: Device,
    repeats: int,
    *,
    parts: Sequence[str],
    alive: Heartbeat = no_heartbeat,
) -> Profiled:
    """Profile some steps of a network whose attention has a module for each part.

    Args:
        module: the network.
        sites: paths of its attention modules.
        step: runs one step of `module`.
        device: the clock.
        repeats: how many steps of either kind.
        parts: children that each attention module has, to be told apart.
        alive: told after every step.

    Raises:
        DeviceError: the profiler does not know this kind of accelerator.
    """
    on_device = device.name != "cpu"
    with scopes_of(
        module, {f"{site}.{part}": Scope(site, part) for site in sites for part in parts}
    ) as scopes:
        return profile_steps(
            step,
            device,
            repeats,
            lambda events: part_times(events, scopes, on_device=on_device),
            alive=alive,
        )


def part_times(events: Iterable[Any], scopes: Mapping[str, Scope], *, on_device: bool) -> dict[Key, float]:
    """Seconds by site, part and pass in one profiled step.

    Args:
        events: of the profiler.
        scopes: by the name of their event.
        on_device: sum the kernels that the host's events have started, instead of the host's time.
    """
    found: dict[Key, float] = {}
    owners: dict[int, Owner] = {}
    events = list(events)
    for event in events:
        scope = scopes.get(event.name)
        if scope is None or event.device_type.name != "CPU":
            continue
        key: Key = (scope.site, scope.part, "forward")
        found[key] = found.get(key, 0.0) + time_of(event, on_device=on_device)
        for number in numbers_below(event):
            if scope.output_number is not None and number <= scope.output_number:
                owners[number] = (scope.site, scope.part)
    return {**found, **backward_times(events, owners, on_device=on_device)}


def without(
    module: nn.Module, sites: Iterable[str], part: str, stand_in: Callable[[], nn.Module]
) -> nn.Module:
    """`module` with one part of every attention module replaced, in place.

    Args:
        module: a copy made for this.
        sites: paths of its attention modules.
        part: what to leave out: a child of each of them.
        stand_in: makes what takes its place.

    Raises:
        AttributeError: an attention module has no such part.
    """
    for site in sites:
        module.get_submodule(f"{site}.{part}")  # a misspelt part would be added and change nothing
        setattr(module.get_submodule(site), part, stand_in())
    return module
