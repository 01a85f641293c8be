"""What commands that read stored results share: the options that choose them, and the warnings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sebench.cli._boundary import say
from sebench.errors import VariantError

if TYPE_CHECKING:
    from sebench.schema import SkippedFile
    from sebench.store import Criterion

ModelFilter = Annotated[list[str], typer.Option("--model", "-m", help="Results of this network; repeatable.")]
VariantFilter = Annotated[
    list[str], typer.Option("--variant", "-v", help="Results with this variant as candidate; repeatable.")
]
DeviceFilter = Annotated[
    str | None, typer.Option("--device", help="Results from cpu, from cuda:N, or with cuda from any.")
]
CommitFilter = Annotated[
    str | None, typer.Option("--commit", help="Results at the commit that begins like this.")
]
SinceFilter = Annotated[
    str | None,
    typer.Option("--since", help="Results since a date (2026-11-01, UTC) or for so long (12h, 7d)."),
]
Directory = Annotated[
    Path | None, typer.Option("--results", help="Directory of stored results; default: .sebench/results.")
]


def chosen(
    *,
    model: Sequence[str] = (),
    variant: Sequence[str] = (),
    device: str | None = None,
    commit: str | None = None,
    since: str | None = None,
) -> tuple[Criterion, ...]:
    """The conditions that the values of these options amount to.

    Raises:
        UsageError: `since` is neither a date nor a duration.
    """
    from sebench.store import criteria, parse_since

    return criteria(
        model=model,
        variant=[canonical(text) for text in variant],
        device=device,
        commit=commit,
        since=None if since is None else parse_since(since),
    )


def warn_skipped(skipped: Iterable[SkippedFile], *, quiet: bool) -> None:
    """A line for every file among results that is none."""
    if quiet:
        return
    for file in skipped:
        say(f"warning: {file.path} {file.reason}; skipped")


def canonical(variant: str) -> str:
    """A variant as results name it."""
    from sebench.models import parse_variant

    try:
        return str(parse_variant(variant))
    except VariantError:  # results may name what this version does not build
        return variant
