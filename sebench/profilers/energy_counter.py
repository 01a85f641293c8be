"""Counters of used energy: what they count, and the energy between two readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sebench.errors import DeviceError


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
