"""Records: rows of plain values under described columns. CSV files and pandas frames derive from them."""

from __future__ import annotations

from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from sebench.schema import COLUMN_OPTIONS, Workload

if TYPE_CHECKING:
    import pandas as pd

CellValue = float | int | str | bool | None
"""What a cell holds: base units, unformatted; None where it is unknown or does not apply."""

Kind = Literal["text", "integer", "number", "flag"]
"""Of the values of one column, apart from None."""

DTYPES: dict[Kind, str] = {"text": "string", "integer": "Int64", "number": "float64", "flag": "boolean"}
"""Of the columns of a frame, as pandas names them."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column of records."""

    key: str
    """Its header; stable."""
    kind: Kind
    meaning: str
    """One line of the documentation."""


@dataclass(frozen=True, slots=True)
class Records:
    """One observation per row, one variable per column. Every row has one value per field."""

    fields: tuple[Field, ...]
    rows: tuple[tuple[CellValue, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.fields):
                raise ValueError(f"{len(row)} values for {len(self.fields)} fields")

    @property
    def keys(self) -> tuple[str, ...]:
        """Headers of the columns."""
        return tuple(field.key for field in self.fields)

    def to_frame(self) -> pd.DataFrame:
        """The rows as a frame, its columns typed: ``string``, ``Int64``, ``float64`` and ``boolean``.

        What is unknown is missing. Counts in columns of numbers are exact up to 2^53.
        """
        import pandas as pd  # noqa: PLC0415 - slow to import, and needed by nobody else

        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.fields)
        return pd.DataFrame(
            {
                field.key: pd.Series(list(values), dtype=DTYPES[field.kind])
                for field, values in zip(self.fields, columns, strict=True)
            }
        )


def fields_of(kind: type[Struct]) -> tuple[Field, ...]:
    """One column per field of a struct without structs inside."""
    return tuple(Field(name, _kind(hint), "") for name, hint in get_type_hints(kind).items())


def _workload_fields() -> tuple[Field, ...]:
    types = get_type_hints(Workload)
    return tuple(
        Field(
            key,
            _kind(types[option.field]),
            f"workload: {option.label}"
            + ("" if key == option.field else f"; the name of `{option.field}` until 1.0"),
        )
        for key, option in COLUMN_OPTIONS.items()
    )


def _kind(annotation: object) -> Kind:
    """Of the values of a type; shapes are texts, e.g. ``1x3x224x224``."""
    types = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    if bool in types:
        return "flag"
    if float in types:
        return "number"
    return "integer" if int in types else "text"


WORKLOAD_FIELDS: tuple[Field, ...] = _workload_fields()
"""The columns that `sebench.schema.workload_values` fills; new options come last."""
