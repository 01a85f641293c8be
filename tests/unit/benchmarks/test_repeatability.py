"""The peers of the repeatability study, on a clock that is pretended, and its arithmetic."""

import pytest

from tests.scripts import benchmark


@pytest.fixture(scope="module")
def study():
    with benchmark("repeatability") as module:
        yield module


class Network:
    """Steps that take the given times, then the last of them for ever."""

    def __init__(self, *steps_s):
        self.now_s, self.steps = 0.0, 0
        self._steps_s = steps_s

    def step(self):
        self.now_s += self._steps_s[min(self.steps, len(self._steps_s) - 1)]
        self.steps += 1

    def clock(self):
        return self.now_s


def test_pyperf_warms_up_for_one_value(study):
    # 1 step of 40 ms, 2, 4 steps: 160 ms are enough. The warm-up value is slow and does not count.
    network = Network(*[0.04] * 7, *[0.08] * 4, 0.04)
    assert study.pyperf_mean(network.step, network.clock) == pytest.approx(0.04)
    assert network.steps == 1 + 2 + 4 + 4 + 3 * 4


def test_timm_times_40_steps_after_10(study):
    network = Network(*[1.0] * 10, 0.05)
    assert study.timm_mean(network.step, 100.0, network.clock) == {"mean_s": pytest.approx(0.05), "steps": 40}


def test_timm_stops_where_its_time_ends(study):
    # 4 s: warm-up ends with the third second, and the first step that reaches the fifth is the last one
    network = Network(1.0)
    assert study.timm_mean(network.step, 4.0, network.clock) == {"mean_s": 1.0, "steps": 2}


def test_intervals_of_deviations(study):
    # chi-squared(7): 16.013 and 1.690, so sqrt(7 / 16.013) and sqrt(7 / 1.690); F(7, 7) = 4.995
    assert study.sd_interval(1.0, 8) == (pytest.approx(0.6612, abs=1e-4), pytest.approx(2.0353, abs=1e-4))
    assert study.sd_ratio_interval(3.0, 8) == (
        pytest.approx(3 / 2.2349, abs=1e-4),
        pytest.approx(3 * 2.2349, abs=1e-3),
    )


SETUP = {
    "started_at": "2026-11-30T10:00:00Z",
    "load1": None,
    "cpu": "Sample CPU",
    "cores": 2,
    "virtualization": "kvm",
    "python": "3.11.7",
    "torch": "2.15.0",
    "model": "resnet50",
    "budget": 20.0,
    "threads": 2,
    "seed": 1,
    "commit": "aaaa",
}


def runs_of(study, number, ratio):
    more = {"pyperf": {"workers": [2, 3]}, "timm": {"steps": [40, 40]}}
    return [
        {"round": number, "method": method, "wall_s": 20.0, "ratio": ratio, **more.get(method, {})}
        for method in study.METHODS
    ]


def test_report_is_of_complete_rounds(study):
    runs = [*runs_of(study, 0, 1.0), *runs_of(study, 1, 1.02), *runs_of(study, 2, 1.5)[:3]]
    text = study.report([SETUP], runs)
    assert "2 rounds of every method, 20 s each" in text
    # two values 2 points apart: SD = 0.02 / sqrt(2) = 1.41 points
    assert "| `sebench compare --effort quick` | 1.0100 | 1.41 [" in text
    assert "- timm: 1.0000, 1.0200" in text
    assert "pyperf's way per side: 2 to 3 of the 20" in text
    assert "2 cores, virtual machine" in text


def test_one_round_is_no_report(study):
    with pytest.raises(SystemExit, match="a standard deviation needs two rounds, 1 complete"):
        study.report([SETUP], runs_of(study, 0, 1.0))
