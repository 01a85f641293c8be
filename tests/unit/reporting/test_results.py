import json

import pytest
from msgspec.structs import replace

from sebench.reporting import render, results_document, results_json
from sebench.schema import (
    LatencySummary,
    ListedResult,
    ModelSpec,
    Pair,
    Ratio,
    ResultListing,
    ResultSummary,
    SkippedFile,
    Workload,
)

WORKLOAD = Workload(input_shape=(1, 3, 224, 224), threads=2)
RATIO = Ratio(
    estimate=1.05,
    ci_low=1.04,
    ci_high=1.06,
    method="hodges-lehmann/process-t",
    scope="process",
    processes=6,
    blocks=48,
)
HEADLINE = LatencySummary(workload=WORKLOAD, baseline_s=0.05, candidate_s=0.0525, ratio=RATIO, grade="B")


def listed(day, *latency, variant="se", baseline="plain", **fields):
    identifier = f"2026010{day}T030405000000Z-resnet50-plain-se-abcdef"
    values = {
        "path": f"results/{identifier}.json",
        "id": identifier,
        "created_at": f"2026-01-0{day}T03:04:05+00:00",
        "sebench": "0.1.0",
        "pair": Pair(
            baseline=ModelSpec(model="resnet50", variant=baseline),
            candidate=ModelSpec(model="resnet50", variant=variant),
        ),
        "fingerprint": "f1",
        "machine": "Example CPU 9000",
        "commit": "0123456789abcdef",
        "dirty": False,
        "branch": "main",
    }
    summary = ResultSummary(**{**values, "workloads": tuple(one.workload for one in latency), **fields})
    return ListedResult(summary=summary, latency=latency)


def listing(*results, skipped=()):
    return ResultListing(directory="results", results=results, skipped=skipped)


def table(*results):
    (found,) = results_document(listing(*results)).tables
    return found


def shown(found):
    return [column.key for column in found.columns if column.role != "data"]


USUAL = ["created", "id", "model", "candidate", "device", "phase", "batch_size", "ratio", "grade", "commit"]


def test_one_block_per_result_on_a_line_of_80_characters():
    ranks = replace(HEADLINE, workload=replace(WORKLOAD, phase="training", world_size=2))
    text = render(results_document(listing(listed(1, HEADLINE), listed(2, ranks))), "table", width=80)
    assert text.splitlines()[3:12] == [
        "created                model    device                   ratio",
        "id                     variant  phase     batch           [CI] grade",
        "---------------------- -------- --------- ----- -------------- -----",
        "2026-01-01 03:04       resnet50 cpu           1          1.050 B",
        "20260101T030405000000Z se       inference       [1.040, 1.060]",
        "  commit 01234567, world size 1",
        "2026-01-02 03:04       resnet50 cpu           1          1.050 B",
        "20260102T030405000000Z se       training        [1.040, 1.060]",
        "  commit 01234567, world size 2",
    ]


def test_text():
    assert render(
        results_document(listing(listed(1, HEADLINE), listed(2, HEADLINE, dirty=True))), "table"
    ) == (
        "Stored results\n"
        "\n"
        "Results in results\n"
        "created                model    device                   ratio\n"
        "id                     variant  phase     batch           [CI] grade commit\n"
        "---------------------- -------- --------- ----- -------------- ----- ---------\n"
        "2026-01-01 03:04       resnet50 cpu           1          1.050 B     01234567\n"
        "20260101T030405000000Z se       inference       [1.040, 1.060]\n"
        "2026-01-02 03:04       resnet50 cpu           1          1.050 B     01234567+\n"
        "20260102T030405000000Z se       inference       [1.040, 1.060]\n"
        "- name a result by its file or the first characters of its ID; times are UTC\n"
        "- commit+: measured with uncommitted changes\n"
    )


