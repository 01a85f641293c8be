"""The JSON that other programs read: schema ``sebench/1``. Fields may be added, never renamed or removed.

Values are in base SI units. Unknown is null with a reason beside it, never 0; NaN and infinities become null.
The text is ASCII, indented by two, with fields in a fixed order.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sebench.analysis.costs import CostRow, Totals, attention_totals, by_op, by_site, by_stage, totals
from sebench.paper.tables.registry import TableInfo
from sebench.reporting.catalog import ModelRow, SourceRow, VariantRow
from sebench.reporting.finite import finite_metric
from sebench.schema import (
    SCHEMA,
    AttentionKind,
    Comparison,
    Environment,
    Gate,
    MetricComparison,
    ModelCost,
    network_options,
)
from sebench.schema.forms import FORMS, Form

_MODEL_FIELDS = ("name", "family", "image_size", "num_classes", "stages", "source")
_SOURCE_FIELDS = ("key", "syntax", "networks", "takes_variants")
_KIND_FIELDS = ("name", "label", "paper", "params", "macs")
_VARIANT_FIELDS = ("syntax", "meaning", "default")
_ATTENTION_FIELDS = ("params", "macs", "flops", "bytes_read", "bytes_written")


def comparison_json(
    comparisons: Sequence[Comparison],
    environment: Environment | None,
    *,
    accuracy: Sequence[Sequence[Mapping[str, Any]]] | None = None,
) -> str:
    """The ``comparison`` document.

    Args:
        comparisons: One entry per pair.
        environment: The machine; null where it is None.
        accuracy: What is known of the accuracy of each pair, see `accuracy_records`; None where nobody asked.
    """
    values = [comparison_value(comparison) for comparison in comparisons]
    if accuracy is not None:
        pairs = zip(values, accuracy, strict=True)
        values = [{**value, "accuracy": plain_value(found)} for value, found in pairs]
    content = {
        "environment": None if environment is None else plain_value(environment),
        "comparisons": values,
    }
    return document_json("comparison", content)


def environment_json(environment: Environment) -> str:
    """The ``environment`` document."""
    return document_json("environment", {"environment": plain_value(environment)})


def catalog_json(
    *,
    models: Sequence[ModelRow] = (),
    attention: Sequence[AttentionKind] = (),
    variants: Sequence[VariantRow] = (),
    tables: Sequence[TableInfo] = (),
    sources: Sequence[SourceRow] = (),
) -> str:
    """The ``catalog`` document: what `sebench list` shows."""
    content = {
        "models": [{name: getattr(model, name) for name in _MODEL_FIELDS} for model in models],
        "variants": [{name: getattr(variant, name) for name in _VARIANT_FIELDS} for variant in variants],
        "tables": [msgspec.to_builtins(info) for info in tables],
        "sources": [{name: getattr(source, name) for name in _SOURCE_FIELDS} for source in sources],
        "attention": [_kind_value(kind) for kind in attention],
        "forms": [_form_value(form) for form in FORMS] if attention else [],
    }
    return document_json("catalog", content)


def _kind_value(kind: AttentionKind) -> dict[str, Any]:
    options = [
        {
            "name": option.name,
            "values": option.type.syntax,
            "default": option.render(option.default),
            "meaning": option.meaning,
        }
        for option in kind.options
    ]
    return {name: getattr(kind, name) for name in _KIND_FIELDS} | {"options": options}


def _form_value(form: Form) -> dict[str, Any]:
    values = {name: getattr(form, name) for name in ("name", "help", "level", "fixed_batch", "largest_batch")}
    return values | {name: list(getattr(form, name)) for name in ("runtimes", "phases", "implies")}


def count_json(models: Sequence[ModelCost], *, sites: bool = False) -> str:
    """The ``count`` document.

    Args:
        models: Costs, one entry per network.
        sites: Whether each says its gates.
    """
    return document_json("count", {"models": [_model(model, sites=sites) for model in models]})


def gate_json(gate: Gate, environment: Environment | None) -> str:
    """The ``gate`` document.

    Args:
        gate: All checks of one invocation.
        environment: The machine; null where it is None.
    """
    known = None if environment is None else plain_value(environment)
    return document_json("gate", {**plain_value(gate), "environment": known})


def document_json(kind: str, content: Mapping[str, Any]) -> str:
    """A document of one kind, with the schema in front."""
    document = {"schema": SCHEMA, "kind": kind, **content}
    return _indented(document) + "\n"


def _indented(document: Mapping[str, Any]) -> str:
    # A third of the time of json.dumps(indent=2), which remains for lone surrogates: msgspec refuses them.
    text = json.dumps(document, ensure_ascii=True, allow_nan=False)
    try:
        return msgspec.json.format(text, indent=2)
    except msgspec.DecodeError:
        return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)


def plain_value(value: object) -> Any:  # noqa: ANN401 - JSON
    """`value` as plain dicts, lists and finite scalars."""
    return _finite(msgspec.to_builtins(value, str_keys=True, enc_hook=str))


def _finite(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- comparison -----------------------------------------------------------------------------------------


def comparison_value(comparison: Comparison) -> dict[str, Any]:
    """One pair as it stands in the ``comparison`` document."""
    return {**plain_value(comparison), "metrics": [_metric(metric) for metric in comparison.metrics]}


def _metric(metric: MetricComparison) -> dict[str, Any]:
    plain: dict[str, Any] = plain_value(finite_metric(metric))
    if metric.workload is None:
        del plain["workload"]
    return plain


# --- count ----------------------------------------------------------------------------------------------


def _model(model: ModelCost, *, sites: bool) -> dict[str, Any]:
    cost, whole = model.cost, totals(model.cost)
    attention = attention_totals(cost)
    training = cost.phase == "training"
    return {
        "model": model.spec.model,
        "variant": model.spec.variant,
        **msgspec.to_builtins(network_options(model.spec)),
        "input_shape": list(cost.input_shape),
        "dtype": cost.dtype,
        "phase": cost.phase,
        **_sums(whole, training=training),
        "sites": len(cost.sites),
        "attention": {name: getattr(attention, name) for name in _ATTENTION_FIELDS},
        "by_op": [_row(row, "op") for row in by_op(cost)],
        "by_stage": [_row(row, "stage") for row in by_stage(cost)],
        "by_site": [_row(row, "site") for row in by_site(cost)],
        **({"gates": [plain_value(gate) for gate in cost.gates]} if sites else {}),
        "uncounted": [{"op": item.op, "calls": item.calls} for item in cost.uncounted],
    }


def _sums(whole: Totals, *, training: bool) -> dict[str, int]:
    sums: dict[str, int] = msgspec.to_builtins(whole)
    if not training:
        del sums["saved_bytes"]
    return sums


def _row(row: CostRow, kind: str) -> dict[str, Any]:
    """A breakdown row under the name of what it breaks down by, without the fields it does not have."""
    plain: dict[str, Any] = msgspec.to_builtins(row)
    key = plain.pop("key")
    return {kind: key, **{name: value for name, value in plain.items() if value is not None and name != kind}}
