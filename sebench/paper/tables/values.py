"""What a recomputed table consists of, before it is laid out."""

from __future__ import annotations

from sebench.schema import Value


class Entry(Value, frozen=True, kw_only=True):
    """A printed figure with ours; either may be missing."""

    published: str = ""
    """Digits as printed."""
    here: float | None = None
    here_text: str = ""
    difference: str = ""
    """Ours minus printed, or ``=`` where ours prints the same digits."""


class EntryColumn(Value, frozen=True, kw_only=True):
    """A quantity; `compared` where the sources print it for at least one row."""

    key: str
    title: str
    compared: bool = True


class TableRow(Value, frozen=True, kw_only=True):
    """One line: what it is about, its quantities, and accuracies as printed."""

    labels: tuple[str, ...]
    entries: tuple[Entry, ...]
    quoted: tuple[str, ...] = ()


class PaperTable(Value, frozen=True, kw_only=True):
    """One of the papers' tables."""

    name: str
    title: str
    source: str
    labels: tuple[str, ...]
    columns: tuple[EntryColumn, ...]
    quoted: tuple[str, ...] = ()
    """Titles of the columns that are quoted, not recomputed."""
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...] = ()
