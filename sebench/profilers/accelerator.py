"""Any accelerator that torch drives (CUDA, XPU, MPS), timed between barriers and by its own events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from sebench.errors import DeviceError
from sebench.profilers.device import EnergyCounter, Step, Timing, collector_off, parts_of
from sebench.profilers.nvml import NvmlReader, open_reader
from sebench.schema import DeviceState, Workload

CANARY_MATMUL_SIDE = 4096
CANARY_COPY_BYTES = 256 * 2**20
_MILLISECOND = 1e-3


class AcceleratorDevice:
    """Wall time around a span of steps with a barrier at both ends; events over the same span beside it."""

    def __init__(self, workload: Workload) -> None:
        device = torch.device(workload.device)
        self._device = torch.device(device.type, device.index or 0)
        torch.accelerator.set_device_index(self._device.index)
        set_precision(workload)
        self._marks: list[torch.Event] = []
        self._canary: Callable[[], object] | None = None
        self._reader: NvmlReader | None = open_reader(device_uuid(self._device))

    @property
    def name(self) -> str:
        """With its index, e.g. ``cuda:0``."""
        return str(self._device)

    def clock(self) -> float:
        """Monotonic seconds of the host."""
        return time.perf_counter()

    def timed(self, step: Step, count: int) -> Timing:
        """Run `count` steps without a barrier in between; all times are means over them."""
        if count == 0:
            return Timing(steps_s=())
        run, restore = parts_of(step)
        if restore is not None:
            restore()
        begins, self._marks = [], []
        torch.accelerator.synchronize(self._device)
        start_s = self.clock()
        for _ in range(count):
            begins.append(self._record())
            run()
        end = self._record()
        submitted_s = self.clock()
        torch.accelerator.synchronize(self._device)
        end_s = self.clock()
        return Timing(
            steps_s=((end_s - start_s) / count,),
            forward_s=self._forward_s(begins),
            device_s=begins[0].elapsed_time(end) * _MILLISECOND / count,
            submit_s=(submitted_s - start_s) / count,
        )

    def mark(self) -> None:
        """Record an event between forward and backward."""
        self._marks.append(self._record())

    def pause(self, duration_s: float) -> None:
        """Leave the device idle."""
        time.sleep(duration_s)

    def canary_s(self) -> float:
        """A fixed matrix product and a fixed copy; their tensors are made on first use."""
        if self._canary is None:
            self._canary = self._fixed_work()
            self.timed(self._canary, 2)
        return self.timed(self._canary, 1).steps_s[0]

    def state(self) -> DeviceState | None:
        """What the management library says; None where there is none."""
        return self._reader.state() if self._reader else None

    def energy_counter(self) -> EnergyCounter:
        """NVML's counter of the whole board.

        Raises:
            DeviceError: there is no NVML for this device, the GPU has no counter or does not let it be read,
                or the GPU is split (MIG) and the counter covers other instances as well.
        """
        if self._reader is None:
            reason = "NVML cannot be reached" if self._device.type == "cuda" else "only NVIDIA GPUs have one"
            raise DeviceError(f"no energy counter of {self.name}: {reason}", hint="measure without --energy")
        return self._reader.energy_counter()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Garbage collection off."""
        with collector_off():
            yield

    def _record(self) -> torch.Event:
        event = torch.Event(self._device, enable_timing=True)
        event.record()
        return event

    def _forward_s(self, begins: list[torch.Event]) -> tuple[float, ...]:
        if len(self._marks) != len(begins):
            return ()
        spans = (begin.elapsed_time(mark) for begin, mark in zip(begins, self._marks, strict=True))
        return (sum(spans) * _MILLISECOND / len(begins),)

    def _fixed_work(self) -> Callable[[], object]:
        matrix = torch.ones(CANARY_MATMUL_SIDE, CANARY_MATMUL_SIDE, device=self._device)
        source = torch.zeros(CANARY_COPY_BYTES, dtype=torch.uint8, device=self._device)
        target = torch.empty_like(source)

        def work() -> None:
            torch.mm(matrix, matrix)
            target.copy_(source)

        return work


def set_precision(workload: Workload) -> None:
    """Set what a workload says about float32 arithmetic, for matrix products and convolutions alike.

    torch's defaults differ between the two (TF32 off for the one and on for the other), so an SE block of
    linear layers and one of 1x1 convolutions would compute in different precision.
    """
    tf32 = workload.dtype == "tf32"
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = workload.cudnn_benchmark


def device_uuid(device: torch.device) -> str | None:
    """What NVML knows a CUDA device as; None for any other."""
    if device.type != "cuda":
        return None
    found = getattr(torch.cuda.get_device_properties(device), "uuid", None)
    return None if found is None else str(found)
