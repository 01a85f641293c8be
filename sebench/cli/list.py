"""``sebench list``: what can be named on the command line."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, display_width, emit, guarded, use_color

Subject = Literal["all", "models", "variants"]


@guarded
def list_(
    subject: Annotated[Subject, typer.Argument(help="What to list.")] = "all",
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    debug: options.Debug = False,
) -> None:
    """List models and variants."""
    from sebench import models, reporting

    check_output(output)
    networks = models.list_models() if subject != "variants" else ()
    variants = models.grammar() if subject != "models" else ()
    if output_format == "json":
        text = reporting.catalog_json(models=networks, variants=variants)
    else:
        text = reporting.render(
            reporting.catalog_document(models=networks, variants=variants),
            output_format,
            width=display_width(output),
            color=use_color(output),
        )
    emit(text, output)
