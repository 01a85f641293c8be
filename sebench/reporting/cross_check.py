"""Our count beside other tools': what each says, and where the difference comes from."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sebench.reporting.contract import document_json
from sebench.reporting.counts import spec_text, uncounted_text
from sebench.reporting.document import (
    Cell,
    Column,
    Content,
    Document,
    Paragraph,
    Row,
    Section,
    Table,
    text_cell,
)
from sebench.schema import Attribution, CrossCheck, ToolCheck, input_text
from sebench.units import UNKNOWN

UNIT_NOTE = (
    "all in multiply-accumulates; torch counts a multiply-add as two and is halved. Explained: what the "
    "tool's own rules predict, from the calls that were observed and not from its answer"
)


def cross_check_document(checks: Sequence[CrossCheck]) -> Document:
    """What `sebench count --cross-check` shows."""
    sections: tuple[Content, ...] = tuple(_section(check) for check in checks)
    ledger = (
        f"{spec_text(check.spec)}: {uncounted_text(check.uncounted)}" for check in checks if check.uncounted
    )
    return Document("Other counters", sections, (UNIT_NOTE, *ledger))


def cross_check_json(checks: Sequence[CrossCheck]) -> str:
    """The ``cross_check`` document."""
    models = [
        {
            "model": check.spec.model,
            "variant": check.spec.variant,
            "input_shape": check.input_shape,
            "phase": check.phase,
            "macs": check.macs,
            "uncounted": msgspec.to_builtins(check.uncounted),
            "tools": [msgspec.to_builtins(tool) for tool in check.tools],
        }
        for check in checks
    ]
    return document_json("cross_check", {"models": models})


def unexplained(checks: Sequence[CrossCheck]) -> tuple[str, ...]:
    """One line per tool whose answer its rules do not predict."""
    return tuple(
        f"{spec_text(check.spec)}: {tool.tool} counts {tool.unexplained:+,} MACs that no rule explains"
        for check in checks
        for tool in check.tools
        if tool.unexplained
    )


def _section(check: CrossCheck) -> Section:
    shape = input_text(check.input_shape)
    ours = Paragraph(f"sebench: {check.macs:,} MACs, {shape}, {check.phase}.")
    ledger = tuple(_ledger_row(check, tool, part) for tool in check.tools for part in tool.attributed)
    tables = (_tools(check), *((Table("Of which", _LEDGER, ledger),) if ledger else ()))
    return Section(spec_text(check.spec), (ours, *tables))


_NETWORK = (Column("model", "model", role="data"), Column("variant", "variant", role="data"))
_LEDGER = (
    *_NETWORK,
    Column("tool", "tool", role="group"),
    Column("op", "op or module"),
    Column("attributed", "MACs", "right"),
    Column("why", "why", wrap=True),
)


def _tools(check: CrossCheck) -> Table:
    columns = (
        *_NETWORK,
        Column("tool", "tool"),
        Column("version", "version"),
        Column("macs", "MACs", "right"),
        Column("difference", "difference", "right"),
        Column("explained", "explained", "right"),
        Column("unexplained", "unexplained", "right"),
        Column("status", "", wrap=True),
    )
    return Table("", columns, tuple(_tool_row(check, tool) for tool in check.tools))


def _tool_row(check: CrossCheck, tool: ToolCheck) -> Row:
    explained = None if tool.macs is None else sum(part.macs for part in tool.attributed)
    return (
        *_names(check),
        text_cell(tool.tool),
        text_cell(tool.version or UNKNOWN),
        Cell(UNKNOWN if tool.macs is None else f"{tool.macs:,}", tool.macs),
        _signed(tool.difference),
        _signed(explained),
        _signed(tool.unexplained),
        Cell("" if tool.status == "ok" else f"{tool.status}: {tool.reason}", tool.status),
    )


def _ledger_row(check: CrossCheck, tool: ToolCheck, part: Attribution) -> Row:
    return (*_names(check), text_cell(tool.tool), text_cell(part.op), _signed(part.macs), text_cell(part.why))


def _names(check: CrossCheck) -> tuple[Cell, Cell]:
    return Cell("", check.spec.model), Cell("", check.spec.variant)


def _signed(value: int | None) -> Cell:
    if value is None:
        return Cell(UNKNOWN)
    return Cell(f"{value:+,}" if value else "0", value)
