"""Steps under torch.profiler: whose calls are events, what an event took, whose the backward of an op is.

The backward of an operation carries the sequence number of the autograd node that its forward made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function, schedule

from sebench.errors import DeviceError
from sebench.profilers.device import Device, Step
from sebench.profilers.latency import Heartbeat, no_heartbeat
from sebench.schema import PartSample, Pass

_SCOPE = "sebench:"
_BACKWARD = "autograd::engine::evaluate_function"
_MICROSECOND = 1e-6
Key = tuple[str, str, Pass]
"""Site, part and pass."""
Owner = tuple[str, str]
"""Site and part."""
Profiled = tuple[tuple[PartSample, ...], tuple[float, ...], tuple[float, ...]]
"""Times of the parts of each site, of the profiled steps and of the others, in seconds."""


@dataclass
class Scope:
    """The module that is one part of one site, while it is being profiled."""

    site: str
    part: str
    running: list[Any] = field(default_factory=list)
    output_number: int | None = None


# The steps after starting or ending the profiler pay for that; they are run and not counted.
DISCARDED_STEPS = 2
THIRD_STEP = schedule(wait=0, warmup=DISCARDED_STEPS, active=1)


def profile_steps(
    step: Step,
    device: Device,
    repeats: int,
    read: Callable[[list[Any]], Mapping[Key, float]],
    *,
    alive: Heartbeat = no_heartbeat,
) -> Profiled:
    """Profile some steps, each followed by one without the profiler; both after some that do not count.

    Args:
        step: what is profiled.
        device: the clock.
        repeats: how many steps of either kind.
        read: seconds by site, part and pass in the events of one step.
        alive: told after every step.

    Raises:
        DeviceError: the profiler does not know this kind of accelerator.
    """
    found: list[Mapping[Key, float]] = []
    profiled_s: list[float] = []
    plain_s: list[float] = []

    def timed() -> tuple[float, ...]:
        timing = device.timed(step, 1)
        alive()
        return timing.steps_s

    for _ in range(repeats):
        with profile(activities=activities(device), schedule=THIRD_STEP) as recorded:
            for _ in range(DISCARDED_STEPS):
                timed()
                recorded.step()
            profiled_s.extend(timed())
        found.append(read(list(recorded.events())))
        for _ in range(DISCARDED_STEPS):
            timed()
        plain_s.extend(timed())
    samples = tuple(
        PartSample(
            site=key[0],
            part=key[1],
            phase=key[2],
            times_s=tuple(times.get(key, 0.0) for times in found),
        )
        for key in dict.fromkeys(key for times in found for key in times)
    )
    return samples, tuple(profiled_s), tuple(plain_s)


def activities(device: Device) -> list[ProfilerActivity]:
    """What the profiler records.

    Raises:
        DeviceError: it does not know this kind of accelerator.
    """
    kind = device.name.partition(":")[0]
    traced = getattr(ProfilerActivity, kind.upper(), None)
    if traced is None:
        raise DeviceError(f"torch's profiler cannot trace {kind} devices", hint="use --device cpu")
    return list(dict.fromkeys((ProfilerActivity.CPU, traced)))


@contextmanager
def scopes_of(module: nn.Module, scopes: Mapping[str, Scope]) -> Iterator[Mapping[str, Scope]]:
    """Within, every call of some modules is an event of the profiler.

    Args:
        module: the network.
        scopes: by the path of a module.

    Returns:
        The scopes by the name of their event.
    """
    handles = []
    for path, scope in scopes.items():
        child = module.get_submodule(path)
        handles += [
            child.register_forward_pre_hook(_enter(f"{_SCOPE}{path}", scope)),
            child.register_forward_hook(_leave(scope)),
        ]
    try:
        yield {f"{_SCOPE}{path}": scope for path, scope in scopes.items()}
    finally:
        for handle in handles:
            handle.remove()


def _enter(name: str, scope: Scope) -> Any:  # noqa: ANN401 - a hook
    def enter(*_: object) -> None:
        running = record_function(name)
        running.__enter__()  # type: ignore[no-untyped-call]
        scope.running.append(running)

    return enter


def _leave(scope: Scope) -> Any:  # noqa: ANN401 - a hook
    def leave(module: nn.Module, inputs: object, output: object) -> None:
        scope.running.pop().__exit__(None, None, None)
        outputs = output if isinstance(output, tuple) else (output,)
        nodes = [each.grad_fn for each in outputs if isinstance(each, torch.Tensor) and each.grad_fn]
        scope.output_number = max((node._sequence_nr() for node in nodes), default=None)

    return leave


def backward_times(
    events: Iterable[Any], owners: Mapping[int, Owner], *, on_device: bool
) -> dict[Key, float]:
    """Seconds of the backward pass by site and part in one profiled step.

    Args:
        events: of the profiler.
        owners: whose autograd nodes are, by their sequence number.
        on_device: as for `part_times`.
    """
    found: dict[Key, float] = {}
    for event in events:
        owner = owners.get(event.sequence_nr)
        if owner and event.name.startswith(_BACKWARD):
            key: Key = (*owner, "backward")
            found[key] = found.get(key, 0.0) + time_of(event, on_device=on_device)
    return found


def numbers_below(event: Any) -> Iterator[int]:  # noqa: ANN401 - a profiler event
    """Sequence numbers of what an event contains."""
    for child in event.cpu_children:
        if child.sequence_nr >= 0:
            yield child.sequence_nr
        yield from numbers_below(child)


def time_of(event: Any, *, on_device: bool) -> float:  # noqa: ANN401
    """Seconds of a profiler event on the host, or of the kernels that it has started."""
    return float(event.device_time_total if on_device else event.cpu_time_total) * _MICROSECOND
