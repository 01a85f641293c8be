"""The gates that were found in a network, as a table and as records."""

from __future__ import annotations

from sebench.reporting.document import Cell, Column, Row, Table, text_cell
from sebench.reporting.records import CellValue, Field, Records
from sebench.schema import ModelCost
from sebench.schema.gates import Gate
from sebench.units import format_count

NOTHING_FOUND = (
    "no channel attention was found: no feature map meets values that come from a reduction of one"
)
WIDTHS_NOTE = "width: channels, and the widths of the layers between; place: the ops before and after"
INLINE_NOTE = "*: written inline, so that the module does other things too"

GATE_FIELDS: tuple[Field, ...] = (
    Field("path", "text", "the module that is the gate, or the one that it is written in"),
    Field("kind", "text", "`channel`, `split` (weighs branches) or `context` (adds, or pools by attention)"),
    Field("module", "flag", "whether the module is exactly the gate; otherwise it is written inline"),
    Field("channels", "integer", "values for one feature map"),
    Field("branches", "integer", "feature maps that a split weighs; 1 otherwise"),
    Field("hidden", "text", "widths of the layers but the last, or of the only one; joined by `/`"),
    Field("reduction", "text", "`mean`, `max`, `mean+max`, `std`, `sum`, `attention`"),
    Field("gate", "text", "the op that gives its values, e.g. `sigmoid`"),
    Field("bias", "flag", "whether its layers or its normalisation have a bias"),
    Field("norm", "flag", "whether there is a normalisation between its layers"),
    Field("kernel", "integer", "of a convolution over channels; 1 without one"),
    Field("shared", "flag", "whether weights of it work more than once in a step"),
    Field("dimensions", "integer", "spatial dimensions of the feature map"),
    Field("params", "integer", "parameters; those that an earlier gate has are not counted again"),
    Field("macs", "integer", "multiply-accumulates"),
    Field("before", "text", "the op that makes the feature map"),
    Field("after", "text", "the ops that take the product, joined by `/`"),
    Field("stage", "text", "`stride 8`, or the stage of a native network"),
)
_DIGITS = 5


def gate_record(gate: Gate) -> tuple[CellValue, ...]:
    """The values of `GATE_FIELDS`."""
    values = (getattr(gate, field.key) for field in GATE_FIELDS)
    return tuple("/".join(map(str, value)) if isinstance(value, tuple) else value for value in values)


def gate_records(model: ModelCost) -> Records:
    """One row per gate, with the network in front."""
    names = (Field("model", "text", ""), Field("variant", "text", ""))
    rows = tuple((model.spec.model, model.spec.variant, *gate_record(gate)) for gate in model.cost.gates)
    return Records((*names, *GATE_FIELDS), rows)


def gates_table(model: ModelCost) -> Table:
    """One row per gate, in order of execution."""
    gates = model.cost.gates
    shown = {"path", "params", "macs"}
    columns = (
        Column("model", "model", role="data"),
        Column("variant", "variant", role="data"),
        Column("path", "gate"),
        Column("width", "width"),
        Column("function", "function", role="fold"),
        Column("params", "params", "right"),
        Column("macs", "MACs", "right"),
        Column("place", "place"),
        Column("where", "stage", role="fold"),
        *(Column(field.key, field.key, role="data") for field in GATE_FIELDS if field.key not in shown),
    )
    return Table("Gates", columns, tuple(_row(model, gate) for gate in gates), _notes(gates))


def _row(model: ModelCost, gate: Gate) -> Row:
    record = dict(zip((field.key for field in GATE_FIELDS), gate_record(gate), strict=True))
    params, macs = record.pop("params"), record.pop("macs")
    path = record.pop("path")
    return (
        text_cell(model.spec.model),
        text_cell(model.spec.variant),
        Cell(f"{gate.path or '(network)'}{'' if gate.module else ' *'}", path),
        Cell(_width(gate)),
        Cell(_function(gate)),
        Cell(format_count(gate.params, _DIGITS), params),
        Cell(format_count(gate.macs, _DIGITS), macs),
        Cell(f"{gate.before} > {gate.after}"),
        Cell(gate.stage),
        *(Cell("", value) for value in record.values()),
    )


def _width(gate: Gate) -> str:
    branches = f"{gate.branches} x " if gate.branches > 1 else ""
    kernel = f" (k={gate.kernel})" if gate.kernel > 1 else ""
    return f"{branches}{gate.channels} -> {'/'.join(map(str, gate.hidden))}{kernel}"


def _function(gate: Gate) -> str:
    kind = "" if gate.kind == "channel" else f"{gate.kind}: "
    return f"{kind}{gate.reduction}, {gate.gate}"


def _notes(gates: tuple[Gate, ...]) -> tuple[str, ...]:
    if not gates:
        return (NOTHING_FOUND,)
    params = format_count(sum(gate.params for gate in gates), _DIGITS)
    macs = format_count(sum(gate.macs for gate in gates), _DIGITS)
    total = f"in all: {len(gates)} gate{'' if len(gates) == 1 else 's'}, {params} params, {macs} MACs"
    inline = () if all(gate.module for gate in gates) else (INLINE_NOTE,)
    return (total, WIDTHS_NOTE, *inline)
