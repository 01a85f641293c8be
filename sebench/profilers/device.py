"""What the sampler needs from a device: a clock, a barrier, and the counter of its energy."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sebench.errors import DeviceError
from sebench.schema import DeviceState


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """One register of a counter."""

    name: str
    """What it covers, e.g. ``package-0``, ``dram`` or ``board``."""
    joules_per_count: float
    range_counts: int | None = None
    """Where it starts again from 0; None where it never does."""


class EnergyCounter(Protocol):
    """Registers that only ever grow, until they start again from 0."""

    @property
    def name(self) -> str:
        """``nvml`` or ``rapl``."""

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The registers, in the order of a reading."""

    def read(self) -> tuple[int, ...]:
        """All registers now, in counts.

        Raises:
            DeviceError: one cannot be read (any more).
        """


def joules_between(zones: Sequence[Zone], before: Sequence[int], after: Sequence[int]) -> float:
    """Energy between two readings, summed over the zones, in joules.

    A register may have started again once: at 250 W a common range of 65 kJ lasts four minutes, far longer
    than a window.

    Raises:
        DeviceError: a register that does not wrap ran backwards.
    """
    readings = zip(zones, before, after, strict=True)
    return sum(_counts(zone, first, last) * zone.joules_per_count for zone, first, last in readings)


def _counts(zone: Zone, before: int, after: int) -> int:
    if after >= before:
        return after - before
    if zone.range_counts is None:
        raise DeviceError(f"the energy counter of {zone.name} ran backwards", hint="measure again")
    return after - before + zone.range_counts


Step = Callable[[], object]
S_contra = TypeVar("S_contra", contravariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class RestoredStep:
    """A step that starts from the same input each time, although a network writes to it."""

    run: Step
    restore: Callable[[], object]
    """Brings the input back; `Device.timed` calls it outside of what it times."""

    def __call__(self) -> object:
        """Restore, then run."""
        self.restore()
        return self.run()


def parts_of(step: Step) -> tuple[Step, Callable[[], object] | None]:
    """What is timed of a step, and what comes before it."""
    return (step.run, step.restore) if isinstance(step, RestoredStep) else (step, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long some steps took, in seconds per step."""

    steps_s: tuple[float, ...]
    """One per step, or one mean where the device runs asynchronously."""
    forward_s: tuple[float, ...] = ()
    """The part of each up to `Device.mark`; empty where the step does not call it."""
    device_s: float | None = None
    """Mean by the device's own events over the same span; None where it has none."""
    submit_s: float | None = None
    """Mean host time to hand a step over; None where steps return finished."""


class Stopwatch(Protocol[S_contra]):
    """What interleaved timing needs: a clock, and a way to time steps, each an `S_contra`."""

    def clock(self) -> float:
        """Monotonic seconds."""

    def timed(self, step: S_contra, count: int) -> Timing:
        """Run `step` `count` times between two barriers and time them.

        The input of a `RestoredStep` is brought back as often as that takes no time of a step: before each
        where steps are timed one by one, else before all of them.
        """

    def pause(self, duration_s: float) -> None:
        """Idle, so that segments do not lock onto a periodic disturbance."""

    def canary_s(self) -> float:
        """Time of a fixed piece of work that has nothing to do with the networks."""

    def state(self) -> DeviceState | None:
        """Clocks, temperature and neighbours right now; None where there is nothing to read."""


class Device(Stopwatch[Step], Protocol):
    """A device that runs steps in this process; everything else about it stays in its own file."""

    @property
    def name(self) -> str:
        """As torch spells it, e.g. ``cpu`` or ``cuda:0``."""

    def mark(self) -> None:
        """Called by a training step between forward and backward."""

    def energy_counter(self) -> EnergyCounter:
        """The counter of the energy that the device uses.

        Raises:
            DeviceError: there is none, or it cannot be read; says why.
        """

    def quiet(self) -> AbstractContextManager[None]:
        """The timed region: no garbage collection, no denormals; restores what it changed."""


@contextmanager
def collector_off() -> Iterator[None]:
    """No garbage collection; restored to what it was."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
