"""What the sampler needs from a device, and how a name becomes one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from sebench.errors import DeviceError


class Device(Protocol):
    """A clock, a barrier and a quiet region; everything else about a device stays in its own file."""

    @property
    def name(self) -> str:
        """As torch spells it, e.g. ``cpu`` or ``cuda:0``."""

    def clock(self) -> float:
        """Monotonic seconds."""

    def synchronize(self) -> None:
        """Return once all work handed to the device is done."""

    def pause(self, duration_s: float) -> None:
        """Idle, so that segments do not lock onto a periodic disturbance."""

    def quiet(self) -> AbstractContextManager[None]:
        """The timed region: no garbage collection, no denormals; restores what it changed."""


def select_device(name: str, *, threads: int) -> Device:
    """The device called `name`.

    Args:
        name: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; ``auto`` is the CPU.
        threads: intra-op threads to set on the CPU.

    Raises:
        DeviceError: the device is absent, or one that this version cannot measure.
    """
    from sebench.profilers.cpu import CpuDevice  # noqa: PLC0415 - imports torch

    if name in ("auto", "cpu"):
        return CpuDevice(threads=threads)
    raise DeviceError(missing_device(name))


def missing_device(name: str) -> str:
    """Why `name` cannot be measured on, as one line."""
    import torch  # noqa: PLC0415 - only this branch needs it

    if not torch.cuda.is_available():
        return f"--device {name}: torch {torch.__version__} sees no CUDA device here; use --device cpu"
    return f"--device {name}: GPU timing is not part of this version yet; use --device cpu"
