"""A sweep as people and programs read it."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from sebench.reporting import render
from sebench.reporting.across import ACROSS_FIELDS
from sebench.reporting.comparison_records import COMPARISON_FIELDS
from sebench.reporting.sweep import CASE_FIELDS, sweep_csv, sweep_document, sweep_json, sweep_records
from tests.sweeps import LARGE, Making, small

FORMATS = {"table": "txt", "markdown": "md", "csv": "csv", "latex": "tex"}


@pytest.mark.parametrize("format_", FORMATS)
def test_a_sweep(golden, format_):
    document = sweep_document("small", small().rows)
    golden(f"sweep.{FORMATS[format_]}", render(document, format_, width=100))


def test_the_contract(golden):
    made = Making("tiny")
    made.done(1.1, batch_size=1)
    made.failed(batch_size=64)
    golden("sweep.json", sweep_json("tiny", made.rows))


def rows_of(made, **options):
    return list(csv.DictReader(io.StringIO(sweep_csv(made.rows, **options))))


def test_csv_is_what_compare_has_behind_the_case():
    made = small()
    fields = sweep_records(made.rows).fields
    assert [field.key for field in fields[:4]] == ["case", "case_status", "case_reason", "machine"]
    assert fields[4:] == COMPARISON_FIELDS
    rows = rows_of(made)
    # Seven of nine cases have a result, with one row per metric; two have one row each.
    per_case = {case.id: [row for row in rows if row["case"] == case.id] for case in made.cases}
    assert [len(found) for found in per_case.values()] == [len(per_case["000000000000"])] * 7 + [1, 1]
    latency = next(row for row in per_case["000000000002"] if row["metric"] == "latency")
    assert (latency["model"], latency["batch_size"], latency["threads"]) == ("resnet50", "8", "1")
    assert (latency["case_status"], latency["machine"]) == ("done", "Sample CPU")
    # 1.05 + 0.1 / 8 + 0.02 * 1
    assert float(latency["ratio"]) == pytest.approx(1.0825, rel=1e-4)


@pytest.mark.parametrize(("heading", "known"), [("Sweeps", CASE_FIELDS), ("Across machines", ACROSS_FIELDS)])
def test_the_columns_in_front_are_documented(heading, known):
    page = (Path(__file__).parents[3] / "docs" / "reports.md").read_text(encoding="utf-8")
    part = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", part, re.MULTILINE)
    assert rows == [(field.key, field.kind, field.meaning) for field in known]


def test_a_failed_case_has_a_row_with_what_was_said():
    made = Making()
    made.done(1.1)
    made.failed("no room", batch_size=64, image_size=320, threads=4, dtype="bfloat16")
    row = rows_of(made)[-1]
    assert {key: value for key, value in row.items() if value} == {
        "case": "000000000001",
        "case_status": "failed",
        "case_reason": "no room",
        "machine": "Sample CPU",
        "model": "resnet50",
        "baseline_variant": "plain",
        "candidate_variant": "se",
        "batch_size": "64",
        "input_shape": "64x3x320x320",
        "threads": "4",
        "dtype": "bfloat16",
    }


def test_a_size_without_a_batch_is_no_shape():
    made = Making()
    made.failed(image_size=320)
    assert rows_of(made)[0]["input_shape"] == ""


def test_a_frame_has_the_rows_of_the_csv():
    made = small()
    frame = sweep_records(made.rows).to_frame()
    assert list(frame.columns) == list(rows_of(made)[0])
    assert list(frame["case"]) == [row["case"] for row in rows_of(made)]
    assert str(frame["batch_size"].dtype) == "Int64"


def test_the_paper_is_quoted_of_published_networks_only():
    made = Making()
    made.done(1.1)
    made.done(1.1, batch_size=8)
    published = {made.results[1].id}
    quoted = {row["case"] for row in rows_of(made, published=published) if row["paper_source"]}
    assert quoted == {"000000000001"}
    assert not any(row["paper_source"] for row in rows_of(made))


def test_json_has_every_case_with_what_it_says():
    made = small()
    found = json.loads(sweep_json("small", made.rows))
    assert (found["schema"], found["kind"], found["name"]) == ("sebench/1", "sweep", "small")
    assert [case["id"] for case in found["cases"]] == [case.id for case in made.cases]
    first, failed, skipped = found["cases"][0], found["cases"][7], found["cases"][8]
    assert (first["status"], first["reason"], first["result"]) == ("done", None, made.results[0].id)
    assert first["workload"] == {"batch_size": 1, "threads": 1}
    assert {metric["metric"] for metric in first["metrics"]} >= {"latency", "params", "macs"}
    assert (failed["status"], failed["reason"], failed["result"], failed["metrics"]) == (
        "failed", "a worker ran out of memory (killed by signal 9)", None, [],
    )  # fmt: skip
    assert (skipped["status"], skipped["machine"]) == ("skipped", None)
    assert skipped["workload"] == {"phase": "training", "runtime": "onnxruntime"}
    assert [axis["axis"] for axis in found["axes"]] == [
        "model", "phase", "batch_size", "threads", "runtime",
    ]  # fmt: skip


def test_metrics_are_those_of_compare():
    from sebench.analysis.comparison import compare
    from sebench.reporting.contract import comparison_value

    made = Making()
    result = made.done(1.1)
    (case,) = json.loads(sweep_json("x", made.rows))["cases"]
    assert case["metrics"] == json.loads(json.dumps(comparison_value(compare(result))["metrics"]))


def test_nothing_measured_is_said():
    made = Making()
    made.failed("no room", batch_size=1)
    made.failed("no room", batch_size=2)
    text = render(sweep_document("x", made.rows), "table", width=100)
    assert "2 cases: 2 failed, 5 s in all." in text  # 2 x 2.5 s
    assert text.count("no room") == 2
    assert "Sample CPU" not in text


def test_an_empty_sweep_is_a_sentence():
    assert render(sweep_document("x", ()), "table") == "Sweep x\n\n0 cases: nothing was run.\n"


def test_machines_are_named_where_there_are_several():
    made = Making()
    made.done(1.1)
    made.done(1.2, environment=LARGE, host="b")
    text = render(sweep_document("x", made.rows), "table", width=1000)
    assert "between 1.100 [" in text
    assert "(Sample CPU) and 1.200 [" in text


def test_ratios_without_an_interval_are_in_no_sentence():
    made = Making()
    for batch in (1, 8):
        made.done(1.1, spread=(1.0,), batch_size=batch)  # one process of two blocks
    text = render(sweep_document("x", made.rows), "table", width=100)
    assert "lies between" not in text
    assert text.count("no interval") == 2


def test_hostile_text_is_data():
    made = Making()
    made.done(1.1, batch_size=1)
    made.failed("=cmd|' /C calc'!A0\x1b[31m\nnext", batch_size=2)
    rows = made.rows
    assert "\x1b" not in render(sweep_document("x", rows), "table")
    assert rows_of(made)[-1]["case_reason"].startswith("'=cmd")
