"""How the name of a device becomes one that can be measured on."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sebench.errors import DeviceError, UsageError
from sebench.profilers.device import Device
from sebench.schema import Workload

_NAME = re.compile(r"(cuda|xpu|mps)(?::(\d+))?")
# Where the drivers of the accelerators that torch knows appear on Linux.
_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dri", "/dev/dxg")


def resolve_device(name: str) -> str:
    """A device as torch spells it, e.g. ``cpu`` or ``cuda:0``.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` (or ``xpu``, ``mps``); ``auto`` is the accelerator that
            torch finds, else the CPU.

    Raises:
        UsageError: no name of a device.
        DeviceError: a device that is not there.
    """
    if name == "cpu" or (name == "auto" and not _may_have_accelerator()):
        return "cpu"
    found = _NAME.fullmatch(name)
    if name != "auto" and not found:
        raise UsageError(f"--device {name!r} is not a device", hint="use auto, cpu, cuda or cuda:N")
    import torch  # noqa: PLC0415 - the CPU needs no torch here

    if name == "auto":
        present = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return "cpu" if present is None else f"{present.type}:0"
    assert found is not None  # noqa: S101 - checked above
    kind, index = found[1], int(found[2] or 0)
    _require(name, kind, index)
    return f"{kind}:{index}"


def select_device(workload: Workload) -> Device:
    """The device of `workload`, set up as it asks (threads, precision)."""
    if workload.device == "cpu":
        from sebench.profilers.cpu import CpuDevice  # noqa: PLC0415 - imports torch

        return CpuDevice(threads=workload.threads)
    from sebench.profilers.accelerator import AcceleratorDevice  # noqa: PLC0415

    return AcceleratorDevice(workload)


def _require(name: str, kind: str, index: int) -> None:
    import torch  # noqa: PLC0415

    present = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if present is None or present.type != kind:
        label = kind.upper()
        raise DeviceError(
            f"--device {name}: torch {torch.__version__} sees no {label} device here", hint="use --device cpu"
        )
    count = torch.accelerator.device_count()
    if index >= count:
        raise DeviceError(f"--device {name}: there are {count}, from {kind}:0 to {kind}:{count - 1}")


def _may_have_accelerator() -> bool:
    """Whether asking torch, which takes seconds to import, is worth it."""
    return sys.platform != "linux" or any(Path(driver).exists() for driver in _DRIVERS)
