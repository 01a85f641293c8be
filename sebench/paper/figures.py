"""The printed figures, from ``data/published.csv`` or from a file of the user's own with the same columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from pathlib import Path

from sebench.errors import DataFileError, near_matches
from sebench.files import read_file
from sebench.schema import Value

COLUMNS = ("source", "model", "variant", "metric", "value", "note")

NUMERIC_METRICS = frozenset(
    (
        "gflops",
        "mflops",
        "params_m",
        "params_added_m",
        "params_rel_increase_pct",
        "params_saved_pct",
        "gflops_rel_increase_pct",
        "size_mib",
        "weights",
        "gpu_train_ms",
        "cpu_infer_ms",
    )
)
"""Cost metrics: their values must be numbers. "gflops" and "mflops" are multiply-adds, as printed."""

TEXT_METRICS = frozenset(("formula", "se_fc_dims"))
"""Recomputed, too, but printed as text."""

QUOTED_METRICS = frozenset(
    (
        *("top1_err", "top5_err", "top1_acc", "top1_err_increase_pct", "ap", "ap50", "ap_gain"),
        *("batch", "lr0", "text"),
    )
)
"""Accuracies, training settings and prose: known, and never recomputed."""

METRICS = NUMERIC_METRICS | TEXT_METRICS | QUOTED_METRICS
"""All that a file may hold."""

METRIC_LABELS: Mapping[str, str] = {
    "gflops": "GFLOPs",
    "mflops": "MFLOPs",
    "params_m": "M params",
    "params_added_m": "M params added",
    "params_rel_increase_pct": "% params added",
    "params_saved_pct": "% params saved",
    "gflops_rel_increase_pct": "% GFLOPs added",
    "size_mib": "MiB",
    "weights": "FC weights",
    "se_fc_dims": "FC widths",
}
"""Metrics as a reader knows them; others are shown by name."""


# Of a printed number. Decimals take a billion digits, which nothing that computes with them would survive.
_LONGEST = 40
_LARGEST_EXPONENT = 30


class PublishedFigure(Value, frozen=True, kw_only=True):
    """One printed figure."""

    line: int
    """In its file; the header is line 1."""
    source: str
    """Where it is printed, e.g. ``CVPR18 Table 2``."""
    model: str
    """As printed."""
    variant: str
    """As printed."""
    metric: str
    value: str
    """Digits as printed: 7.60 is not 7.6. Empty where the source prints no figure."""
    note: str = ""

    @property
    def number(self) -> Decimal | None:
        """The printed number in the printed unit; None where the value is text, or beyond any figure."""
        try:
            number = Decimal(self.value)
        except InvalidOperation:
            return None
        if not number.is_finite() or len(self.value) > _LONGEST:
            return None
        return number if abs(number.adjusted()) <= _LARGEST_EXPONENT else None

    @property
    def label(self) -> str:
        """The metric as a reader knows it."""
        return METRIC_LABELS.get(self.metric, self.metric)

    @property
    def approximate(self) -> bool:
        """Printed as "about"."""
        return self.note.partition(";")[0].strip() == "~"


@cache
def published_figures() -> tuple[PublishedFigure, ...]:
    """The figures that come with sebench, in the order of their sources.

    Raises:
        DataFileError: the installed data file is missing or damaged.
    """
    try:
        data = (files("sebench") / "data" / "published.csv").read_bytes()
    except OSError as error:
        raise DataFileError(f"data/published.csv: {error.strerror}", hint="reinstall sebench") from error
    return parse_figures(data, "data/published.csv")


def read_figures(path: Path) -> tuple[PublishedFigure, ...]:
    """The figures in a file of the user's own.

    Raises:
        DataFileError: it cannot be read, or is not a table of figures; names file, line and column.
    """
    try:
        data = read_file(path)
    except OSError as error:
        raise DataFileError(f"{path}: {error.strerror}") from error
    return parse_figures(data, str(path))


def parse_figures(data: bytes, name: str) -> tuple[PublishedFigure, ...]:
    """The figures in CSV `data`; a byte-order mark and any line ends are accepted.

    Args:
        data: UTF-8 text with the columns of `COLUMNS` in any order; further columns are ignored.
        name: The file's, for errors.

    Raises:
        DataFileError: no UTF-8, no rows, a missing column, a row with too few or too many cells, an unknown
            metric, or a cost that is not a number.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataFileError(
            f"{name}: not UTF-8 text (byte {error.start})", hint="save it as UTF-8 CSV"
        ) from error
    try:
        figures = tuple(_rows(text, name))
    except csv.Error as error:
        raise DataFileError(f"{name}: not CSV: {error}") from error
    if not figures:
        raise DataFileError(
            f"{name}: no figures in it", hint=f"give rows below the header {','.join(COLUMNS)}"
        )
    return figures


def _rows(text: str, name: str) -> Iterator[PublishedFigure]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    header = reader.fieldnames
    missing = [column for column in COLUMNS if column not in (header or ())]
    if header is not None and missing:
        raise DataFileError(
            f"{name}: no column {missing[0]!r}", hint=f"the header must have {','.join(COLUMNS)}"
        )
    for row in reader:
        cells = _cells(row, reader.line_num, name)
        if any(cells.values()):
            yield _figure(cells, reader.line_num, name)


def _cells(row: Mapping[str | None, object], line: int, name: str) -> dict[str, str]:
    """The cells of a row by column, stripped; only the note may be left out."""
    if None in row:  # where `csv` puts cells that have no column
        raise DataFileError(
            f"{name} line {line}: more cells than the header has columns",
            hint="put text with a comma in it into double quotes, and write 3.86 for 3,86",
        )
    absent = [column for column in COLUMNS if row[column] is None and column != "note"]
    if absent:
        raise DataFileError(
            f"{name} line {line}: the row ends before {' and '.join(map(repr, absent))}",
            hint=f"give it the cells {','.join(COLUMNS)}",
        )
    return {column: str(row[column] or "").strip() for column in COLUMNS}


def _figure(row: dict[str, str], line: int, name: str) -> PublishedFigure:
    figure = PublishedFigure(line=line, **row)
    if figure.metric not in METRICS:
        known = ", ".join(sorted(METRICS))
        raise DataFileError(
            f"{name} line {line}: unknown metric {figure.metric!r}",
            hint=near_matches(figure.metric, sorted(METRICS)) or f"it may be {known}",
        )
    if figure.metric not in NUMERIC_METRICS or not figure.value:
        return figure
    if figure.number is None:
        raise DataFileError(
            f"{name} line {line}: {figure.value!r} is not a number",
            hint=f"{figure.metric} takes one such as 3.86",
        )
    if figure.value.isdecimal() and figure.note.isdecimal():
        raise DataFileError(
            f"{name} line {line}: the value {figure.value} has the note {figure.note}",
            hint=f"if that is a decimal comma, write {figure.value}.{figure.note}",
        )
    return figure
