"""Commands whose output is one tidy table: as Parquet, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sebench.cli._boundary import present
from sebench.cli._options import given
from sebench.errors import UsageError
from sebench.store import write_atomic

if TYPE_CHECKING:
    from sebench.reporting.document import Document

TidyFormat = Literal["table", "json", "markdown", "csv", "latex", "html", "parquet"]
TidyFormatOption = Annotated[
    TidyFormat,
    typer.Option(
        "--format",
        "-f",
        help="Output format; parquet, which -o FILE.parquet means too, needs the parquet extra.",
    ),
]
_SUFFIX = ".parquet"


def tidy_format(context: typer.Context, output_format: TidyFormat, output: str) -> TidyFormat:
    """The format that was said, or that the name of the output means.

    Args:
        context: of the command.
        output_format: its option.
        output: where to.

    Raises:
        UsageError: Parquet without a file, or without the package that writes it.
    """
    if "output_format" not in given(context) and Path(output).suffix.lower() == _SUFFIX:
        output_format = "parquet"
    if output_format == "parquet":
        from sebench.reporting.parquet import check_parquet

        if output == "-":
            raise UsageError("--format parquet is no text for standard output", hint="add -o FILE.parquet")
        check_parquet()
    return output_format


def present_tidy(
    output_format: TidyFormat, output: str, *, json: Callable[[], str], document: Callable[[], Document]
) -> None:
    """Write what was measured, as `sebench.cli._boundary.present` does, or the records of the document.

    Args:
        output_format: from `tidy_format`.
        output: a path, or ``-``.
        json: makes the JSON text.
        document: makes the document for every other format; it has records.

    Raises:
        DataFileError: it cannot be written.
    """
    if output_format != "parquet":
        present(output_format, output, json=json, document=document, measured=True)
        return
    from sebench.reporting.parquet import records_parquet

    records = document().records
    if records is not None:
        write_atomic(Path(output), records_parquet(records()))