def test_two_networks_are_both_named():
    pair = Pair(baseline=ModelSpec(model="nets.py:old"), candidate=ModelSpec(model="nets.py:new"))
    found = listing(listed(1, HEADLINE, pair=pair))
    (row,) = results_document(found).tables[0].rows
    assert [cell.text for cell in row[2:4]] == ["nets.py:new against nets.py:old", ""]
    (entry,) = json.loads(results_json(found))["results"]
    assert (entry["model"], entry["baseline"], entry["candidate"]) == (
        "nets.py:new against nets.py:old",
        "nets.py:old",
        "nets.py:new",
    )


def test_what_is_usual_is_for_machines_only():
    found = table(listed(1, HEADLINE))
    assert shown(found) == USUAL
    assert found.notes == ("name a result by its file or the first characters of its ID; times are UTC",)


@pytest.mark.parametrize(
    ("others", "special", "texts"),
    [
        ([listed(2, HEADLINE, machine=None)], "machine", ["Example CPU 9000", "-"]),
        (
            [listed(2, replace(HEADLINE, workload=replace(WORKLOAD, dtype="tf32")))],
            "dtype",
            ["float32", "tf32"],
        ),
        ([listed(2, HEADLINE, interrupted=True)], "remark", ["", "interrupted"]),
        ([listed(2)], "remark", ["", "nothing was timed"]),
    ],
)
def test_what_is_special_is_shown(others, special, texts):
    found = table(listed(1, HEADLINE), *others)
    assert set(shown(found)) - set(USUAL) == {special}
    index = [column.key for column in found.columns].index(special)
    assert [row[index].text for row in found.rows] == texts


def test_a_ratio_that_is_not_there_says_why():
    failed = LatencySummary(
        workload=WORKLOAD,
        baseline_s=None,
        candidate_s=None,
        ratio=Ratio(estimate=None, method="none"),
        grade="C",
        status="unavailable",
        reason="out of memory",
    )
    found = table(listed(1, failed, variant="se(r=8)", baseline="se"))
    cells = {column.key: cell for column, cell in zip(found.columns, found.rows[0], strict=True)}
    assert (cells["ratio"].text, cells["ratio"].value) == ("unavailable", None)
    assert cells["remark"].text == cells["reason"].value == "out of memory"
    assert (cells["candidate"].text, cells["candidate"].value) == ("se(r=8) / se", "se(r=8)")


def test_csv_has_the_same_columns_whatever_is_in_it():
    full = render(results_document(listing(listed(1, HEADLINE), listed(2))), "csv").splitlines()
    empty = render(results_document(listing()), "csv").splitlines()
    assert empty == full[:1]
    assert full[1].split(",")[:4] == [
        "2026-01-01T03:04:05+00:00",
        "20260101T030405000000Z-resnet50-plain-se-abcdef",
        "resnet50",
        "se",
    ]
    assert ",1x3x224x224," in full[1]
    assert ",0.05,0.0525,1.04,1.06,0.95,hodges-lehmann/process-t,process,6,48,ok," in full[1]


def test_nothing_is_said_so():
    assert render(results_document(listing()), "markdown").endswith("- no results\n")


def test_json():
    document = json.loads(
        results_json(
            listing(listed(1, HEADLINE), skipped=(SkippedFile(path="results/x.json", reason="bad"),))
        )
    )
    assert list(document) == ["schema", "kind", "directory", "results", "skipped"]
    assert (document["schema"], document["kind"], document["directory"]) == (
        "sebench/1",
        "results",
        "results",
    )
    assert document["skipped"] == [{"path": "results/x.json", "reason": "bad"}]
    (entry,) = document["results"]
    assert entry["id"] == "20260101T030405000000Z-resnet50-plain-se-abcdef"
    assert entry["path"] == f"results/{entry['id']}.json"
    assert [entry[key] for key in ("model", "baseline", "candidate")] == ["resnet50", "plain", "se"]
    assert [entry[key] for key in ("commit", "dirty", "branch")] == ["0123456789abcdef", False, "main"]
    (latency,) = entry["latency"]
    assert latency["workload"]["phase"] == "inference"
    assert (latency["ratio"]["estimate"], latency["ratio"]["ci_low"], latency["grade"]) == (1.05, 1.04, "B")
    assert (latency["status"], latency["reason"]) == ("ok", None)
