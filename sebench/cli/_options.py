"""Options that several commands share: one spelling, one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sebench import store
from sebench.schema import COLUMN_OPTIONS, Effort, Phase, StrideIn

RESULTS = store.RESULTS
CALIBRATIONS = store.CALIBRATIONS

Format = Literal["table", "json", "markdown", "csv", "latex", "html"]


def _complete_model(incomplete: str) -> list[str]:
    from sebench import models

    return [info.name for info in models.list_models() if info.name.startswith(incomplete)]


def parse_image_size(text: int | str | None) -> int | tuple[int, int] | None:
    """A size as it was given; None where nothing was said.

    Raises:
        UsageError: no size.
    """
    from sebench import models

    return None if text is None else models.parse_image_size(str(text))


Models = Annotated[
    list[str],
    typer.Option(
        "--model",
        "-m",
        help="Network to build; repeatable; see 'sebench list'.",
        autocompletion=_complete_model,
    ),
]
VARIANT_HELP = "Variant, e.g. se or 'se(r=8,stages=2-4)'; repeatable"
Variants = Annotated[list[str], typer.Option("--variant", "-v", help=f"{VARIANT_HELP}.")]
ImageSize = Annotated[str | None, typer.Option("--image-size", help=COLUMN_OPTIONS["input_shape"].help)]
NumClasses = Annotated[
    int | None, typer.Option("--num-classes", help="Number of classes; default: the network's own.")
]
Stride = Annotated[
    StrideIn | None,
    typer.Option(
        "--stride-in", help="Which convolution strides in bottleneck ResNets: 1x1 is v1, 3x3 is v1.5."
    ),
]
PhaseOption = Annotated[Phase, typer.Option("--phase", help=COLUMN_OPTIONS["phase"].help)]
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="Output format.")]
Output = Annotated[
    str,
    typer.Option("--output", "-o", help="Output file (its folders are created), or - for standard output."),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot", metavar="FILE", help="Also draw a picture: FILE.svg, or FILE.png with the html extra."
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", help="Random seed of weights, order and pauses; default: drawn and recorded."),
]
Cache = Annotated[
    bool,
    typer.Option("--cache/--no-cache", help="Reuse counts and machine bounds of earlier runs."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors on standard error.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")]
Calibrations = Annotated[Path, typer.Option("--calibrations", help="Directory of calibrations.")]
EffortOption = Annotated[
    Effort,
    typer.Option(
        "--effort", help="How long to measure: quick, 1 process; standard, 6; rigorous, 12 or more."
    ),
]
