"""Clocks, temperature, power and neighbours of an NVIDIA GPU; reads only, and never fails a measurement.

A GPU is found by its UUID, because the indices of the library do not follow ``CUDA_VISIBLE_DEVICES``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

from sebench.errors import DeviceError
from sebench.profilers.device import Zone
from sebench.schema import DeviceState

T = TypeVar("T")
_WITHOUT = "measure without --energy"

# nvmlClocksEventReasons of the library, by the bit that reports them.
SLOWDOWNS = {
    0x4: "power-cap",
    0x8: "hw-slowdown",
    0x20: "thermal",
    0x40: "hw-thermal",
    0x80: "power-brake",
}
EXTERNAL_SLOWDOWNS = frozenset(("hw-slowdown", "hw-thermal", "power-brake"))
"""Not caused by the workload: a block under one of these does not count."""
_MEGAHERTZ, _MILLIWATT, _MILLIJOULE = 1e6, 1e-3, 1e-3


def open_reader(uuid: str | None, library: ModuleType | None = None) -> NvmlReader | None:
    """A reader for the GPU with this UUID, or None where the library or the GPU cannot be reached.

    Args:
        uuid: as torch gives it, with or without ``GPU-``.
        library: stands for the ``pynvml`` module in tests.
    """
    if uuid is None:
        return None
    try:
        pynvml = library or _library()
        pynvml.nvmlInit()
    except Exception:  # noqa: BLE001 - a missing library, driver or permission all mean the same here
        return None
    # torch leaves the prefix out, and gives the UUID of an instance where a GPU is split.
    names = (uuid,) if uuid.startswith(("GPU-", "MIG-")) else (f"GPU-{uuid}", f"MIG-{uuid}")
    for name in names:
        with contextlib.suppress(pynvml.NVMLError):
            return NvmlReader(pynvml, pynvml.nvmlDeviceGetHandleByUUID(name), split=name.startswith("MIG-"))
    return None


def _library() -> ModuleType:
    import pynvml  # noqa: PLC0415 - only GPUs need it

    library: ModuleType = pynvml
    return library


class NvmlCounter:
    """Energy of one board since its driver was loaded (NVIDIA Volta and later)."""

    name = "nvml"
    zones = (Zone(name="board", joules_per_count=_MILLIJOULE),)

    def __init__(self, library: Any, handle: Any) -> None:  # noqa: ANN401 - an untyped module and its handle
        self._nvml, self._handle = library, handle

    def read(self) -> tuple[int, ...]:
        """Millijoules.

        Raises:
            DeviceError: not supported, not permitted, or the GPU is lost.
        """
        try:
            return (int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)),)
        except (self._nvml.NVMLError, AttributeError) as error:
            raise DeviceError(f"the GPU's energy counter cannot be read: {error}", hint=_WITHOUT) from error


class NvmlReader:
    """One GPU; whatever it does not tell is None."""

    def __init__(self, library: Any, handle: Any, *, split: bool = False) -> None:  # noqa: ANN401 - untyped
        self._nvml, self._handle, self._split = library, handle, split

    def state(self) -> DeviceState:
        """The GPU right now."""
        nvml, handle = self._nvml, self._handle
        reasons = self._ask(lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))
        memory = self._ask(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        return DeviceState(
            sm_clock_hz=self._scaled(
                lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM), _MEGAHERTZ
            ),
            memory_clock_hz=self._scaled(
                lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM), _MEGAHERTZ
            ),
            temperature_c=self._scaled(
                lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU), 1.0
            ),
            power_w=self._scaled(lambda: nvml.nvmlDeviceGetPowerUsage(handle), _MILLIWATT),
            slowdowns=tuple(name for bit, name in SLOWDOWNS.items() if reasons and reasons & bit),
            used_bytes=None if memory is None else int(memory.used),
            other_processes=self._other_processes(),
        )

    def facts(self) -> dict[str, Any]:
        """What does not change during a measurement."""
        nvml, handle = self._nvml, self._handle
        return {
            "driver": self._ask(nvml.nvmlSystemGetDriverVersion),
            "power_limit_w": self._scaled(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle), _MILLIWATT),
            "persistence": self._ask(lambda: bool(nvml.nvmlDeviceGetPersistenceMode(handle))),
            "ecc": self._ask(lambda: bool(nvml.nvmlDeviceGetEccMode(handle)[0])),
            "mig": self._mig(),
        }

    def energy_counter(self) -> NvmlCounter:
        """The counter of the whole board.

        Raises:
            DeviceError: this GPU has none, it may not be read, or the GPU is split (MIG): then it counts what
                other instances use as well.
        """
        if self._mig():
            raise DeviceError(
                "no energy of this GPU: it is split (MIG), but its counter covers the whole board",
                hint=_WITHOUT,
            )
        counter = NvmlCounter(self._nvml, self._handle)
        counter.read()
        return counter

    def _mig(self) -> bool | None:
        mode = self._ask(lambda: self._nvml.nvmlDeviceGetMigMode(self._handle))
        return self._split or (None if mode is None else bool(mode[0]))

    def _other_processes(self) -> int | None:
        found = self._ask(lambda: self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle))
        if found is None:
            return None
        # One of them is this one, in a container under its number on the host; some list none there at all.
        return max(len(found) - 1, 0)

    def _scaled(self, read: Callable[[], Any], factor: float) -> float | None:
        value = self._ask(read)
        return None if value is None else float(value) * factor

    def _ask(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except (self._nvml.NVMLError, AttributeError):  # not supported, not permitted, or an older library
            return None
