"""The Typer application with all its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from sebench import __version__
from sebench.cli._options import present_name
from sebench.cli._usage import Commands, Strict
from sebench.cli.calibrate import calibrate
from sebench.cli.check import check
from sebench.cli.compare import compare
from sebench.cli.count import count
from sebench.cli.env import env
from sebench.cli.export import export
from sebench.cli.list import list_
from sebench.cli.lock import lock
from sebench.cli.profile import profile
from sebench.cli.report import report
from sebench.cli.table import table
from sebench.cli.trend import trend
from sebench.cli.verify import verify

_EXIT_CODES = (
    "Exit codes: 0 success; 1 a sebench error (bad file, missing device, failed build); 2 wrong usage; "
    "3 the gate failed; 4 inconclusive, not comparable, or nothing was compared; 128 + N ended by "
    "signal N (130: Ctrl-C)."
)
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


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"sebench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command(cls=Strict, epilog="Example: sebench compare --model resnet50 --device cpu")(compare)
app.command(
    cls=Strict, epilog="Example: sebench count --model resnet50 --variant plain --variant se --by stage"
)(count)
app.command("list", cls=Strict, epilog="Example: sebench list models")(list_)
app.command(cls=Strict, epilog="Example: sebench lock --model resnet50 --variant se")(lock)
app.command(cls=Strict, epilog="Example: sebench profile --model resnet50 --phase training -b 8")(profile)
app.command(cls=Strict, epilog="Example: sebench table 2")(table)
app.command(cls=Strict, epilog="Example: sebench verify --source 'Table 2'")(verify)
app.command(cls=Strict, epilog="Example: sebench check --model resnet50 --max-overhead latency:1.10")(check)
app.command(cls=Strict, epilog="Example: sebench calibrate --model resnet50")(calibrate)
app.command(cls=Strict, epilog="Example: sebench report -o cost.html")(report)
app.command(cls=Strict, epilog="Example: sebench trend latency --model resnet50 --device cpu")(trend)
app.command(cls=Strict, epilog="Example: sebench env --format json")(env)
app.command(cls=Strict, epilog="Example: sebench export pyperf .sebench/results -o pyperf.json")(export)
