"""``sebench list``: what can be named on the command line."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, display_width, emit, guarded, use_color


class Subject(StrEnum):
    """What to list."""

    ALL = "all"
    MODELS = "models"
    VARIANTS = "variants"


@guarded
def list_(
    subject: Annotated[Subject, typer.Argument(help="What to list.")] = Subject.ALL,
    output_format: options.FormatOption = options.Format.TABLE,
    output: options.Output = "-",
    debug: options.Debug = False,
) -> None:
    """List models and variants."""
    from sebench import models, reporting

    check_output(output)
    document = reporting.catalog_document(
        models=models.list_models() if subject != Subject.VARIANTS else (),
        variants=models.grammar() if subject != Subject.MODELS else (),
    )
    emit(
        reporting.render(
            document, output_format.value, width=display_width(output), color=use_color(output)
        ),
        output,
    )
