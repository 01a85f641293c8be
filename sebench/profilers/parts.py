"""Time of the parts of attention in a step, by torch.profiler scopes; backward by sequence numbers.

The backward of an operation carries the sequence number of the autograd node that its forward made. Numbers
of one scope lie between the first of its operations and the last node of its outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
"""Stage, part and pass."""


@dataclass
class Scope:
    """One part of one site while it is being profiled."""

    stage: str
    part: str
    running: list[Any] = field(default_factory=list)
    output_number: int | None = None


# The steps after starting or ending the profiler pay for that; they are run and not counted.
DISCARDED_STEPS = 2
THIRD_STEP = schedule(wait=0, warmup=DISCARDED_STEPS, active=1)


def profile_parts(
    module: nn.Module,
    stages: Mapping[str, str],
    step: Step,
    device: Device,
    repeats: int,
    *,
    parts: Sequence[str],
    alive: Heartbeat = no_heartbeat,
) -> tuple[tuple[PartSample, ...], tuple[float, ...], tuple[float, ...]]:
    """Profile some steps, each followed by one without the profiler; both after some that do not count.

    Args:
        module: the network.
        stages: stage by the path of each attention module.
        step: runs one step of `module`.
        device: the clock.
        repeats: how many steps of either kind.
        parts: children that each attention module has, to be told apart.
        alive: told after every step.

    Returns:
        Times of the parts, of the profiled steps and of the others, in seconds.

    Raises:
        DeviceError: the profiler does not know this kind of accelerator.
    """
    samples: dict[Key, list[float]] = {}
    profiled_s: list[float] = []
    plain_s: list[float] = []
    on_device = device.name != "cpu"

    def timed() -> tuple[float, ...]:
        timing = device.timed(step, 1)
        alive()
        return timing.steps_s

    with _scopes(module, stages, parts) as scopes:
        for _ in range(repeats):
            with profile(activities=activities(device), schedule=THIRD_STEP) as recorded:
                for _ in range(DISCARDED_STEPS):
                    timed()
                    recorded.step()
                profiled_s.extend(timed())
            for key, time_s in part_times(recorded.events(), scopes, on_device=on_device).items():
                samples.setdefault(key, []).append(time_s)
            for _ in range(DISCARDED_STEPS):
                timed()
            plain_s.extend(timed())
    found = tuple(
        PartSample(stage=stage, part=part, phase=phase, times_s=tuple(times))
        for (stage, part, phase), times in samples.items()
    )
    return found, tuple(profiled_s), tuple(plain_s)


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
def _scopes(module: nn.Module, stages: Mapping[str, str], parts: Sequence[str]) -> Iterator[dict[str, Scope]]:
    scopes: dict[str, Scope] = {}
    handles = []
    for site, stage in stages.items():
        for part in parts:
            path = f"{site}.{part}"
            scope = scopes[f"{_SCOPE}{path}"] = Scope(stage, part)
            child = module.get_submodule(path)
            handles += [
                child.register_forward_pre_hook(_enter(f"{_SCOPE}{path}", scope)),
                child.register_forward_hook(_leave(scope)),
            ]
    try:
        yield scopes
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


def part_times(events: Iterable[Any], scopes: Mapping[str, Scope], *, on_device: bool) -> dict[Key, float]:
    """Seconds by stage, part and pass in one profiled step.

    Args:
        events: of the profiler.
        scopes: by the name of their event.
        on_device: sum the kernels that the host's events have started, instead of the host's time.
    """
    found: dict[Key, float] = {}
    owners: dict[int, tuple[str, str]] = {}
    events = list(events)
    for event in events:
        scope = scopes.get(event.name)
        if scope is None or event.device_type.name != "CPU":
            continue
        key: Key = (scope.stage, scope.part, "forward")
        found[key] = found.get(key, 0.0) + time_of(event, on_device=on_device)
        for number in _numbers(event):
            if scope.output_number is not None and number <= scope.output_number:
                owners[number] = (scope.stage, scope.part)
    for event in events:
        owner = owners.get(event.sequence_nr)
        if owner and event.name.startswith(_BACKWARD):
            key = (*owner, "backward")
            found[key] = found.get(key, 0.0) + time_of(event, on_device=on_device)
    return found


def _numbers(event: Any) -> Iterator[int]:  # noqa: ANN401 - a profiler event
    for child in event.cpu_children:
        if child.sequence_nr >= 0:
            yield child.sequence_nr
        yield from _numbers(child)


def time_of(event: Any, *, on_device: bool) -> float:  # noqa: ANN401
    """Seconds of a profiler event on the host, or of the kernels that it has started."""
    return float(event.device_time_total if on_device else event.cpu_time_total) * _MICROSECOND


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
