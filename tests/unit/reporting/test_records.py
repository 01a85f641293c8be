"""Records: CSV and frames hold the same rows, and pandas reads the one into the other without cleaning."""

import io
import re
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import fields, replace

from sebench.analysis.comparison import origin
from sebench.reporting import comparison_document, gate_document, render
from sebench.reporting.change_rows import CHANGE_FIELDS
from sebench.reporting.comparison_records import COMPARISON_FIELDS, comparison_records
from sebench.reporting.csv import render_csv
from sebench.reporting.document import Document
from sebench.reporting.gate_records import GATE_FIELDS, gate_records
from sebench.reporting.paper_table import PAPER_TABLE_FIELDS
from sebench.reporting.records import DTYPES, WORKLOAD_FIELDS, Field, Records
from sebench.schema import (
    WORKLOAD_COLUMNS,
    Interval,
    MetricComparison,
    Origin,
    Quantity,
    Ratio,
    Workload,
)
from tests import gates, samples

DOCS = Path(__file__).parents[3] / "docs"
KINDS = Records(
    (
        Field("name", "text", ""),
        Field("n", "integer", ""),
        Field("x", "number", ""),
        Field("exact", "flag", ""),
    ),
    (("a", 3, 1, True), (None, None, None, None), ("b", 4, 0.5, False)),
)


def read(text, records):
    """As pandas reads it where it is told the types."""
    return pd.read_csv(io.StringIO(text), dtype={field.key: DTYPES[field.kind] for field in records.fields})


@pytest.fixture
def records(make):
    comparisons = [
        make.comparison(),
        make.comparison(make.latency(workload=make.gpu_training), make.unavailable()),
    ]
    known = origin(samples.result(samples.measurement([])))
    return comparison_records(comparisons, as_published=[True, False], origins=[known, known])


# --- records in general ---------------------------------------------------------------------------------


def test_columns_of_a_frame_are_typed_and_unknowns_are_missing():
    frame = KINDS.to_frame()
    assert frame.dtypes.astype(str).to_dict() == {
        "name": "string", "n": "Int64", "x": "float64", "exact": "boolean",
    }  # fmt: skip
    assert frame.loc[1].isna().all()
    assert frame["n"].sum() == 7  # 3 + 4
    assert frame["x"].mean() == 0.75  # (1 + 0.5) / 2


def test_no_rows_are_a_frame_of_the_same_columns():
    empty = Records(KINDS.fields, ()).to_frame()
    assert (len(empty), list(empty.columns)) == (0, list(KINDS.keys))
    assert list(empty.dtypes) == list(KINDS.to_frame().dtypes)


def test_a_row_has_one_value_per_field():
    with pytest.raises(ValueError, match="1 values for 4 fields"):
        Records(KINDS.fields, (("a",),))


def test_csv_holds_the_records_instead_of_tables():
    assert (
        render_csv(Document("D", (), records=lambda: KINDS))
        == "name,n,x,exact\na,3,1,True\n,,,\nb,4,0.5,False\n"
    )


# --- comparisons ----------------------------------------------------------------------------------------


def test_one_row_per_pair_workload_and_metric(records):
    frame = records.to_frame()
    assert list(frame["metric"]) == ["params", "macs", "paper_macs", "flops", "bytes", *["latency"] * 3]
    assert not frame.duplicated(["model", "candidate_variant", "metric", "phase", "baseline"]).any()
    latency = frame.iloc[5]
    assert (latency["unit"], latency["baseline"], latency["ratio_ci_high"]) == ("s", 0.05342, 1.024)
    assert (latency["paper_baseline"], latency["paper_candidate"]) == (0.164, 0.167)
    assert latency["paper_ratio"] == 0.167 / 0.164
    assert (latency["input_shape"], latency["threads"]) == ("1x3x224x224", 2)
    assert (latency["result"], latency["torch"]) == ("20260102T030405Z-resnet50-plain-se-abcdef", "2.11.0")
    params = frame.iloc[0]
    assert params["baseline"] == 25_557_032
    assert params[["confidence", "processes", "blocks", "phase", "threads"]].isna().all()
    missing = frame.iloc[7]
    assert (missing["status"], missing["reason"]) == ("unavailable", "process 3 ran out of memory")
    assert pd.isna(missing["ratio"])


def test_pandas_reads_csv_into_the_same_frame(records):
    text = render_csv(Document("D", (), records=lambda: records))
    pd.testing.assert_frame_equal(read(text, records), records.to_frame())


def test_csv_needs_no_cleaning(make):
    frame = pd.read_csv(io.StringIO(render(comparison_document(make.several()), "csv")))
    assert list(frame.columns) == [field.key for field in COMPARISON_FIELDS]
    numeric = {field.key for field in COMPARISON_FIELDS if field.kind in ("number", "integer")}
    assert {key for key in numeric if not pd.api.types.is_numeric_dtype(frame[key])} == set()


