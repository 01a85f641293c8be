"""``sebench list``: what can be named on the command line."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, guarded, present

Subject = Literal["all", "models", "variants", "tables"]


@guarded
def list_(
    subject: Annotated[Subject, typer.Argument(help="What to list.")] = "all",
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    debug: options.Debug = False,
) -> None:
    """List models, variants and tables."""
    from sebench import models, reporting
    from sebench.paper.tables.registry import TABLES

    check_output(output)
    networks = models.list_models() if subject in ("all", "models") else ()
    variants = models.grammar() if subject in ("all", "variants") else ()
    tables = tuple(TABLES.values()) if subject in ("all", "tables") else ()
    present(
        output_format,
        output,
        json=lambda: reporting.catalog_json(models=networks, variants=variants, tables=tables),
        document=lambda: reporting.catalog_document(models=networks, variants=variants, tables=tables),
    )
