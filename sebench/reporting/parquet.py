"""Records to Parquet, the same columns as CSV with their types; needs the `parquet` extra."""

from __future__ import annotations

import io
from importlib.util import find_spec

from sebench.errors import UsageError
from sebench.installation import extra_hint
from sebench.reporting.records import Records


def check_parquet() -> None:
    """Refuse what cannot be written before there is anything to write.

    Raises:
        UsageError: pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise UsageError("--format parquet needs pyarrow", hint=extra_hint("parquet"))


def records_parquet(records: Records) -> bytes:
    """The content of a file: the columns of `Records.to_frame`, without an index.

    Args:
        records: from a document.

    Raises:
        UsageError: pyarrow is not installed.
    """
    check_parquet()
    buffer = io.BytesIO()
    records.to_frame().to_parquet(buffer, engine="pyarrow", index=False)
    return buffer.getvalue()
