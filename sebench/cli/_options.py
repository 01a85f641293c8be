"""Options that several commands share: one spelling, one help text."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """Output formats."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"
    CSV = "csv"


class PhaseName(StrEnum):
    """What one step is."""

    INFERENCE = "inference"
    TRAINING = "training"


class Dtype(StrEnum):
    """Number formats."""

    FLOAT32 = "float32"
    TF32 = "tf32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    AMP_BFLOAT16 = "amp-bfloat16"


class MemoryFormat(StrEnum):
    """Tensor layouts."""

    CONTIGUOUS = "contiguous"
    CHANNELS_LAST = "channels_last"


class EffortName(StrEnum):
    """How hard to measure."""

    QUICK = "quick"
    STANDARD = "standard"
    RIGOROUS = "rigorous"


class StrideIn(StrEnum):
    """Where a bottleneck ResNet strides."""

    FIRST = "1x1"
    MIDDLE = "3x3"


def _complete_model(incomplete: str) -> list[str]:
    from sebench import models

    return [info.name for info in models.list_models() if info.name.startswith(incomplete)]


Models = Annotated[
    list[str],
    typer.Option(
        "--model", "-m", help="Network to build; repeatable. See 'sebench list'.", autocompletion=_complete_model
    ),
]
Variants = Annotated[
    list[str], typer.Option("--variant", "-v", help="Variant, e.g. se or 'se(r=8,stages=2-4)'; repeatable.")
]
ImageSize = Annotated[
    int | None, typer.Option("--image-size", help="Side of the square input in pixels; default: the network's own.")
]
NumClasses = Annotated[
    int | None, typer.Option("--num-classes", help="Width of the classifier; default: the network's own.")
]
Stride = Annotated[
    StrideIn | None,
    typer.Option("--stride-in", help="Convolution that strides in bottleneck ResNets: 1x1 is v1, 3x3 is v1.5."),
]
PhaseOption = Annotated[PhaseName, typer.Option("--phase", help="training = forward + backward, no optimizer.")]
DtypeOption = Annotated[Dtype, typer.Option("--dtype", help="Number format.")]
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="Output format.")]
Output = Annotated[str, typer.Option("--output", "-o", help="File to write; - is standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Errors only on standard error.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
