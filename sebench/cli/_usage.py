"""How a command line is read, and shown in help: strictly, with a word for every value."""

from __future__ import annotations

import re
import reprlib
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import typer
from typer.core import TyperCommand, TyperGroup

from sebench.cli._boundary import complain
from sebench.cli._process import refused_output
from sebench.errors import EXIT_INTERRUPTED, EXIT_USAGE, near_matches
from sebench.schema import ASKED_OPTIONS

# Typer exports this leaf of its usage errors only.
_UsageError: type[Any] = typer.BadParameter.__mro__[1]
_CHOICE = re.compile(r"'(?P<given>[^']*)' is not one of (?P<choices>'.*')")
_FROM_PYDANTIC = "Value error, "
_MEASURES_PAIRS = ("compare",)
"""Commands that measure one of what `sebench sweep` measures many of."""
_AXES = frozenset({"baseline", *(option.parameter for option in ASKED_OPTIONS)})
# By kind of validation error: Typer prints pydantic's own text, which is about schemas and parsing.
_PLAIN = {
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "int_type": "is not a whole number",
    "int_parsing_size": "is too large",
    "float_parsing": "is not a number",
    "float_type": "is not a number",
    "bool_parsing": "is not yes or no",
    "path_type": "is not a path",
}


class Commands(TyperGroup):
    """The commands of sebench, with errors of the parser as they are everywhere else."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401 - Typer's
    ) -> Any:  # noqa: ANN401 - likewise
        """Parse and run; see `typer.core.TyperGroup.main`."""
        try:
            status = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except _UsageError as error:
            _explain(error)
            status = EXIT_USAGE
        except typer.Abort:  # Ctrl-C where no command runs yet
            complain("interrupted")
            status = EXIT_INTERRUPTED
        except OSError as error:  # printing a help text
            refused = refused_output(error)
            complain(str(refused))
            status = refused.exit_code
        if standalone_mode:
            sys.exit(status)
        return status


class Strict(TyperCommand):
    """A command that refuses what would be dropped without a word, and knows a model by its name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Typer's
        super().__init__(*args, **kwargs)
        name_values(self.params)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's context
        """Refuse before any value is looked at; see `typer.core.TyperCommand.parse_args`."""
        if not ctx.resilient_parsing:
            _, extra, order = self.make_parser(ctx).parse_args(args=list(args))
            if not any(parameter.is_eager for parameter in order):
                _refuse_repeated(order, ctx)
                _refuse_bare_model(extra, self, ctx)
        return super().parse_args(ctx, args)


def _refuse_repeated(order: Sequence[Any], ctx: Any) -> None:  # noqa: ANN401 - Typer's
    """Of an option that takes one value the parser keeps the last."""
    for parameter, times in Counter(order).items():
        if times > 1 and parameter.param_type_name == "option" and not parameter.multiple:
            text = f"{_name(parameter)} is given {times} times but takes one value"
            is_axis = ctx.info_name in _MEASURES_PAIRS and parameter.name in _AXES
            raise _UsageError(f"{text}; use `sebench sweep` to measure each" if is_axis else text, ctx)


def _refuse_bare_model(extra: Sequence[str], command: Any, ctx: Any) -> None:  # noqa: ANN401 - Typer's
    takes_model = any("--model" in parameter.opts for parameter in command.params)
    if extra and takes_model and is_model(extra[0]):
        raise _UsageError(f"got unexpected extra argument(s) ({extra[0]}); did you mean -m {extra[0]}?", ctx)


def is_model(text: str) -> bool:
    """Whether somebody who writes this means a network."""
    from sebench import models

    if models.names_network(text) or text.endswith(".py"):
        return True
    return models.near_names(text, models.list_sources()) is not None


def _name(parameter: Any) -> str:  # noqa: ANN401 - Typer's
    names: list[str] = parameter.opts
    return next((name for name in names if name.startswith("--")), names[0])


def _explain(error: Any) -> None:  # noqa: ANN401 - a type of Typer's own
    text, context = error.format_message(), error.ctx
    if context and text == context.get_help():  # a command line without a command
        return typer.echo(text, err=True)
    command = context.command_path if context else "sebench"
    text = _plain(text, error.__cause__)
    if "; " in text:  # it says the next step itself
        return complain(text)
    return complain(f"{text}; {_next_step(text) or f'see `{command} --help`'}")


def _plain(text: str, cause: Any) -> str:  # noqa: ANN401 - a validation error of pydantic's, or none
    for found in cause.errors()[:1] if hasattr(cause, "errors") else ():
        if found["type"] in _PLAIN:
            text = text.replace(found["msg"], f"{reprlib.repr(found['input'])} {_PLAIN[found['type']]}")
    plain = text.replace(_FROM_PYDANTIC, "").rstrip(".")
    return plain[:1].lower() + plain[1:]


def _next_step(text: str) -> str | None:
    if found := _CHOICE.search(text):
        return near_matches(found["given"], re.findall(r"'([^']*)'", found["choices"]))
    return None


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
    "--input-shape": "SHAPE",
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
    kind = option.type_descriptor.annotation
    return named or _BY_TYPE.get(next(iter(get_args(kind)), kind), "VALUE")  # of a list, what it holds


def _hide_type(argument: Any) -> None:  # noqa: ANN401 - Typer's
    """Its name says what it is; of choices Typer's list stays."""
    if not argument.type_descriptor.choices:
        argument.display_type_rich = lambda ctx: None
