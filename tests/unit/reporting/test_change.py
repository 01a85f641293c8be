"""The change report: the answer first, tables, what could not be compared, and whole outputs."""

import csv
import io
import json
import math

import pytest
from msgspec.structs import replace

from sebench.analysis.change import changes
from sebench.reporting import change_document, change_json, render
from sebench.schema import ModelSpec, Pair
from tests import samples
from tests.history import measured

SPREAD = (0.99, 1.00, 1.01, 1.0)
SLOW = tuple(1.1 * factor for factor in SPREAD)
OTHER = Pair(baseline=ModelSpec(model="vgg16_bn"), candidate=ModelSpec(model="vgg16_bn", variant="se(r=8)"))
MOVED = replace(samples.ENVIRONMENT, cpu={"model": "Other CPU", "usable_cores": 2})


def several():
    """A slower pair on another machine, one under another workload, and one on each side alone."""
    gone, come, threads = (
        replace(OTHER, candidate=ModelSpec(model="vgg16_bn", variant=variant))
        for variant in ("se", "se(r=4)", "se(r=8)")
    )
    old = [measured(SPREAD), measured(SPREAD, pair=gone), measured(SPREAD, pair=threads)]
    new = [
        measured(SLOW, day=1, environment=MOVED, candidate_cost=samples.cost(121, 1001)),
        measured(SPREAD, day=1, pair=come),
        measured(SPREAD, day=1, pair=threads, workload=replace(samples.WORKLOAD, threads=4)),
    ]
    return changes(old, new)


def first_line(before, after):
    return render(change_document(changes([before], [after])), "markdown").splitlines()[2]


@pytest.mark.parametrize(("format_", "extension"), [("table", "txt"), ("markdown", "md"), ("latex", "tex")])
def test_whole_documents(golden, format_, extension):
    golden(f"change.{extension}", render(change_document(several()), format_, width=120))


def test_the_contract():
    document = json.loads(change_json(several()))
    assert (document["schema"], document["kind"]) == ("sebench/1", "change")
    slower, new, other, gone = document["changes"]
    assert [change["only_in"] for change in document["changes"]] == [None, "after", None, "before"]
    assert set(slower) == {
        "model", "baseline", "candidate", "only_in", "pair", "before", "after", "metrics",
    }  # fmt: skip
    assert (new["model"], new["baseline"], new["candidate"]) == ("vgg16_bn", "plain", "se(r=4)")
    assert set(gone["before"][0]) == {
        "id", "created_at", "commit", "dirty", "sebench", "torch", "fingerprint",
    }  # fmt: skip
    latency = next(metric for metric in slower["metrics"] if metric["metric"] == "latency")
    assert set(latency) == {
        "metric", "unit", "exact", "workload", "before", "after", "before_grade", "after_grade", "overhead",
        "degrees_of_freedom", "verdict", "reason", "differences", "candidate",
    }  # fmt: skip
    assert latency["overhead"]["estimate"] == pytest.approx(1.1)
    assert (latency["verdict"], latency["candidate"]["reason"]) == ("slower", "fingerprint")
    assert latency["candidate"]["differences"] == [
        {"field": "cpu.model", "before": "Sample CPU", "after": "Other CPU"}
    ]
    threads = next(metric for metric in other["metrics"] if metric["metric"] == "latency")
    assert threads["differences"] == [{"field": "threads", "before": 2, "after": 4}]
    assert (threads["overhead"]["estimate"], threads["verdict"]) == (None, "not comparable")


def test_csv_has_the_raw_values():
    rows = list(csv.DictReader(io.StringIO(render(change_document(several()), "csv"))))
    latency = next(row for row in rows if row["metric"] == "latency" and row["verdict"] == "slower")
    assert float(latency["change"]) == pytest.approx(1.1)
    assert float(latency["change_ci_low"]) == pytest.approx(1.1 * math.exp(-2.4469118 * 0.0057735), rel=1e-4)
    assert (latency["before_processes"], latency["grade"], latency["threads"]) == ("4", "B", "2")
    pairs = {(row["model"], row["baseline_variant"], row["candidate_variant"]) for row in rows}
    assert ("resnet50", "plain", "se") in pairs
    threads = [row for row in rows if row["differences"] == "threads 2 -> 4"]
    assert {(row["verdict"], row["change"]) for row in threads} == {("not comparable", "")}


