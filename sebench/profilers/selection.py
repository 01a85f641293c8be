"""How the name of a device becomes one that can be measured on."""

from __future__ import annotations

from sebench.errors import DeviceError
from sebench.profilers.device import Device
from sebench.schema import Workload


def select_device(workload: Workload) -> Device:
    """The device of `workload`, set up as it asks (threads, precision).

    Raises:
        DeviceError: the device is absent, or one that this version cannot measure.
    """
    from sebench.profilers.cpu import CpuDevice  # noqa: PLC0415 - imports torch

    if workload.device == "cpu":
        return CpuDevice(threads=workload.threads)
    raise DeviceError(missing_device(workload.device))


def missing_device(name: str) -> str:
    """Why `name` cannot be measured on, as one line."""
    import torch  # noqa: PLC0415 - only this branch needs it

    if not torch.cuda.is_available():
        return f"--device {name}: torch {torch.__version__} sees no CUDA device here; use --device cpu"
    return f"--device {name}: GPU timing is not part of this version yet; use --device cpu"
