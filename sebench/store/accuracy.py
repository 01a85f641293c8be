"""Files of ``sebench evaluate --format json``, read again."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sebench.errors import DataFileError
from sebench.schema import SCHEMA, Accuracy

_WRITE_ONE = "write one with sebench evaluate --format json"


def read_accuracy(path: Path) -> Accuracy:
    """An ``accuracy`` document.

    Raises:
        DataFileError: it cannot be read, is another document, or one of a newer version.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Accuracy)
    except OSError as error:
        raise DataFileError(f"{path}: {error.strerror or error}", hint=_WRITE_ONE) from error
    except msgspec.DecodeError as error:
        raise DataFileError(f"{path} is no accuracy document: {error}", hint=_WRITE_ONE) from error
    if found.schema != SCHEMA:
        raise DataFileError(f"{path} has schema {found.schema}, not {SCHEMA}", hint=_WRITE_ONE)
    return found
