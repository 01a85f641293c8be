"""What a search and a ranking of gates say: answers, tables, and what programs read."""

import csv
import io
import json

import pytest
from msgspec.structs import replace

from sebench.reporting.dropping import drop_answer, drop_document, drop_json
from sebench.reporting.formats import render
from sebench.reporting.search import search_answer, search_document, search_json
from sebench.schema import (
    DropRanking,
    ExactCost,
    GateCost,
    Interval,
    Limit,
    MetricComparison,
    ModelSpec,
    Quantity,
    Ratio,
    Search,
    SearchCandidate,
    SearchRound,
    Workload,
)

WORKLOAD = Workload(input_shape=(1, 3, 224, 224), threads=2)


def latency(estimate, half_width=0.002):
    limits = {"ci_low": estimate - half_width, "ci_high": estimate + half_width}
    return MetricComparison(
        metric="latency",
        unit="s",
        exact=False,
        workload=WORKLOAD,
        baseline=Quantity(value=0.05),
        candidate=Quantity(value=0.05 * estimate),
        difference=Interval(estimate=None),
        ratio=Ratio(estimate=estimate, method="t", processes=6, blocks=24, **limits),
        grade="A",
    )


def cost(sites, attention_params):
    return ExactCost(
        params=1000 + attention_params,
        macs=2000,
        paper_macs=2000,
        flops=4000,
        bytes=8000,
        sites=sites,
        attention_params=attention_params,
    )


def candidate(variant, fate, ratio=None, reason="", rounds=0):
    measured = None if ratio is None else latency(ratio)
    return SearchCandidate(
        variant=variant, fate=fate, cost=cost(13, 37), latency=measured, reason=reason, rounds=rounds
    )


LISTED = (candidate("se(stages=2-4)", "listed"), candidate("se", "over", reason="params 1.0990, above 1.04"))
MEASURED = (
    candidate("se(r=8)", "finalist", 1.03, rounds=2),
    candidate("se(stages=2-4)", "finalist", 1.015, rounds=2),
    candidate("se(stages=2-3)", "finalist", 1.0195, rounds=2),
    candidate("se", "left", 1.05, "above latency:1.02 in round 1", 1),
)


def search(candidates=MEASURED, **fields):
    given = {
        "limits": (Limit(metric="latency", ratio=1.02), Limit(metric="params", ratio=1.04)),
        "winner": "se(stages=2-4)",
        "pareto": ("se(stages=2-4)",),
        "confidence": 1 - 0.05 / 3,
        "confirmed": latency(1.016),
        "verdict": "met",
    }
    return Search(
        spec=ModelSpec(model="resnet50", variant="plain"),
        workload=WORKLOAD,
        plain=cost(0, 0),
        prefer="attention",
        candidates=candidates,
        planned=(SearchRound(candidates=4, processes=6, blocks=4, each_s=80.0, is_last=True),),
        planned_s=400.0,
        **(given | fields),
    )


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (
            search(),
            "se(stages=2-4) (params 1.037): latency ratio 1.016 [1.014, 1.018], measured again in fresh"
            " processes: latency:1.02 is met.",
        ),
        (
            search(confirmed=latency(1.019), verdict="undecided"),
            "se(stages=2-4) (params 1.037): latency ratio 1.019 [1.017, 1.021], measured again in fresh"
            " processes: latency:1.02 is undecided, as the limit lies inside the interval.",
        ),
        (
            search(confirmed=latency(1.03), verdict="not met"),
            "se(stages=2-4) (params 1.037): latency ratio 1.030 [1.028, 1.032], measured again in fresh"
            " processes: latency:1.02 is not met.",
        ),
        (
            search(confirmed=None, confirming="a worker died", verdict="undecided"),
            "se(stages=2-4) (params 1.037): latency ratio 1.015 [1.013, 1.017]: latency:1.02 is undecided, as"
            " it was not measured again. It could not be measured again: a worker died.",
        ),
        (
            search(limits=(Limit(metric="params", ratio=1.04),), verdict=None),
            "se(stages=2-4) (params 1.037): latency ratio 1.016 [1.014, 1.018], measured again in fresh"
            " processes.",
        ),
        (
            search(winner=None, confirmed=None, verdict=None),
            "No variant is within latency:1.02 and params:1.04; the nearest is se(stages=2-4): latency ratio"
            " 1.015 [1.013, 1.017]",
        ),
        (
            search(LISTED[1:], winner=None, confirmed=None, verdict=None),
            "No variant is within latency:1.02 and params:1.04; the nearest is se: params 1.0990, above 1.04",
        ),
    ],
)
def test_answer(found, answer):
    assert search_answer(found) == answer


