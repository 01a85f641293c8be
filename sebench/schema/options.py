"""The options of a workload in one place: what each is called, what it may be, how it is shown, and when.

Command-line options and filters, keys of configuration files, parameters of the library, columns of CSV and
frames, lists of results, titles of tables, names of series and the stored command derive from
`WORKLOAD_OPTIONS`, or are compared with it by the tests. A new field of `Workload` needs one entry here, and
its place in `WorkloadRequest` if people can set it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import get_args

from msgspec import NODEFAULT

from sebench.schema.base import Dtype, MemoryFormat, Optimizer, Phase, Quantization
from sebench.schema.request import Workload
from sebench.schema.runtimes import RUNTIMES

_IMAGE_RANK = 4
_COLOURS = 3

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
    noun: str = ""
    """What a filter calls it: results with this ..."""
    help: str = ""
    """Of the command-line option."""
    default: object = None
    """What holds where nothing is said; None where it depends on the command, the machine or the network."""
    kind: type[str] | type[int] = str
    """Of its value on the command line."""
    choices: tuple[str, ...] = ()
    """All that it may be; empty where the values cannot be listed."""
    short: str | None = None
    """A second, shorter option."""
    asked: str = ""
    """Name of the parameter and of the field of `WorkloadRequest`, where it is another than `field`."""
    former: tuple[str, ...] = ()
    """Names that it had before, understood until 1.0: first that in stored files, then that of the option."""
    later: bool = False
    """Whether it came after the first release. Then its column stands behind all others, and keys of stored
    files hold it only where it is not as usual, so that what was stored without it is found."""
    by_part: bool = True
    """Whether it has a meaning where the parts of a network are timed one by one."""

    @property
    def parameter(self) -> str:
        """Its name where somebody asks for it."""
        return self.asked or self.field

    @property
    def stored_name(self) -> str:
        """Its name in the first stored files, which keys and names of series are made of."""
        return (self.former or (self.field,))[0]

    def value(self, workload: Workload) -> Fact:
        """For columns: shapes as ``1x3x224x224``."""
        value = getattr(workload, self.field)
        return "x".join(map(str, value)) if isinstance(value, tuple) else value

    def is_usual(self, workload: Workload) -> bool:
        """Whether it is what a reader takes for granted."""
        return bool(getattr(workload, self.field) == self.usual)

    def arguments(self, workload: Workload) -> tuple[str, ...]:
        """As it is given on the command line; nothing where it follows from other options."""
        if self.option is None:
            return ()
        if self.field != "input_shape":
            return self.option, str(self.value(workload))
        if _is_image(workload):
            height, width = workload.input_shape[-2:]
            return self.option, str(height) if height == width else f"{height}x{width}"
        return (str(SHAPE_OPTION.option), str(self.value(workload))) if workload.input_shape[1:] else ()

    def allows(self, asked: object, workload: Workload) -> bool:
        """Whether a workload is as it was asked for; ``cuda`` takes every ``cuda:N``.

        Args:
            asked: the value of this option.
            workload: of a figure.
        """
        if self.field == "device":
            return asked in (workload.device, workload.device.partition(":")[0])
        if self is SHAPE_OPTION:
            return self.value(workload) == asked
        if self.field == "input_shape":
            height, _, width = str(asked).partition("x")
            return f"{height}x{width or height}" == image_text(workload)
        return bool(getattr(workload, self.field) == asked)


def image_text(workload: Workload) -> str:
    """Height and width, e.g. ``224x224``; of what is no image all but the batch, e.g. ``input 80x300``."""
    if _is_image(workload):
        return "x".join(map(str, workload.input_shape[-2:]))
    item = "x".join(map(str, workload.input_shape[1:]))
    return f"input {item}" if item else "example inputs"


def input_text(shape: tuple[int, ...]) -> str:
    """E.g. ``1x3x224x224``; of inputs that a function makes only the batch: ``example inputs of batch 1``."""
    return "x".join(map(str, shape)) if shape[1:] else f"example inputs of batch {shape[0]}"


def _is_image(workload: Workload) -> bool:
    return len(workload.input_shape) == _IMAGE_RANK and workload.input_shape[1] == _COLOURS


def threads_text(workload: Workload) -> str:
    """E.g. ``2 threads``, or ``1 thread per rank``."""
    plural = "" if workload.threads == 1 else "s"
    return f"{workload.threads} thread{plural}" + (" per rank" if workload.world_size > 1 else "")


def _device_and_phase(workload: Workload) -> str:
    device = "CPU" if workload.device == "cpu" else workload.device
    return f"{device} {workload.phase}"


def _nothing(_: Workload) -> str:
    return ""


_RUNTIMES_TEXT = "; ".join(f"{runtime.name}, {runtime.help}" for runtime in RUNTIMES)

WORKLOAD_OPTIONS: tuple[WorkloadOption, ...] = (
    WorkloadOption(
        "device",
        "--device",
        "device",
        _device_and_phase,
        always=True,
        noun="device",
        help="auto, cpu, cuda or cuda:N.",
        default="auto",
    ),
    WorkloadOption(
        "phase",
        "--phase",
        "phase",
        _nothing,  # said with the device
        always=True,
        noun="phase",
        help="training = forward + backward, no optimizer.",
        choices=get_args(Phase),
    ),
    WorkloadOption(
        "batch_size",
        "--batch-size",
        "batch",
        lambda w: f"batch {w.batch_size}",
        always=True,
        noun="batch size",
        help="Images per step; default: 1; in training 16 on the CPU, 256 elsewhere.",
        kind=int,
        short="-b",
    ),
    WorkloadOption(
        "input_shape",
        "--image-size",
        "input",
        image_text,
        always=True,
        noun="image size",
        help="Input size: one side or HEIGHTxWIDTH; default: the network's own.",
        asked="image_size",
    ),
    WorkloadOption(
        "dtype",
        "--dtype",
        "dtype",
        lambda w: w.dtype,
        usual="float32",
        always=True,
        noun="number format",
        help="Number format.",
        default="float32",
        choices=get_args(Dtype),
    ),
    WorkloadOption(
        "memory_format",
        "--memory-format",
        "layout",
        lambda w: w.memory_format,
        usual="contiguous",
        noun="layout",
        help="Memory layout of input and weights.",
        default="contiguous",
        choices=get_args(MemoryFormat),
    ),
    WorkloadOption(
        "threads",
        "--threads",
        "threads",
        threads_text,
        always=True,
        noun="number of threads",
        help="CPU threads (intra-op); default: the cores that this process may use.",
        kind=int,
    ),
    WorkloadOption(
        "runtime",
        "--runtime",
        "runtime",
        lambda w: w.runtime,
        usual="eager",
        noun="runtime",
        help=f"How steps run: {_RUNTIMES_TEXT}. Compiling and capturing are timed apart.",
        default="eager",
        choices=tuple(runtime.name for runtime in RUNTIMES),
        former=("execution", "exec"),
    ),
    WorkloadOption(
        "quantize",
        "--quantize",
        "quantization",
        lambda w: w.quantize,
        usual="none",
        noun="quantization",
        help="Static quantization by the runtime, calibrated on seeded inputs.",
        default="none",
        choices=get_args(Quantization),
        later=True,
        by_part=False,
    ),
    WorkloadOption(
        "optimizer",
        "--optimizer",
        "optimizer",
        lambda w: f"with {w.optimizer}",
        usual="none",
        noun="optimizer",
        help="Include the weight update in the training step.",
        default="none",
        choices=get_args(Optimizer),
        by_part=False,
    ),
    WorkloadOption(
        "micro_batch_size", None, "emulated by", lambda w: f"emulated by {w.micro_batch_size}", usual=None
    ),
    WorkloadOption(
        "world_size",
        "--world-size",
        "world size",
        lambda w: f"world size {w.world_size}",
        usual=1,
        noun="world size",
        help="Train data-parallel (DDP) in N processes that share the batch.",
        default=1,
        kind=int,
        by_part=False,
    ),
    WorkloadOption("cudnn_benchmark", None, "cuDNN search", lambda _: "without cuDNN search", usual=True),
)
"""One per field of `Workload`, in the order in which titles name them."""

SHAPE_OPTION = WorkloadOption(
    "input_shape",
    "--input-shape",
    "input",
    _nothing,  # said as the image size is
    noun="input shape",
    help="Shape of the input with the batch in front, e.g. 1x80x300, instead of an image size.",
)
"""A second way to say what the input is: of a network that takes no images, or others than its own."""


def _asked_options() -> Iterator[WorkloadOption]:
    for option in WORKLOAD_OPTIONS:
        if option.option:
            yield option
        if option.field == "input_shape":
            yield SHAPE_OPTION


ASKED_OPTIONS: tuple[WorkloadOption, ...] = tuple(_asked_options())
"""Those that people can set: one per field of `WorkloadRequest`."""

COLUMN_OPTIONS: dict[str, WorkloadOption] = {
    **{option.stored_name: option for option in WORKLOAD_OPTIONS if not option.later},
    **{option.field: option for option in WORKLOAD_OPTIONS if option.former},
    **{option.field: option for option in WORKLOAD_OPTIONS if option.later},
}
"""By key of a column. Columns are added at the end and never moved: what is called anew has two until 1.0."""

WORKLOAD_COLUMNS: tuple[str, ...] = tuple(COLUMN_OPTIONS)
"""Keys of the columns that `workload_values` fills."""
