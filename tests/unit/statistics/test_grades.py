"""The study of real A/A runs: its report is what its facts say, and its arithmetic is that of the library."""

import json
import multiprocessing
from pathlib import Path

import pytest

from tests import samples
from tests.samples import block, process
from tests.scripts import benchmark

REPORTS = Path(__file__).parents[3] / "reports"
FACTS = REPORTS / "grades" / "facts.json"


@pytest.fixture(scope="module")
def study():
    with benchmark("grades") as module:
        yield module


def test_the_report_is_what_the_facts_say(study):
    assert study.report(json.loads(FACTS.read_text())) == (REPORTS / "grades.md").read_text()


def test_the_facts_are_written_as_they_are_read(study):
    assert study.facts_text(json.loads(FACTS.read_text())) == FACTS.read_text()


def run_of(study, *ratios):
    runs = [
        process([block(0.05 * slow, 0.05 * slow * r) for slow in (1.0, 1.5)], n) for n, r in enumerate(ratios)
    ]
    return study.run_facts(samples.result(samples.measurement(runs)), "idle")


def sample_of(study, *ratios):
    return study.Sample(tuple(run_of(study, *ratios)["processes"]))


def test_facts_of_a_process(study):
    found = run_of(study, 1.0, 1.02)["processes"][1]
    # ln 1.02 = 0.0198; the blocks agree; 0.05, 0.05, 0.075, 0.075 s: quartiles 1.5 times apart
    assert (found["blocks"], found["dropped"], found["estimate"]) == (2, 0, 0.0198)
    assert (found["block_error"], found["low"]) == (0.0, None)
    assert (found["unrest_baseline"], found["unrest_candidate"]) == (0.5, 0.5)
    assert (found["canary_cv"], found["canary_spread"], found["cpu"]) == (0.0, 0.0, None)


def test_an_interval_without_1_misses(study):
    around, above = sample_of(study, 0.99, 1.0, 1.01), sample_of(study, 1.02, 1.021, 1.022)
    assert (around.misses, above.misses) == (False, True)
    assert above.error == pytest.approx(0.021, abs=1e-4)
    # s = ln(1.01 / 0.99) / 2 = 0.0100; t(0.975, 2) = 4.3027; x 0.0100 / sqrt(3) = 2.48 %
    assert around.half_width == pytest.approx(0.0248, abs=1e-4)


def test_wilson(study):
    # p = 0.15, z = 1.96: (0.15 + 0.0960 +- 0.1799) / 1.1921
    assert study.wilson(3, 20) == "3 of 20 (5 to 36 %)"
    assert study.wilson(0, 16) == "0 of 16 (0 to 19 %)"
    assert study.wilson(0, 0) == "0 of 0"


def test_the_neighbours_end_with_the_measuring(study):
    with study.neighbours():
        started = multiprocessing.active_children()
        assert started
    assert not any(child.is_alive() for child in started)