def test_csv_has_one_row_per_pair_workload_and_metric():
    found = several()
    rows = list(csv.DictReader(io.StringIO(render(change_document(found), "csv"))))
    assert len(rows) == sum(len(change.metrics) for change in found)
    counted = next(row for row in rows if row["metric"] == "params")
    # 110 / 100 before, 121 / 100 after; exact figures have neither confidence nor processes.
    assert (counted["before"], counted["after"], counted["change"]) == ("1.1", "1.21", "1.1")
    assert (counted["confidence"], counted["before_processes"], counted["device"]) == ("", "", "")


def test_the_answer_comes_first_with_interval_sizes_and_grade():
    # Logarithms of 0.99, 1, 1, 1.01: s^2 = 6.667e-5, so sqrt(2 s^2 / 4) = 0.005774; t(0.975, 6) = 2.4469:
    # 1.1 exp(-+ 0.01413) = 1.0846, 1.1157.
    assert first_line(measured(SPREAD), measured(SLOW, day=1)) == (
        "**Slower: resnet50 with SE against plain, CPU inference, batch 1, 224x224, float32, 2 threads: "
        "overhead 1.000 [0.987, 1.013] before, 1.100 [1.086, 1.114] after; "
        "change x1.100 [1.085, 1.116], 95 %, 4 and 4 processes, grade B**"
    )


def test_without_an_interval_the_answer_says_why():
    line = first_line(measured([1.05]), measured(SLOW, day=1))
    assert line.startswith("**No change shown: ")
    assert "change x1.048, 1 and 4 processes, grade C, no interval: it takes two processes or more" in line


def test_not_comparable_names_what_differs():
    after = measured(SPREAD, day=1, workload=replace(samples.WORKLOAD, batch_size=8, threads=4))
    assert first_line(measured(SPREAD), after) == (
        "**Not comparable: resnet50 with SE against plain, CPU inference, batch 8, 224x224, float32, "
        "4 threads: measured under another workload: batch_size 1 -> 8, threads 2 -> 4**"
    )


def test_without_times_the_counts_are_the_answer():
    before, after = measured(SPREAD, measurements=()), measured(SPREAD, day=1, measurements=())
    assert first_line(before, after) == (
        "**resnet50 with SE against plain: params, MACs, paper FLOPs, FLOPs, bytes unchanged; "
        "no time was compared**"
    )


def test_nothing_at_all():
    assert "Nothing to compare: there are no results." in render(change_document(()), "table")
    assert json.loads(change_json(())) == {"schema": "sebench/1", "kind": "change", "changes": []}


def test_notes_name_the_facts_that_differ():
    text = render(change_document(several()), "markdown")
    assert "their fingerprints differ: cpu.model Sample CPU -> Other CPU" in text
    assert "not interleaved" not in text  # there is no such figure here
    same = render(change_document(changes([measured(SPREAD)], [measured(SLOW, day=1)])), "markdown")
    assert "between sessions, not interleaved: information only" in same


def test_two_networks_are_called_by_their_names():
    nets = Pair(baseline=ModelSpec(model="n.py:old"), candidate=ModelSpec(model="n.py:new"))
    found = changes([measured(SPREAD, pair=nets)], [measured(SLOW, pair=nets, day=1)])
    text = render(change_document(found), "markdown")
    assert text.startswith("# n.py:new against n.py:old: old results against new ones")
    assert "Slower: n.py:new against n.py:old, CPU inference" in text
    entry = json.loads(change_json(found))["changes"][0]
    assert (entry["baseline"], entry["candidate"]) == ("n.py:old", "n.py:new")


def test_hostile_names_stay_on_their_line():
    evil = Pair(baseline=ModelSpec(model="a\nb|c"), candidate=ModelSpec(model="a\nb|c", variant="\x1b[31m"))
    found = changes([measured(SPREAD, pair=evil)], [measured(SPREAD, day=1, pair=evil)])
    for format_ in ("table", "markdown", "latex", "csv"):
        assert "\x1b" not in render(change_document(found), format_)
