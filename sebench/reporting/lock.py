"""What changed in a lock, as a document and as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from sebench.analysis.lock_check import change_text
from sebench.reporting.contract import document_json
from sebench.reporting.counts import spec_text
from sebench.reporting.document import Cell, Column, Content, Document, Paragraph, Row, Table, text_cell
from sebench.schema import LockChange, LockDiff, input_text
from sebench.units import UNKNOWN

_COLUMNS = (
    Column("network", "network", role="group"),
    Column("model", "model", role="data"),
    Column("variant", "variant", role="data"),
    Column("torch", "torch", role="data"),
    Column("metric", "metric"),
    Column("op", "op", role="data"),
    Column("before", "lock", "right"),
    Column("after", "now", "right"),
    Column("change", "change", "right"),
)
# what the columns "lock" and "now" say where something came or went as a whole
_WHOLE = {
    "network-added": (UNKNOWN, "added"),
    "network-removed": ("locked", "removed"),
    "torch-added": (UNKNOWN, "added"),
    "torch-removed": ("locked", "dropped"),
}
DROPPED_NOTE = (
    "dropped: the network is another one, so figures counted with that torch version say nothing about it"
)


def lock_document(diff: LockDiff) -> Document:
    """What `sebench lock` shows."""
    body: tuple[Content, ...] = (Paragraph(_summary(diff), strong=True),)
    if diff.changes:
        body = (*body, Table("", _COLUMNS, tuple(_row(change) for change in diff.changes)))
    dropped = any(change.change == "torch-removed" for change in diff.changes)
    return Document("Lock of exact costs", body, (DROPPED_NOTE,) if dropped else ())


def lock_json(diff: LockDiff) -> str:
    """The ``lock_diff`` document."""
    content = {
        "file": diff.file,
        "status": diff.status,
        "torch": diff.torch,
        "networks": diff.networks,
        "changes": [_plain(change) for change in diff.changes],
    }
    return document_json("lock_diff", content)


def _summary(diff: LockDiff) -> str:
    networks = f"{diff.networks} network{'' if diff.networks == 1 else 's'}, torch {diff.torch}"
    if diff.status == "unchanged":
        return f"{diff.file} is unchanged ({networks})."
    if diff.status == "differs":
        return f"{diff.file} differs from what is counted now ({networks}); nothing was written."
    return f"{diff.file} was written ({networks})."


def _plain(change: LockChange) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(change)
    return {**fields.pop("network"), **fields}


def _row(change: LockChange) -> Row:
    network = change.network
    shape = input_text(network.input_shape)
    before, after = _WHOLE.get(change.change, (_number(change.before), _number(change.after)))
    return (
        text_cell(f"{spec_text(network.spec)}, {shape}"),
        text_cell(network.model),
        text_cell(network.variant),
        Cell(change.torch or "", change.torch),
        Cell(_metric_text(change), change.metric),
        Cell(change.op or "", change.op),
        Cell(before, change.before),
        Cell(after, change.after),
        Cell(change_text(change.before, change.after).strip(" ()"), change.change),
    )


def _metric_text(change: LockChange) -> str:
    if change.metric is None:
        return f"torch {change.torch}" if change.torch else "network"
    name = f"calls of {change.op}" if change.op else change.metric
    return f"{name} (torch {change.torch})" if change.torch else name


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"
