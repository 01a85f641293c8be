"""One pair on several machines, as people and programs read it."""

import csv
import io
import json

import pytest
from msgspec.structs import replace

from sebench.analysis.across import across
from sebench.reporting import render
from sebench.reporting.across import across_answer, across_document, across_json, across_picture
from sebench.reporting.drawing import picture_svg
from tests.sweeps import LARGE, THIRD
from tests.sweeps import on_machine as result

FORMATS = {"table": "txt", "markdown": "md", "csv": "csv"}


def decided():
    return across([result(1.05), result(1.2, LARGE), result(1.1, THIRD), result(1.06, day=-3)])


@pytest.mark.parametrize("format_", FORMATS)
def test_machines(golden, format_):
    golden(f"across.{FORMATS[format_]}", render(across_document(decided()), format_, width=100))


def test_the_contract(golden):
    golden("across.json", across_json(across([result(1.05), result(1.2, LARGE)])))


def test_no_claim_where_intervals_do_not_separate():
    (table,) = across([result(1.1), result(1.102, LARGE)])
    sentence = across_answer(table)
    assert sentence.startswith(
        "No machine is shown to pay most: resnet50 with SE against plain, CPU inference"
    )
    assert sentence.endswith(
        "Large CPU has the highest ratio, 1.102 [1.094, 1.110] but is not shown apart from Sample CPU"
    )


def test_what_is_shown_is_said_beside_what_is_not():
    (table,) = across([result(1.1), result(1.102, LARGE), result(1.01, THIRD)])
    assert across_answer(table).endswith(", above Third CPU, but is not shown apart from Sample CPU")


def test_why_a_machine_is_not_compared_is_a_note():
    document = across_document(across([result(1.5, spread=(1.0,)), result(2.5, LARGE)]))
    assert (
        "not compared with the highest: Sample CPU: one process, whose interval leaves out variation between "
        "processes"
    ) in document.notes


def test_several_tables_have_a_sentence_each():
    eight = replace(decided()[0].rows[0].workload, batch_size=8, input_shape=(8, 3, 224, 224))
    tables = across(
        [
            result(1.1),
            result(1.2, LARGE),
            result(1.3, workload=eight, id="a"),
            result(1.4, LARGE, workload=eight, id="b"),
        ]
    )
    document = across_document(tables)
    assert document.title == "2 comparisons across machines"
    assert [table.title for table in document.tables] == [
        "resnet50: plain -> se, CPU inference, batch 1, 224x224, float32, 2 threads",
        "resnet50: plain -> se, CPU inference, batch 8, 224x224, float32, 2 threads",
    ]


def test_threads_have_a_column_where_they_differ():
    own = replace(decided()[0].rows[0].workload, threads=8)
    (table,) = across([result(1.1), result(1.2, LARGE, workload=own), result(1.15, workload=own, id="c")])
    document = across_document((table,))
    assert [column.key for column in document.tables[0].columns][:2] == ["machine", "threads"]
    assert (
        "Sample CPU, cpu, 8 threads and Sample CPU, cpu, 2 threads" in across_answer(table)
        or table.is_decided
    )


def test_csv_has_a_row_per_machine():
    rows = list(csv.DictReader(io.StringIO(render(across_document(decided()), "csv"))))
    assert [(row["machine"], row["metric"], row["older_results"]) for row in rows] == [
        ("Large CPU", "latency", "0"),
        ("Third CPU", "latency", "0"),
        ("Sample CPU", "latency", "1"),
    ]
    assert float(rows[2]["highest_over_this"]) == pytest.approx(1.2 / 1.05)


def test_json_says_whether_it_is_decided():
    (entry,) = json.loads(across_json(decided()))["comparisons"]
    assert (entry["model"], entry["decided"]) == ("resnet50", True)
    assert [machine["older_results"] for machine in entry["machines"]] == [0, 0, 1]
    assert entry["machines"][0]["highest_over_this"] is None


def test_the_picture_has_a_row_per_machine():
    svg = picture_svg(across_picture(decided())).decode()
    for name in ("Large CPU", "Third CPU", "Sample CPU"):
        assert name in svg
