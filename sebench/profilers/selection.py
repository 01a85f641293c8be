"""How the name of a device becomes one that can be measured on."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from sebench.errors import DeviceError, UsageError
from sebench.profilers.device import Device
from sebench.profilers.host import LIVE_ROOT, Host, allowed_cpus
from sebench.schema import Workload

_NAME = re.compile(r"(cuda|xpu|mps)(?::(\d+))?")
# Where the drivers of the accelerators that torch knows appear on Linux.
_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dri", "/dev/dxg")


def may_have_accelerator() -> bool:
    """Whether asking torch, which takes seconds to import, is worth it."""
    return sys.platform != "linux" or any(Path(driver).exists() for driver in _DRIVERS)


def resolve_device(
    name: str, *, world_size: int = 1, worth_asking: Callable[[], bool] = may_have_accelerator
) -> str:
    """A device as torch spells it, e.g. ``cpu`` or ``cuda:0``; of several ranks, that of the first.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` (or ``xpu``, ``mps``); ``auto`` is the accelerator that
            torch finds, else the CPU.
        world_size: number of ranks; each has an accelerator of its own, from index 0 on, or at least one of
            the CPUs.
        worth_asking: whether torch is asked for ``auto``.

    Raises:
        UsageError: no name of a device, or an index that the ranks cannot start from.
        DeviceError: a device that is not there, or too few of them.
    """
    device = _resolved(name, worth_asking)
    if world_size > 1:
        _require_ranks(device, world_size)
    return device


def _resolved(name: str, worth_asking: Callable[[], bool]) -> str:
    if name == "cpu" or (name == "auto" and not worth_asking()):
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


def _require_ranks(device: str, world_size: int) -> None:
    kind, _, index = device.partition(":")
    if kind == "cpu":
        cpus = len(allowed_cpus(Host.at(LIVE_ROOT)) or ()) or os.cpu_count() or 1
        if world_size > cpus:
            raise DeviceError(
                f"--world-size {world_size}: this process may use {cpus} CPU{'' if cpus == 1 else 's'}",
                hint=f"use --world-size {cpus}" if cpus > 1 else None,
            )
        return
    import torch  # noqa: PLC0415

    count = torch.accelerator.device_count()
    if world_size > count:
        raise DeviceError(
            f"--world-size {world_size}: there {'is' if count == 1 else 'are'} {count} {kind.upper()} "
            f"device{'' if count == 1 else 's'}",
            hint=f"use --world-size {count}" if count > 1 else "use --device cpu",
        )
    if index != "0":
        raise UsageError(
            f"--device {device}: --world-size {world_size} uses {kind}:0 to {kind}:{world_size - 1}",
            hint=f"use --device {kind}",
        )
