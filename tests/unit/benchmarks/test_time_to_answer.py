"""Two versions side by side: what is read off a run, the model of the time, and the tables."""

import json
import math

import pytest
from msgspec import json as msgspec_json

from tests.samples import block, process
from tests.scripts import benchmark

SETUP = {
    "started_at": "2026-11-30T10:00:00Z",
    "load1": 0.25,
    "cpu": "Sample CPU",
    "cores": 2,
    "virtualization": None,
    "python": "3.11.7",
    "torch": "2.15.0",
    "commits": {"old": "aaaa", "new": "bbbb"},
    "budgets": {"old": 80.0, "new": 40.0},
    "seed": 1,
    "more": [],
}


@pytest.fixture(scope="module")
def study():
    with benchmark("time_to_answer") as module:
        yield module


def record(
    tree="old", number=0, *, wall_s=80.0, half_width=0.02, middle=1.0, kind="pair", network="resnet50"
):
    effects = [[0.01, 0.03], [0.03, 0.05]]
    return {
        "kind": kind,
        "round": number,
        "network": network,
        "tree": tree,
        "wall_s": wall_s,
        "cpu_s": wall_s,
        "involuntary_switches": 160,
        "count_s": 4.0,
        "scope": "process",
        "ratio": [middle, middle * math.exp(-half_width), middle * math.exp(half_width)],
        "processes": [{"prepare_s": 4.0, "timed_s": 10.0, "blocks": 2, "effects": each} for each in effects],
    }


def test_facts_of_a_process(study):
    blocks = [block(0.05, 0.06), block(0.04, 0.05, "BAAB"), block(0.05, 0.05, invalid=("steal",))]
    facts = study.process_facts(json.loads(msgspec_json.encode(process(blocks))))
    # 4 steps a side: 4 x 0.05 + 4 x 0.06 + 4 x 0.04 + 4 x 0.05; the third block does not count, but took time
    assert facts["timed_s"] == 0.8
    assert facts["effects"] == [round(math.log(1.2), 6), round(math.log(1.25), 6)]
    assert (facts["blocks"], facts["prepare_s"]) == (3, 4.0)


def test_a_process_that_failed_has_no_samples(study):
    failed = json.loads(msgspec_json.encode(process([block(0.05, 0.06)], error="ended")))
    assert study.process_facts(failed)["effects"] == []


def test_both_versions_of_a_network_run_next_to_each_other(study):
    found = list(study.order(("a", "b", "c"), seed=1, number=0))
    assert found == list(study.order(("a", "b", "c"), seed=1, number=0))
    assert sorted(found) == [(network, tree) for network in "abc" for tree in ("new", "old")]
    assert all(found[place][0] == found[place + 1][0] for place in (0, 2, 4))
    assert len({tuple(study.order(("a", "b", "c"), 1, number)) for number in range(20)}) > 10


def test_components_of_a_run(study):
    parts = study.Run(record()).components()
    # blocks 0.02 apart: sigma = 0.02 / 0.9539, error of a process = sigma sqrt(pi / 3 / 2)
    error = (0.02 / 0.9539) ** 2 * math.pi / 6
    assert parts.block_variance == pytest.approx(2 * error)
    # estimates 0.02 and 0.04: their variance is 0.0002, less than what the blocks explain
    assert parts.process_variance == 0.0
    # 80 s - 4 s of counting - 2 x 4 s of preparing, over 4 blocks
    assert (parts.fixed_s, parts.prepare_s, parts.block_s) == (4.0, 4.0, 17.0)


def test_time_to_a_half_width(study):
    parts = study.Components(
        process_variance=0.0, block_variance=0.01**2, fixed_s=3.0, prepare_s=2.0, block_s=0.5
    )
    # five processes: t(4) = 2.7764; B >= (0.01 x 2.7764 / 0.01)^2 / 5 = 1.54, so 2: 3 + 5 x (2 + 2 x 0.5)
    assert study.time_to(0.01, parts) == pytest.approx(18.0)
    # a quarter: B >= 24.7, so 25: 3 + 5 x 14.5 = 75.5; six: t(5) = 2.5706, B >= 17.6: 3 + 6 x 11 = 69;
    # seven: t(6) = 2.4469, B >= 13.7: 3 + 7 x 9 = 66; eight: t(7) = 2.3646, B >= 11.2: 3 + 8 x 8 = 67
    assert study.time_to(0.0025, parts) == pytest.approx(66.0)
    # t(199) / sqrt(200) x 0.02 = 0.0028: not by 200 processes
    unlike = parts._replace(process_variance=0.02**2)
    assert study.time_to(0.002, unlike) == math.inf


def test_clopper_pearson(study):
    assert study.clopper_pearson(0, 10) == (0.0, pytest.approx(1 - 0.025 ** (1 / 10)))
    assert study.clopper_pearson(10, 10) == (pytest.approx(0.025 ** (1 / 10)), 1.0)


def test_ratios_are_taken_within_rounds(study):
    runs = [record("old", 0), record("new", 0, wall_s=40.0), record("new", 1, wall_s=20.0)]
    (pairs,) = study.paired(runs, "pair").values()
    assert [math.exp(log) for log in study.new_over_old(pairs, lambda run: run.wall_s)] == [
        pytest.approx(0.5)
    ]


def test_the_half_width_to_compare_at(study):
    def at(half_width):
        (pairs,) = study.paired([record("old", half_width=half_width), record("new")], "pair").values()
        return study.target(pairs)

    assert at(0.01) == 0.02  # what is asked for
    assert at(0.05) == pytest.approx(0.05)  # what the old version reaches


def test_report(study):
    runs = [
        each
        for number in range(6)
        for each in (
            record("old", number, wall_s=80 + number),
            record("new", number, wall_s=40.0, half_width=0.01),
            record("old", number, kind="aa"),
            record("new", number, kind="aa", middle=1.0 if number else 1.1),
        )
    ]
    text = study.report([SETUP], runs)
    assert "old is aaaa with a budget of 80 s, new is bbbb with 40 s." in text
    assert "Rounds: 6 of resnet50" in text
    assert "| resnet50 | wall time | 82.5 s [80.0 s, 85.0 s] | 40.0 s | 0.48 [0.47, 0.50] |" in text
    assert "| resnet50 | half-width | 2.00 % | 1.00 % | 0.50 [0.50, 0.50] |" in text
    # half the time to half the half-width: an eighth of the time, for widths fall with its root
    assert "| resnet50 | direct, to 2.00 % | 82.5 s [80.0 s, 85.0 s] | 10.0 s | 0.12 " in text
    # 5 of 6: Clopper-Pearson 35.9 to 99.6 %
    assert "| resnet50 | new | 5 of 6 | 36 to 100 % |" in text
    assert (
        "2026-11-30, Sample CPU, 2 cores, Python 3.11.7, torch 2.15.0; load average at the start 0.2." in text
    )


@pytest.mark.parametrize("less", [{"ratio": [None, None, None]}, {"scope": "within-process"}])
def test_a_run_without_an_interval_is_said(study, less):
    runs = [record("old", 0), {**record("new", 0), **less}]
    text = study.report([SETUP], runs)
    assert "| resnet50 | half-width | 2.00 % | none | - |" in text


def test_one_process_says_nothing_of_others(study):
    run = record()
    alone = study.Run({**run, "processes": run["processes"][:1]})
    assert study.time_to(0.02, alone.components()) == math.inf
