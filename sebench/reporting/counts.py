"""Static costs as a document: totals, attention's share, breakdowns by op, stage and site, the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from sebench.analysis.costs import CostRow, attention_totals, by_op, by_site, by_stage, totals
from sebench.reporting.document import EMPTY, Cell, Column, Document, Role, Row, Section, Table, text_cell
from sebench.reporting.sites import gates_table
from sebench.schema import (
    ModelCost,
    ModelSpec,
    StaticCost,
    UncountedOp,
    input_text,
    network_words,
)
from sebench.units import UNKNOWN, format_bytes, format_count, format_share, significant

Breakdown = Literal["op", "stage", "site"]

COUNT_CONVENTION = (
    "MACs: convolutions and linear layers. paper GFLOPs (paper MACs) = MACs + 1 per "
    "residual-add element + 1 per squeezed element. FLOPs = 2 x MACs + elementwise operations. "
    "Bytes: tensors in and out of each op that is not a view, no cache model."
)
SHARE_NOTE = "of params, of bytes: attention's share in the total"
SAVED_NOTE = "saved: activation bytes that autograd keeps for the backward pass"
NOTHING_UNCOUNTED = "Every op has a formula; nothing is left out of the totals."

_DIGITS = 5

_ROWS: Mapping[Breakdown, Callable[[StaticCost], tuple[CostRow, ...]]] = {
    "op": by_op,
    "stage": by_stage,
    "site": by_site,
}


def count_document(
    models: Sequence[ModelCost], by: Sequence[Breakdown] = (), *, sites: bool = False
) -> Document:
    """What `sebench count` shows.

    Args:
        models: Costs, one entry per network.
        by: Breakdowns to add for each network.
        sites: Whether to add the gates that were found in each.
    """
    names = [model_text(model) for model in models]
    return Document(
        title=f"Static cost of {names[0]}" if len(names) == 1 else f"Static cost of {len(names)} models",
        body=(
            _totals_table(models),
            *(
                Section(name, (*gates, *(_breakdown(model, kind) for kind in by)))
                for name, model in zip(names, models, strict=True)
                if (gates := (gates_table(model),) if sites else ()) or by
            ),
        ),
        notes=(COUNT_CONVENTION, *_saved_note(models), *_ledger(models, names)),
    )


def model_text(model: ModelCost) -> str:
    """The network with whatever sets it apart from its published form."""
    return spec_text(model.spec)


def spec_text(spec: ModelSpec) -> str:
    """A network with whatever sets it apart from its published form."""
    return ", ".join((f"{spec.model} {spec.variant}", *network_words(spec)))


def _saved_note(models: Sequence[ModelCost]) -> tuple[str, ...]:
    return (SAVED_NOTE,) if any(model.cost.phase == "training" for model in models) else ()


def _ledger(models: Sequence[ModelCost], names: Sequence[str]) -> tuple[str, ...]:
    lines = tuple(
        f"{name}: {uncounted_text(model.cost.uncounted)}"
        for name, model in zip(names, models, strict=True)
        if model.cost.uncounted
    )
    return lines or ((NOTHING_UNCOUNTED,) if models else ())


# --- totals ---------------------------------------------------------------------------------------------


def _totals_table(models: Sequence[ModelCost]) -> Table:
    # What all networks have in common goes into the title.
    inputs = {_input_text(model.cost) for model in models}
    training = any(model.cost.phase == "training" for model in models)
    common = len(inputs) == 1
    attended = any(model.cost.sites for model in models)
    share: Role = "value" if attended else "data"
    columns = (
        Column("model", "model"),
        Column("variant", "variant", role="fold"),
        Column("input", "input", role="data" if common else "fold"),
        Column("params", "params", "right"),
        Column("macs", "MACs", "right"),
        Column("paper_macs", "paper GFLOPs", "right"),
        Column("flops", "FLOPs", "right"),
        Column("bytes", "bytes", "right"),
        Column("bytes_read", "bytes read", "right", role="data"),
        Column("bytes_written", "bytes written", "right", role="data"),
        *((Column("saved_bytes", "saved", "right"),) if training else ()),
        Column("sites", "sites", "right", role=share, below=True),
        Column("attention_params", "of params", "right", role=share, below=True),
        Column("attention_macs", "of MACs", "right", role="data"),
        Column("attention_bytes", "of bytes", "right", role=share, below=True),
        Column("buffers", "buffers", role="data"),
    )
    rows = tuple(_totals_row(model, training=training) for model in models)
    title = f"Totals, {inputs.pop()}" if common else "Totals"
    return Table(title, columns, rows, (SHARE_NOTE,) if attended else ())


def _totals_row(model: ModelCost, *, training: bool) -> Row:
    cost, whole, attention = model.cost, totals(model.cost), attention_totals(model.cost)
    saved = whole.saved_bytes if cost.phase == "training" else None
    return (
        text_cell(model.spec.model),
        text_cell(model.spec.variant),
        text_cell(_input_text(cost)),
        _count(whole.params),
        _count(whole.macs),
        Cell(significant(whole.paper_macs / 1e9, _DIGITS), whole.paper_macs),
        _count(whole.flops),
        _bytes(whole.moved_bytes),
        _bytes(whole.bytes_read),
        _bytes(whole.bytes_written),
        *((_bytes(saved),) if training else ()),
        Cell(str(len(cost.sites)), len(cost.sites)),
        _share(attention.params, whole.params),
        _share(attention.macs, whole.macs),
        _share(attention.moved_bytes, whole.moved_bytes),
        Cell("", whole.buffers),
    )


def _input_text(cost: StaticCost) -> str:
    comma = "" if cost.input_shape[1:] else ","
    return f"{input_text(cost.input_shape)}{comma} {cost.dtype} {cost.phase}"


# --- breakdowns -----------------------------------------------------------------------------------------


def _breakdown(model: ModelCost, kind: Breakdown) -> Table:
    cost = model.cost
    # Forward before backward, each in the order of the analysis.
    found = sorted(_ROWS[kind](cost), key=lambda row: row.phase != "forward")
    training, sites = cost.phase == "training", kind == "site"
    saved = training and kind != "op"
    columns = (
        Column("model", "model", role="data"),
        Column("variant", "variant", role="data"),
        *((Column("phase", "phase", role="group"),) if training else ()),
        Column(kind, kind),
        # Its name says the stage, to a reader.
        *((Column("stage_of_site", "stage", role="data"),) if sites else ()),
        Column("calls", "calls", "right"),
        *((Column("params", "params", "right"),) if sites else ()),
        Column("macs", "MACs", "right"),
        Column("paper_macs", "paper", "right", detail="MACs"),
        Column("flops", "FLOPs", "right"),
        Column("bytes_read", "bytes", "right", detail="read"),
        Column("bytes_written", "bytes", "right", detail="written"),
        *((Column("saved_bytes", "bytes", "right", detail="saved"),) if saved else ()),
    )
    names = (text_cell(model.spec.model), text_cell(model.spec.variant))
    rows = tuple((*names, *_cost_row(row, sites=sites, training=training, saved=saved)) for row in found)
    return Table(f"By {kind}", columns, rows, () if rows else ("there is none in this network",))


def _cost_row(row: CostRow, *, sites: bool, training: bool, saved: bool) -> Row:
    return (
        *((text_cell(row.phase),) if training else ()),
        Cell(row.key or "(none)", row.key),
        *((text_cell(row.stage or ""),) if sites else ()),
        Cell(str(row.calls), row.calls),
        *((_params(row),) if sites else ()),
        *map(_count, (row.macs, row.paper_macs, row.flops)),
        *map(_bytes, (row.bytes_read, row.bytes_written)),
        *((_bytes(row.saved_bytes) if row.phase == "forward" else EMPTY,) if saved else ()),
    )


def _params(row: CostRow) -> Cell:
    # Once per site: its backward row has the same parameters, and a column should add up.
    return EMPTY if row.params is None or row.phase == "backward" else _count(row.params)


def _count(value: int) -> Cell:
    return Cell(format_count(value, _DIGITS), value)


def _bytes(value: int | None) -> Cell:
    return Cell(UNKNOWN) if value is None else Cell(format_bytes(value), value)


def _share(part: int, whole: int) -> Cell:
    return Cell(format_share(part, whole), part / whole if whole else None)


def uncounted_text(ledger: Sequence[UncountedOp]) -> str:
    """Which ops are in no total, e.g. ``not counted: aten.erf (2 calls)``."""
    ops = ", ".join(f"{item.op} ({item.calls} call{'' if item.calls == 1 else 's'})" for item in ledger)
    return f"not counted, in no total: {ops}"
