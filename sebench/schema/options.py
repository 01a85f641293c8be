"""The options of a workload in one place: what each is called, how it is shown, and when.

Columns of CSV and frames, lists of results, titles of tables, names of series and the stored command derive
from `WORKLOAD_OPTIONS`. A new field of `Workload` needs one entry here, at the end: columns are added, never
moved.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from msgspec import NODEFAULT

from sebench.schema.request import Workload

Fact = str | int | None
"""What a column holds."""


@dataclass(frozen=True, slots=True)
class WorkloadOption:
    """One field of `Workload` as people and programs meet it."""

    field: str
    """Its name; also the key of its column."""
    option: str | None
    """The command-line option that sets it; None where it follows from others."""
    label: str
    """Heading of its column."""
    words: Callable[[Workload], str]
    """What a title says of it; empty where nothing has to be said."""
    usual: object = NODEFAULT
    """What a reader takes for granted; `NODEFAULT` where nothing is."""
    always: bool = False
    """Whether titles, names of series and commands state it even where it is as usual."""

    def value(self, workload: Workload) -> Fact:
        """For columns: shapes as ``1x3x224x224``."""
        value = getattr(workload, self.field)
        return "x".join(map(str, value)) if isinstance(value, tuple) else value

    def is_usual(self, workload: Workload) -> bool:
        """Whether it is what a reader takes for granted."""
        return bool(getattr(workload, self.field) == self.usual)


def image_text(workload: Workload) -> str:
    """Height and width, e.g. ``224x224``."""
    return "x".join(map(str, workload.input_shape[-2:]))


def threads_text(workload: Workload) -> str:
    """E.g. ``2 threads``, or ``1 thread per rank``."""
    plural = "" if workload.threads == 1 else "s"
    return f"{workload.threads} thread{plural}" + (" per rank" if workload.world_size > 1 else "")


def _device_and_phase(workload: Workload) -> str:
    device = "CPU" if workload.device == "cpu" else workload.device
    return f"{device} {workload.phase}"


def _nothing(_: Workload) -> str:
    return ""


WORKLOAD_OPTIONS: tuple[WorkloadOption, ...] = (
    WorkloadOption("device", "--device", "device", _device_and_phase, always=True),
    WorkloadOption("phase", "--phase", "phase", _nothing, always=True),  # said with the device
    WorkloadOption("batch_size", "--batch-size", "batch", lambda w: f"batch {w.batch_size}", always=True),
    WorkloadOption("input_shape", "--image-size", "input", image_text, always=True),
    WorkloadOption("dtype", "--dtype", "dtype", lambda w: w.dtype, usual="float32", always=True),
    WorkloadOption(
        "memory_format", "--memory-format", "layout", lambda w: w.memory_format, usual="contiguous"
    ),
    WorkloadOption("threads", "--threads", "threads", threads_text, always=True),
    WorkloadOption("execution", "--exec", "exec", lambda w: w.execution, usual="eager"),
    WorkloadOption("optimizer", "--optimizer", "optimizer", lambda w: f"with {w.optimizer}", usual="none"),
    WorkloadOption(
        "micro_batch_size", None, "emulated by", lambda w: f"emulated by {w.micro_batch_size}", usual=None
    ),
    WorkloadOption(
        "world_size", "--world-size", "world size", lambda w: f"world size {w.world_size}", usual=1
    ),
    WorkloadOption("cudnn_benchmark", None, "cuDNN search", lambda _: "without cuDNN search", usual=True),
)
"""One per field of `Workload`, in the order of the columns."""

WORKLOAD_COLUMNS: tuple[str, ...] = tuple(option.field for option in WORKLOAD_OPTIONS)
"""Keys of the columns that `workload_values` fills."""


def workload_values(workload: Workload | None) -> tuple[Fact, ...]:
    """One value per column; None throughout where there is no workload."""
    return tuple(None if workload is None else option.value(workload) for option in WORKLOAD_OPTIONS)


def workload_words(workload: Workload, *, without: Collection[str] = ()) -> Iterator[str]:
    """What a title says: what is always stated, and whatever else is not as usual.

    Args:
        workload: what it is about.
        without: fields that are said elsewhere.
    """
    for option in WORKLOAD_OPTIONS:
        if option.field in without or (option.is_usual(workload) and not option.always):
            continue
        if words := option.words(workload):
            yield words


def unusual_words(workload: Workload) -> tuple[str, ...]:
    """What a sentence has to add to device, phase and batch: precision, execution and the like."""
    left_out = [
        option.field for option in WORKLOAD_OPTIONS if option.usual is NODEFAULT or option.is_usual(workload)
    ]
    return tuple(workload_words(workload, without=left_out))
