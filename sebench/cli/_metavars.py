"""What stands for a value in help texts: ``--model MODEL`` rather than a type of Python's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_BY_OPTION: Mapping[str, str] = {
    "--against": "RESULT",
    "--attempts": "DIR",
    "--base-ref": "REF",
    "--baseline": "VARIANT",
    "--batch-size": "N",
    "--budget": "SECONDS",
    "--calibrations": "DIR",
    "--candidate": "VARIANT",
    "--commit": "COMMIT",
    "--convention": "NAME",
    "--device": "DEVICE",
    "--figures": "FILE",
    "--fingerprint": "DIGITS",
    "--image-size": "SIZE",
    "--junit": "FILE",
    "--lock": "FILE",
    "--margin": "METRIC:RATIO",
    "--max-overhead": "METRIC:RATIO",
    "--metric": "METRIC",
    "--model": "MODEL",
    "--output": "FILE",
    "--results": "DIR",
    "--save": "DIR",
    "--since": "TIME",
    "--variant": "VARIANT",
}
_BY_TYPE: Mapping[Any, str] = {int: "N", float: "NUMBER", str: "TEXT"}


def name_values(parameters: Iterable[Any]) -> None:
    """Give every parameter that takes a value a word for it, where it has none of its own.

    Args:
        parameters: Typer's, of a command.
    """
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            _hide_type(parameter)
        elif parameter.metavar is None and not parameter.is_flag:
            parameter.metavar = _word(parameter)


def _word(option: Any) -> str:  # noqa: ANN401 - Typer's
    choices = option.type_descriptor.choices
    if choices:
        return f"<{'|'.join(map(str, choices))}>"
    named = next((_BY_OPTION[name] for name in option.opts if name in _BY_OPTION), None)
    return named or _BY_TYPE.get(option.type_descriptor.annotation, "VALUE")


def _hide_type(argument: Any) -> None:  # noqa: ANN401 - Typer's
    """Its name says what it is; of choices Typer's list stays."""
    if not argument.type_descriptor.choices:
        argument.display_type_rich = lambda ctx: None