def test_without_origins_nobody_knows_where_it_was_measured(make):
    frame = comparison_records([make.comparison()]).to_frame()
    assert frame[["result", "measured_at", "commit", "paper_ratio"]].isna().all(axis=None)


def test_origins_are_as_many_as_comparisons(make):
    known = origin(samples.result(samples.measurement([])))
    with pytest.raises(ValueError, match="zip"):
        comparison_records([make.comparison()], origins=[known, known])


def test_what_is_not_finite_is_missing_with_a_reason(make):
    infinite = replace(make.latency(), ratio=replace(make.latency().ratio, estimate=float("inf")))
    (row,) = comparison_records([make.comparison(infinite)]).to_frame().to_dict("records")
    assert pd.isna(row["ratio"])
    assert row["reason"] == "not a finite number: ratio.estimate"


# --- completeness ---------------------------------------------------------------------------------------


def leaves(struct, *prefixes):
    return {"_".join(filter(None, (*prefixes, field.name))) for field in fields(struct)}


def test_every_field_of_a_metric_has_a_column():
    held = {field.key for field in COMPARISON_FIELDS}
    sides = {
        key.removesuffix("_value") for side in ("baseline", "candidate") for key in leaves(Quantity, side)
    }
    difference = {key.removesuffix("_estimate") for key in leaves(Interval, "difference")}
    intervals = {"ratio", "ratio_ci_low", "ratio_ci_high"}
    ratio = intervals | leaves(Ratio) - {"estimate", "ci_low", "ci_high"}
    plain = leaves(MetricComparison) - {
        "workload",
        "baseline",
        "candidate",
        "difference",
        "ratio",
        "findings",
        "over_processes",  # of a run of one process alone, where a finding has it, too
    }
    renamed = {"id": "result", "created_at": "measured_at"}
    where = {renamed.get(name, name) for name in leaves(Origin)}
    assert sides | difference | ratio | plain | where | set(WORKLOAD_COLUMNS) <= held


@pytest.mark.parametrize("known", [COMPARISON_FIELDS, CHANGE_FIELDS])
def test_options_of_the_workload_come_last_and_no_key_twice(known):
    keys = [field.key for field in known]
    assert tuple(keys[-len(WORKLOAD_COLUMNS) :]) == WORKLOAD_COLUMNS
    assert len(set(keys)) == len(keys)


def test_kinds_follow_the_types_of_a_workload():
    kinds = {field.key: field.kind for field in WORKLOAD_FIELDS}
    assert {key for key, kind in kinds.items() if kind == "integer"} == {
        "batch_size", "threads", "micro_batch_size", "world_size",
    }  # fmt: skip
    assert {key for key, kind in kinds.items() if kind == "flag"} == {"cudnn_benchmark"}
    values = Workload(input_shape=(1, 3, 8, 8))
    assert all(
        isinstance(getattr(values, key), str)
        for key, kind in kinds.items()
        if kind == "text"
        if key != "input_shape"
    )


@pytest.mark.parametrize(
    ("heading", "known"),
    [
        ("Columns of a comparison", COMPARISON_FIELDS),
        ("Columns of a change", CHANGE_FIELDS),
        ("Columns of a gate", GATE_FIELDS),
        ("Columns of the papers' tables", PAPER_TABLE_FIELDS),
    ],
)
def test_the_columns_are_documented(heading, known):
    _, _, rest = (DOCS / "exports.md").read_text(encoding="utf-8").partition(f"### {heading}\n")
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| (.+) \|$", rest.partition("\n## ")[0].partition("\n### ")[0], re.M
    )
    assert rows == [(field.key, field.kind, field.meaning) for field in known]


def test_the_frame_of_a_gate_has_the_values_of_its_csv():
    gate = gates.gate(gates.check(), gates.passed(), gates.lock(), gates.not_comparable())
    frame = gate_records(gate).to_frame()
    csv = pd.read_csv(io.StringIO(render(gate_document(gate), "csv")), dtype=str, keep_default_na=False)
    for field in GATE_FIELDS:
        if field.kind == "number":
            expected = pd.to_numeric(csv[field.key]).to_list()
            assert frame[field.key].to_list() == pytest.approx(expected, nan_ok=True), field.key
        else:
            shown = frame[field.key].astype(object).where(frame[field.key].notna(), "")
            assert shown.map(str).to_list() == csv[field.key].to_list(), field.key
    # What is made for people has no column.
    assert set(csv.columns) - set(frame.columns) == {"basis", "check", "values"}