def test_answer_of_a_dry_run():
    found = search(LISTED, winner=None, confirmed=None, verdict=None)
    assert (
        search_answer(found, dry_run=True)
        == "1 of 2 variants is within params:1.04; measuring takes about 6.7 min"
    )
    found = replace(found, limits=(Limit(metric="latency", ratio=1.02),))
    assert search_answer(found, dry_run=True) == "1 of 2 variants to measure; measuring takes about 6.7 min"


def test_the_table_has_the_winner_twice_and_says_what_became_of_the_others():
    text = render(search_document(search()), "table", width=150)
    rows = [line.split() for line in text.splitlines()]
    order = [row[0] for row in rows if row and row[0].startswith(("se", "plain"))]
    assert order[1:] == ["plain", "se(stages=2-4)", "se(stages=2-3)", "se(r=8)", "se", "se(stages=2-4)"]
    assert "eager, 1x3x224x224, float32, 2 threads" in text
    assert "above latency:1.02 in round 1" in text
    assert "latency:1.02 lies inside its interval" in text  # 1.0175 .. 1.0215
    assert "each of 3 is at 98.33 % (Bonferroni)" in text
    assert "quoted" not in text


def without_interval(measured):
    return replace(measured, ratio=replace(measured.ratio, ci_low=None, ci_high=None))


def test_a_search_without_intervals_says_so():
    measured = tuple(replace(each, latency=without_interval(each.latency)) for each in MEASURED)
    found = search(measured, confirmed=None, verdict="undecided")
    assert search_answer(found) == (
        "se(stages=2-4) (params 1.037): latency ratio 1.015 (no interval): latency:1.02 is undecided, as"
        " there is no interval."
    )
    text = render(search_document(found), "table", width=150)
    assert "1.030 (no interval)" in text
    assert "hold together" not in text
    assert "lies inside" not in text


def test_a_second_measurement_that_was_left_out_does_not_explain_a_limit_inside_the_interval():
    finalists = (candidate("se(stages=2-4)", "finalist", 1.019, rounds=2), *MEASURED[2:])  # 1.017 .. 1.021
    found = search(finalists, confirmed=None, confirming="no time is left", verdict="undecided")
    assert search_answer(found).endswith(
        "latency:1.02 is undecided, as the limit lies inside the interval. It could not be measured again:"
        " no time is left."
    )


def test_quoted_errors_are_marked_with_their_table():
    text = render(search_document(search(is_published=True)), "table", width=170)
    assert "23.29 / 6.62 %" in text
    assert "quoted, Table 2" in text
    assert "sebench did not measure them" in text


def test_the_table_for_programs():
    rows = list(csv.DictReader(io.StringIO(render(search_document(search(is_published=True)), "csv"))))
    assert [(row["variant"], row["fate"]) for row in rows][-2:] == [
        ("se", "left"),
        ("se(stages=2-4)", "confirmed"),
    ]
    assert rows[0] | {"about": ""} == {
        "variant": "plain", "sites": "0", "params": "1.0", "macs": "1.0", "bytes": "1.0", "ratio": "1.0",
        "ci_low": "", "ci_high": "", "grade": "", "pareto": "", "quoted_top1": "24.8", "quoted_top5": "7.48",
        "fate": "baseline", "about": "",
    }  # fmt: skip
    assert [float(rows[-1][key]) for key in ("ratio", "ci_low", "ci_high", "params")] == [
        1.016, 1.014, 1.018, 1.037,
    ]  # fmt: skip


def test_records_of_a_search():
    content = json.loads(search_json(search(is_published=True)))
    assert (content["kind"], content["mode"], content["winner"]) == ("tuning", "search", "se(stages=2-4)")
    assert content["limits"] == [
        {"metric": "latency", "ratio": 1.02},
        {"metric": "params", "ratio": 1.04},
    ]
    *_, left = content["candidates"]
    assert (left["fate"], left["rounds"], left["exact_ratios"]["params"]) == ("left", 1, 1.037)
    assert (left["quoted"]["quoted"], left["quoted"]["top1_error"]) == (True, "23.29")


