"""Options that several commands have."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sebench import store
from sebench.schema import (
    ASKED_OPTIONS,
    COLUMN_OPTIONS,
    Effort,
    Phase,
    StrideIn,
    WorkloadOption,
    WorkloadRequest,
)

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


Command = Callable[..., int | None]
PARAMETER = "workload"
"""Name of the parameter that the options take the place of."""

FORMER_NAMES = {
    former.replace("_", "-"): option.parameter.replace("_", "-")
    for option in ASKED_OPTIONS
    for former in option.former
}
"""Options by their former names, without the dashes; understood until 1.0, and not in any help."""

_DEVICES = "Only results from cpu, cuda:N, or cuda for any of these."


def present_name(word: str) -> str:
    """What an option is called now, without the dashes; Typer asks for every one."""
    return FORMER_NAMES.get(word, word)


def takes_workload(
    *,
    phase_help: str | None = None,
    phase_default: Phase | None = None,
    defaults: bool = True,
    by_part: bool = False,
) -> Callable[[Command], Command]:
    """Give a command the options that say what is measured; it gets them as its `workload`.

    Args:
        phase_help: text for ``--phase``, where it means something particular.
        phase_default: where nothing is said.
        defaults: take the defaults of the catalogue; without, what is not said is None.
        by_part: only what has a meaning where parts of a network are timed.
    """

    def adapted(option: WorkloadOption) -> WorkloadOption:
        if option.field == "phase":
            return replace(option, default=phase_default, help=phase_help or option.help)
        return option if defaults else replace(option, default=None)

    return _in_place([adapted(option) for option in ASKED_OPTIONS if option.by_part or not by_part])


def takes_filters(command: Command) -> Command:
    """Give a command the options that choose stored results by their workload, as its `workload`."""
    filters = (
        replace(
            option,
            default=None,
            help=_DEVICES if option.field == "device" else f"Only results with this {option.noun}.",
        )
        for option in ASKED_OPTIONS
    )
    return _in_place(tuple(filters))(command)


def _in_place(options: Iterable[WorkloadOption]) -> Callable[[Command], Command]:
    """A decorator that replaces the parameter `workload` of a command by one per option."""
    options = tuple(options)

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(**given: Any) -> int | None:  # noqa: ANN401 - Typer's values
            values = {option.parameter: given.pop(option.parameter) for option in options}
            return command(**given, **{PARAMETER: WorkloadRequest(**values)})

        signature = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            if parameter.name == PARAMETER:
                parameters.extend(map(_parameter, options))
            else:
                parameters.append(parameter)
        # Typer reads the signature, and types from the annotations.
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _parameter(option: WorkloadOption) -> inspect.Parameter:
    kind: Any = Literal[option.choices] if option.choices else option.kind
    names = filter(None, (option.option, option.short))
    return inspect.Parameter(
        option.parameter,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=option.default,
        annotation=Annotated[
            kind if option.default is not None else kind | None, typer.Option(*names, help=option.help)
        ],
    )
