"""Time of every op of a step: by the clock on the CPU, by torch.profiler's kernels on an accelerator."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from torch.profiler import profile, record_function

from sebench.profilers.device import Device, Step
from sebench.profilers.trace import DISCARDED_STEPS, THIRD_STEP, activities, time_of
from sebench.schema import OpPlace, OpSample

Attributed = Callable[[Callable[[OpPlace], AbstractContextManager[object]]], AbstractContextManager[None]]
"""Within what it returns, every op of a step runs in a context that is made of the op's place."""
_SCOPE = "sebench:"
_LOG_LEVEL, _SILENT = "KINETO_LOG_LEVEL", "99"
_Times = Mapping[OpPlace, Sequence[float]]
"""Seconds of every call in one step, in the order of the step."""


def profile_ops(
    step: Step, device: Device, repeats: int, attributed: Attributed
) -> tuple[tuple[OpSample, ...], tuple[float, ...], tuple[float, ...]]:
    """Time the ops of some steps, and run as many without that; both after some that do not count.

    Args:
        step: what is taken apart.
        device: the clock.
        repeats: how many steps of either kind.
        attributed: tells what each op belongs to.

    Returns:
        Times of the ops in the order of the step, of the steps they are from and of the others, in seconds.

    Raises:
        DeviceError: the profiler does not know this kind of accelerator.
    """
    run = _by_clock if device.name == "cpu" else _by_profiler
    found: list[_Times] = []
    profiled_s: list[float] = []
    plain_s: list[float] = []
    for _ in range(repeats):
        times, step_s = run(step, device, attributed)
        found.append(times)
        profiled_s.append(step_s)
        for _ in range(DISCARDED_STEPS):
            device.timed(step, 1)
        plain_s.extend(device.timed(step, 1).steps_s)
    return tuple(_samples(found)), tuple(profiled_s), tuple(plain_s)


def _samples(found: Sequence[_Times]) -> Iterator[OpSample]:
    for place in dict.fromkeys(place for times in found for place in times):
        calls = [times.get(place, ()) for times in found]
        yield OpSample(place=place, calls=max(map(len, calls)), times_s=tuple(map(sum, calls)))


def _by_clock(step: Step, device: Device, attributed: Attributed) -> tuple[_Times, float]:
    times: dict[OpPlace, list[float]] = {}

    @contextmanager
    def during(place: OpPlace) -> Iterator[None]:
        taken = times.setdefault(place, [])
        start_s = device.clock()
        yield
        taken.append(device.clock() - start_s)

    with attributed(during):
        for _ in range(DISCARDED_STEPS):
            device.timed(step, 1)
        times.clear()
        (step_s,) = device.timed(step, 1).steps_s
    return times, step_s


def _by_profiler(step: Step, device: Device, attributed: Attributed) -> tuple[_Times, float]:
    names: dict[OpPlace, str] = {}

    def during(place: OpPlace) -> AbstractContextManager[object]:
        return record_function(names.setdefault(place, f"{_SCOPE}{len(names)}"))

    with (
        _quiet_profiler(),
        attributed(during),
        profile(activities=activities(device), schedule=THIRD_STEP) as recorded,
    ):
        for _ in range(DISCARDED_STEPS):
            device.timed(step, 1)
            recorded.step()
        (step_s,) = device.timed(step, 1).steps_s
    return op_times(recorded.events(), {name: place for place, name in names.items()}), step_s


def op_times(events: Iterable[Any], places: Mapping[str, OpPlace]) -> _Times:
    """Seconds of the kernels of every call in one profiled step.

    Args:
        events: of the profiler.
        places: by the name of their event.
    """
    times: dict[OpPlace, list[float]] = {}
    for event in events:
        place = places.get(event.name)
        if place is not None and event.device_type.name == "CPU":
            times.setdefault(place, []).append(time_of(event, on_device=True))
    return times


@contextmanager
def _quiet_profiler() -> Iterator[None]:
    """Without the log lines that the profiler's library writes to stderr from its first use on."""
    said = os.environ.get(_LOG_LEVEL)
    os.environ.setdefault(_LOG_LEVEL, _SILENT)
    try:
        yield
    finally:
        if said is None:
            del os.environ[_LOG_LEVEL]
