"""`table` for programs: the papers' tables, recomputed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sebench.api.arguments import TABLE_NAME, require_taken
from sebench.api.display import Display
from sebench.api.guard import guarded
from sebench.errors import DataFileError, UsageError
from sebench.paper.tables.registry import ALL, TIMED, table_names
from sebench.paper.tables.values import PaperTable
from sebench.reporting.paper_table import paper_tables_document, paper_tables_records
from sebench.runner.counting.counter import default_cache
from sebench.runner.measuring.context import RunContext
from sebench.runner.progress import Observer, unobserved
from sebench.runner.tabulating import build_tables, measure_section4
from sebench.schema import Result
from sebench.store import RESULTS, ResultStore

if TYPE_CHECKING:
    import pandas as pd

    from sebench.reporting.document import Document


@dataclass(frozen=True, repr=False)
class TableResult(Display):
    """Tables of the papers: published value, value here, difference."""

    tables: tuple[PaperTable, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per table, line and quantity: what is printed, what is here, and the difference.

        ``published`` and ``difference`` are texts, digits as printed; quoted figures have no value here.
        """
        return paper_tables_records(self.tables).to_frame()

    def document(self) -> Document:
        """What ``sebench table`` prints."""
        return paper_tables_document(self.tables)

    def __repr__(self) -> str:
        return f"TableResult({', '.join(repr(table.title) for table in self.tables)})"


def table(
    name: str,
    *,
    results: str | os.PathLike[str] = RESULTS,
    measure: bool = False,
    progress: Observer | None = None,
) -> TableResult:
    """Recompute a table of the papers.

    Args:
        name: ``1``, ``2``, ``section4`` ..., as in ``sebench list tables``; ``all`` for every one.
        results: directory of stored results, which the times of ``section4`` are taken from.
        measure: time ResNet-50 for ``section4`` now, which takes about 20 seconds, and store the result in
            `results`. That it cannot be stored is a warning.
        progress: called in this thread whenever something happened, with a `Progress`.

    Raises:
        UsageError: there is no such table, or it has no times to measure.
        DataFileError: the installed figures are damaged, or `results` cannot be written to.
        KeyboardInterrupt: Ctrl-C.
    """
    require_taken(locals(), required=("name", "results"), own={"name": TABLE_NAME})
    names = table_names(str(name))
    if measure and TIMED not in names:
        raise UsageError(
            f"table {names[0]} has no times to measure", hint=f"those with times are {TIMED} and {ALL}"
        )
    cache = default_cache()
    measured: Sequence[Result] = ()
    with guarded():
        if measure:
            measured = measure_section4(
                Path(results),
                RunContext(
                    cache=cache,
                    results=ResultStore(Path(results)),
                    observer=progress or unobserved,
                    argv=("sebench", "table", str(name), "--measure"),
                ),
                not_stored=_warn,
            )
        return TableResult(build_tables(names, cache=cache, results=Path(results), measured=measured))


def _warn(error: DataFileError) -> None:
    warnings.warn(f"the result is not stored: {error}", stacklevel=5)
