"""A listing: the newest results that are meant, each with its ratios, which are worked out once."""

import math

import pytest
from msgspec.structs import replace

from sebench.analysis.comparison import compare
from sebench.runner import stored
from sebench.runner.stored import latency_summaries, list_results
from sebench.store import ResultStore, criteria
from tests import samples

BLOCKS = [samples.block(0.050, 0.055, order) for order in ("ABBA", "BAAB")] * 3
TIMED = samples.measurement([samples.process(BLOCKS)])
SAMPLE = samples.result(TIMED)


@pytest.fixture
def store(tmp_path):
    store = ResultStore(tmp_path)
    for number in range(3):
        identifier, moment = f"2026010{number + 1}T000000Z-x", f"2026-01-0{number + 1}T00:00:00+00:00"
        store.add(replace(SAMPLE, id=identifier, created_at=moment))
    return store


def test_the_summary_is_that_of_the_comparison():
    (summary,) = latency_summaries(SAMPLE)
    (latency,) = [metric for metric in compare(SAMPLE).metrics if metric.metric == "latency"]
    assert (summary.ratio, summary.grade, summary.status) == (latency.ratio, latency.grade, "ok")
    assert math.isclose(summary.ratio.estimate, 1.1)  # 0.055 / 0.050
    assert (summary.baseline_s, summary.candidate_s) == (0.050, 0.055)
    assert summary.workload == samples.WORKLOAD


def test_one_summary_per_workload():
    failed = samples.measurement([samples.process([], error="out of memory")])
    training = replace(failed, workload=replace(samples.WORKLOAD, phase="training"))
    first, second = latency_summaries(replace(SAMPLE, measurements=(TIMED, training)))
    assert (first.status, first.reason) == ("ok", None)
    assert (second.status, second.reason, second.ratio.estimate) == ("unavailable", "out of memory", None)
    assert second.workload.phase == "training"
    assert latency_summaries(replace(SAMPLE, measurements=())) == ()


def test_samples_that_make_no_sense_end_no_listing():
    (summary,) = latency_summaries(
        samples.result(samples.measurement([samples.process([samples.block(0, 1)])]))
    )
    assert summary.status == "unavailable"
    assert summary.reason.startswith("the samples are inconsistent: segment time 0.0 ")


def test_the_newest_of_those_that_are_meant(store):
    contents = store.contents()
    listing = list_results(store, contents, limit=2)
    assert [listed.summary.id[:8] for listed in listing.results] == ["20260102", "20260103"]
    assert listing.results[0].latency == latency_summaries(SAMPLE)
    assert list_results(store, contents, criteria(model="vgg16_bn")).results == ()
    assert list_results(store, contents, limit=9).results[-2:] == listing.results


def test_ratios_are_worked_out_once(store, monkeypatch):
    left = []
    first = list_results(store, store.contents(), progress=left.append)
    assert left == [3]
    monkeypatch.setattr(stored, "latency_summaries", lambda result: pytest.fail("worked out again"))
    assert list_results(store, store.contents(), progress=left.append) == first
    assert left == [3]
