"""The Typer application: all commands, or the one that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Annotated

import typer

from sebench import __version__
from sebench.cli._options import present_name
from sebench.cli._usage import Commands, Strict

_EXAMPLES: Mapping[str, str] = {
    "compare": "sebench compare --model resnet50 --device cpu",
    "count": "sebench count --model resnet50 --variant plain --variant se --by stage",
    "list": "sebench list models",
    "lock": "sebench lock --model resnet50 --variant se",
    "profile": "sebench profile --model resnet50 --phase training -b 8",
    "table": "sebench table 2",
    "verify": "sebench verify --source 'Table 2'",
    "check": "sebench check --model resnet50 --max-overhead latency:1.10",
    "calibrate": "sebench calibrate --model resnet50",
    "sweep": "sebench sweep -m resnet50 -m mobilenet_v1 -b 1 -b 8 --threads 1 --threads 2",
    "tune": "sebench tune --model resnet50 --max-overhead params:1.04 --dry-run",
    "excite": "sebench excite --model resnet50 --weights se.pt --images val --plot gates.svg",
    "evaluate": "sebench evaluate -m resnet50 -v se --weights se_resnet50.pt --images val",
    "train": "sebench train -m cifar_resnet20 -v plain -v se --data digits --epochs 10 -o digits",
    "report": "sebench report -o cost.html",
    "trend": "sebench trend latency --model resnet50 --device cpu",
    "merge": "sebench merge shard-1 shard-2 --into .sebench/results",
    "env": "sebench env --format json",
    "export": "sebench export pyperf .sebench/results -o pyperf.json",
}
"""Commands in the order of the help, each in the module of its name."""
_EXIT_CODES = (
    "Exit codes: 0 success; 1 a sebench error (bad file, missing device, failed build); 2 wrong usage; "
    "3 the gate failed; 4 inconclusive, not comparable, or nothing was compared; 128 + N ended by "
    "signal N (130: Ctrl-C)."
)


@cache
def application(command: str | None = None) -> typer.Typer:
    """The application.

    Args:
        command: the only one that it has, as the others need not be imported for it; with any other name, or
            none, it has them all.
    """
    app = typer.Typer(
        name="sebench",
        cls=Commands,
        help="What does a Squeeze-and-Excitation block cost on this machine, and where does the cost go?",
        epilog=_EXIT_CODES,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"token_normalize_func": present_name},
    )
    app.callback()(_root)
    asked_for = {name: example for name, example in _EXAMPLES.items() if name == command}
    for name, example in (asked_for or _EXAMPLES).items():
        function = getattr(import_module(f"sebench.cli.{name}"), "list_" if name == "list" else name)
        app.command(name, cls=Strict, epilog=f"Example: {example}")(function)
    return app


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"sebench {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
