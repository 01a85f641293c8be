"""Stored results for programs: by file, directory or id, as on the command line."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from sebench.analysis.comparison import compare as conclude
from sebench.api.comparison_result import ComparisonResult, ComparisonResults
from sebench.errors import NoResultsError
from sebench.schema import SkippedFile
from sebench.store import RESULTS, ResultStore, load_result, resolve_results


def load(*names: str | os.PathLike[str], results: Path = RESULTS) -> ComparisonResults:
    """Stored results, each once, with everything that follows from them; nothing is measured.

    Args:
        names: files, directories, ids or as much of an id as makes it unique; none means all of `results`. Of
            a directory the results come oldest first. A file in it that is no result is a warning.
        results: directory of stored results, where ids are looked up.

    Raises:
        NoResultsError: there are none in `results`, and nothing else was named.
        DataFileError: there is no such result, several ids begin so, or a file is damaged.
    """
    store = ResultStore(Path(results))
    if not names and not store.paths():
        raise NoResultsError(f"there are no results in {results}", hint="`sebench compare` stores them")
    paths = resolve_results([os.fspath(name) for name in names] or [str(results)], store, on_skip=_warn)
    found = tuple(map(load_result, paths))
    return ComparisonResults(
        tuple(ComparisonResult(comparison=conclude(result), result=result) for result in found)
    )


def _warn(skipped: SkippedFile) -> None:
    warnings.warn(f"{skipped.path} {skipped.reason}; skipped", stacklevel=4)
