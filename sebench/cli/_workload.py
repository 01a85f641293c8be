"""The options of a workload on the command line: from the catalogue, in the place of one parameter."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Annotated, Any, Literal

import typer

from sebench.schema import ASKED_OPTIONS, Phase, WorkloadOption, WorkloadRequest

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
