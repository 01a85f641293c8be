"""Calibrations as documents: which noise, which margins."""

import json
import math

import pytest
from msgspec import structs

from sebench.analysis.calibration import held_margins
from sebench.reporting import calibration_document, calibration_json, render
from sebench.schema import Calibration, CalibrationSession, ModelSpec, Noise
from tests.samples import WORKLOAD

SESSION = CalibrationSession(
    created_at="2026-01-02T03:04:05+00:00", seed=1, log_ratios=((0.0, 0.01),) * 2, log_times=((0.0, 0.0),) * 2
)
CALIBRATION = Calibration(
    fingerprint="f" * 64,
    spec=ModelSpec(model="resnet50", variant="se"),
    workload=WORKLOAD,
    sessions=(SESSION,),
)
NOISE = Noise(
    bias=0.0004,
    bias_low=-0.001,
    bias_high=0.0018,
    sigma_block=0.012,
    sigma_process=0.004,
    sigma_session=None,
    sigma_session_time=None,
    processes=12,
    blocks=120,
    sessions=1,
)


def shown(noise=NOISE, format_="table"):
    return render(calibration_document(CALIBRATION, noise, held_margins(noise)), format_, width=100)


def test_the_answer_comes_first():
    text = shown()
    assert text.startswith("Calibration: resnet50 se\n")
    assert (
        "The ratio of resnet50 se to itself varies by 0.40 % (standard deviation) between fresh processes: "
        "12 processes, 120 blocks, 1 session" in " ".join(text.split())
    )


def test_every_level_is_shown_and_what_is_unknown_is_said():
    text = shown()
    for row in (
        ("ratio to itself", "1.0004"),
        ("SD between blocks", "1.20 %"),
        ("SD between processes", "0.40 %"),
        ("SD between sessions", "unknown: needs 5 sessions"),
    ):
        line = next(line for line in text.splitlines() if line.startswith(row[0]))
        assert row[1] in line
    known = shown(structs.replace(NOISE, sigma_session=0.003, sigma_session_time=0.02, sessions=5))
    assert "unknown" not in known
    assert "5 sessions" in known


def test_margins_by_effort():
    # 2 x 2.5706 x 0.004 / sqrt(6) = 0.008396; exp = 1.00843
    lines = [line.split() for line in shown().splitlines()]
    assert ["standard", "6", "1.0084"] in lines
    assert ["rigorous", "12", "1.0051"] in lines


def test_a_biased_machine_is_warned_about():
    assert "distrust small differences" not in shown()
    assert "off by more than 0.3 %: distrust small differences" in shown(structs.replace(NOISE, bias=0.004))


def test_the_json_document():
    found = json.loads(calibration_json(CALIBRATION, NOISE, held_margins(NOISE)))
    assert (found["schema"], found["kind"]) == ("sebench/1", "calibration")
    assert (found["model"], found["variant"], found["fingerprint"]) == ("resnet50", "se", "f" * 64)
    assert found["workload"]["threads"] == 2
    assert found["noise"]["sigma_process"] == 0.004
    assert found["noise"]["sigma_session"] is None
    assert [(held["effort"], held["processes"]) for held in found["margins"]] == [
        ("standard", 6), ("rigorous", 12), (None, 24),
    ]  # fmt: skip
    assert found["margins"][0]["smallest_ratio"] == pytest.approx(math.exp(0.0083955), abs=1e-6)


@pytest.mark.parametrize("format_", ["markdown", "csv", "latex"])
def test_every_format(format_):
    assert "1.0084" in shown(format_=format_)
