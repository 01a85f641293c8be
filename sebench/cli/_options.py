"""Options that several commands have."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import typer

from sebench import store
from sebench.schema import (
    ASKED_OPTIONS,
    COLUMN_OPTIONS,
    NETWORK_OPTIONS,
    SEARCH_AXES,
    SHAPE_OPTION,
    Effort,
    NetworkOption,
    NetworkOptions,
    Phase,
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
USUAL_CANDIDATE = "default: asis of a network with attention of its own, else se"
ImageSize = Annotated[str | None, typer.Option("--image-size", help=COLUMN_OPTIONS["input_shape"].help)]
InputShape = Annotated[str | None, typer.Option("--input-shape", help=SHAPE_OPTION.help)]
Attention = Annotated[
    list[str],
    typer.Option(
        "--attention",
        metavar="CLASS",
        help="Class of your own attention (FILE.py:NAME), as another variant; repeatable.",
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
_RUNTIME = COLUMN_OPTIONS["runtime"]
RuntimeName = StrEnum("RuntimeName", {name: name for name in _RUNTIME.choices})  # type: ignore[misc]
"""An enum: Typer takes no list of literals."""
Runtimes = Annotated[
    list[RuntimeName],
    typer.Option("--runtime", help=f"{_RUNTIME.help} Repeatable."),
]
EffortOption = Annotated[
    Effort,
    typer.Option(
        "--effort", help="How long to measure: quick, 1 process; standard, 6; rigorous, 12 or more."
    ),
]


Command = Callable[..., int | None]
WORKLOAD, NETWORK, AXES = "workload", "network", "axes"
"""Names of the parameters that options take the place of."""
WORKLOAD_AXES = "axes"
"""Likewise, of what is said of a workload by a list each."""

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


def given(context: typer.Context) -> frozenset[str]:
    """Names of the parameters that stand on the command line."""
    sources = ((name, context.get_parameter_source(name)) for name in context.params)
    return frozenset(name for name, source in sources if source and source.name == "COMMANDLINE")


def takes_workload(
    *,
    phase_help: str | None = None,
    phase_default: Phase | None = None,
    defaults: bool = True,
    by_part: bool = False,
    without: Collection[str] = (),
) -> Callable[[Command], Command]:
    """Give a command the options that say what is measured; it gets them as its `workload`.

    Args:
        phase_help: text for ``--phase``, where it means something particular.
        phase_default: where nothing is said.
        defaults: take the defaults of the catalogue; without, what is not said is None.
        by_part: only what has a meaning where parts of a network are timed.
        without: fields that the command takes otherwise.
    """

    def adapted(option: WorkloadOption) -> WorkloadOption:
        if option.field == "phase":
            return replace(option, default=phase_default, help=phase_help or option.help)
        return option if defaults else replace(option, default=None)

    options = [
        adapted(option)
        for option in ASKED_OPTIONS
        if (option.by_part or not by_part) and option.field not in without
    ]
    return _in_place(WORKLOAD, list(map(_parameter, options)), lambda values: WorkloadRequest(**values))


def takes_workload_axes(command: Command) -> Command:
    """Give a command the options of a workload, each repeatable.

    It gets those that were said as its `axes`: values by the names of the parameters.
    """

    def made(values: dict[str, Any]) -> dict[str, list[Any]]:
        return {name: list(map(_plain, given)) for name, given in values.items() if given}

    return _in_place(WORKLOAD_AXES, list(map(_axis_parameter, ASKED_OPTIONS)), made)(command)


def takes_network(
    *, without: Collection[str] = (), helps: Mapping[str, str] = MappingProxyType({})
) -> Callable[[Command], Command]:
    """Give a command the options that say how networks are built; it gets them as its `network`.

    Args:
        without: fields that mean nothing to it.
        helps: texts of fields that mean something else to it.
    """
    options = [
        replace(option, help=helps.get(option.field, option.help))
        for option in NETWORK_OPTIONS
        if option.field not in without
    ]

    def made(values: dict[str, Any]) -> NetworkOptions:
        return NetworkOptions(**{**values, "model_args": tuple(values["model_args"])})

    return _in_place(NETWORK, list(map(_network_parameter, options)), made)


def takes_axes(command: Command) -> Command:
    """Give a command the options of attention that a search varies; it gets values by name as its `axes`."""
    names = {f"axis_{name}": name for name in SEARCH_AXES}
    options = [
        inspect.Parameter(
            parameter,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=[],
            annotation=Annotated[
                list[str],
                typer.Option(
                    f"--{name}",
                    metavar=name.upper(),
                    help=f"{name} to try: {SEARCH_AXES[name].meaning}; repeatable.",
                ),
            ],
        )
        for parameter, name in names.items()
    ]

    def made(values: dict[str, Any]) -> dict[str, tuple[str, ...]]:
        return {names[parameter]: tuple(given) for parameter, given in values.items() if given}

    return _in_place(AXES, options, made)(command)


def with_attention(variants: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Variants as they were said, and one more for each class of the user's own attention."""
    return [*variants, *(f"custom(class={each})" for each in classes)]


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
    decorate = _in_place(WORKLOAD, list(map(_parameter, filters)), lambda values: WorkloadRequest(**values))
    return decorate(command)


def _in_place(
    replaced: str, options: Sequence[inspect.Parameter], made: Callable[[dict[str, Any]], object]
) -> Callable[[Command], Command]:
    """A decorator that replaces one parameter of a command by several.

    Args:
        replaced: name of the one.
        options: the others.
        made: makes the value of the one of theirs.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(**given: Any) -> int | None:  # noqa: ANN401 - Typer's values
            values = {option.name: given.pop(option.name) for option in options}
            return command(**given, **{replaced: made(values)})

        signature = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            if parameter.name == replaced:
                parameters.extend(options)
            else:
                parameters.append(parameter)
        # Typer reads the signature, and types from the annotations.
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _network_parameter(option: NetworkOption) -> inspect.Parameter:
    kind: Any = Literal[option.choices] if option.choices else option.kind
    settings: dict[str, Any] = {"help": option.help} | ({"metavar": option.metavar} if option.metavar else {})
    return inspect.Parameter(
        option.field,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=[] if option.repeatable else None,
        annotation=Annotated[
            list[kind] if option.repeatable else kind | None, typer.Option(option.option, **settings)
        ],
    )


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


def _axis_parameter(option: WorkloadOption) -> inspect.Parameter:
    # Of choices an enum: Typer takes no list of literals.
    choices: Any = StrEnum("Choices", {choice: choice for choice in option.choices})  # type: ignore[misc]
    kind: Any = choices if option.choices else option.kind
    names = filter(None, (option.option, option.short))
    return inspect.Parameter(
        option.parameter,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=[],
        annotation=Annotated[list[kind], typer.Option(*names, help=option.help)],
    )


def _plain(value: object) -> object:
    return value.value if isinstance(value, StrEnum) else value