# --- gates ----------------------------------------------------------------------------------------------


def gate(path, ratio=None, rank=None, reason=""):
    return GateCost(
        path=path,
        stage="2",
        variant=f"se(without={path})",
        params=8464,
        macs=8192,
        bytes=2**20,
        latency=None if ratio is None else latency(ratio),
        rank=rank,
        reason=reason,
    )


def ranking(*gates, confirmed=None):
    return DropRanking(
        spec=ModelSpec(model="resnet50", variant="se"),
        workload=WORKLOAD,
        gates=gates,
        planned_s=180.0,
        confidence=0.975,
        confirmed=confirmed and latency(confirmed),
    )


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (
            ranking(gate("a", 0.96, (1, 1)), gate("b", 0.99, (2, 2)), confirmed=0.97),
            "Drop a first: without it the latency ratio is 0.970 [0.968, 0.972], measured again in fresh"
            " processes",
        ),
        (
            ranking(gate("a", 0.96, (1, 2)), gate("b", 0.961, (1, 2)), gate("c", 0.99, (3, 3))),
            "a and b cannot be told apart; without a the latency ratio is 0.960 [0.958, 0.962]",
        ),
        (
            ranking(*(gate(name, 0.96, (1, 5)) for name in "abcde")),
            "a, b, c and 2 more cannot be told apart; without a the latency ratio is 0.960 [0.958, 0.962]",
        ),
        (
            ranking(gate("a", 0.999, (1, 2)), gate("b", 1.0, (1, 2))),
            "Dropping a gate is not shown to save time: without a the latency ratio is 0.999 [0.997, 1.001]",
        ),
        # The second measurement decides, not the lucky first one.
        (
            ranking(gate("a", 0.99, (1, 1)), confirmed=0.999),
            "Dropping a gate is not shown to save time: without a the latency ratio is 0.999 [0.997, 1.001],"
            " measured again in fresh processes",
        ),
        (
            ranking(gate("a", reason="it could not be built")),
            "No gate could be measured: it could not be built",
        ),
    ],
)
def test_answer_on_gates(found, answer):
    assert drop_answer(found) == answer


def test_table_and_records_of_gates():
    found = ranking(gate("a", 0.96, (1, 2)), gate("b", 0.961, (1, 2)), gate("c", reason="not measured"))
    text = render(drop_document(found), "table", width=150)
    assert "1 to 2" in text
    assert "not measured" in text
    assert "each of 2 is at 97.5 % (Bonferroni)" in text
    content = json.loads(drop_json(found))
    assert (content["mode"], [each["rank"] for each in content["gates"]]) == ("drop", [[1, 2], [1, 2], None])
    assert content["gates"][2]["reason"] == "not measured"
    assert content["confirming"] is None
    dry = render(drop_document(ranking(gate("a", reason="to be measured")), dry_run=True), "table", width=150)
    assert "1 gate; measuring takes about 3.0 min" in dry


def test_a_dry_run_marks_the_gates_to_be_measured():
    reasons = ("to be measured", "to be measured", "not measured")
    found = ranking(*(gate(name, reason=reason) for name, reason in zip("abc", reasons, strict=True)))
    text = render(drop_document(found, dry_run=True), "table", width=150)
    assert "3 gates, those with most bytes first; measuring 2 of them takes about 3.0 min" in text
    assert (text.count("to be measured"), text.count("not measured")) == (2, 1)


def test_gates_without_intervals_have_no_note_on_intervals():
    gates = (gate("a", 0.82, (1, 2)), gate("b", 0.9, (1, 2)))
    found = ranking(*(replace(each, latency=without_interval(each.latency)) for each in gates))
    assert drop_answer(found) == (
        "Dropping a gate is not shown to save time: without a the latency ratio is 0.820 (no interval)"
    )
    text = render(drop_document(found), "table", width=150)
    assert "0.900 (no interval)" in text
    assert "hold together" not in text


def test_a_gate_that_could_not_be_measured_again_has_a_note():
    found = replace(ranking(gate("a", 0.96, (1, 1))), confirming="no time is left")
    assert drop_answer(found) == "Drop a first: without it the latency ratio is 0.960 [0.958, 0.962]"
    text = render(drop_document(found), "table", width=150)
    assert "The first could not be measured again: no time is left." in text
    assert json.loads(drop_json(found))["confirming"] == "no time is left"
