"""Temporary files, where there is a folder for them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO

from sebench.errors import DataFileError


def temporary_folder() -> Path:
    """Where temporary files go.

    Raises:
        DataFileError: no folder that usually holds them can be written.
    """
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        raise _nowhere(error) from error


def temporary_file() -> IO[bytes]:
    """An empty one that goes when it is closed.

    Raises:
        DataFileError: as `temporary_folder`, or the folder is full.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise _nowhere(error) from error


def _nowhere(error: OSError) -> DataFileError:
    return DataFileError(
        f"temporary files cannot be written: {error.strerror}",
        hint="set TMPDIR to a writable directory",
    )
