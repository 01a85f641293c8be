"""``sebench calibrate`` through the real command line."""

import json

import pytest

from sebench.schema import Calibration
from tests.repositories import write

NETS = """
from torch import nn


def net():
    print("a factory that prints")
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())


def broken():
    raise ValueError("depth must be positive")
"""
SMALL = "--image-size 16 --threads 1 --device cpu"


@pytest.fixture
def nets(tmp_path):
    write(tmp_path, {"nets.py": NETS})


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_a_session_is_measured_kept_and_shown(sebench, nets, tmp_path):
    asked = f"calibrate -m nets.py:net {SMALL} --processes 5 --seed 4"
    done = sebench(f"{asked} --format json --calibrations kept")
    found = json.loads(done.stdout)
    assert (found["kind"], found["model"], found["variant"]) == ("calibration", "nets.py:net", "asis")
    assert found["workload"]["input_shape"] == [1, 3, 16, 16]
    assert found["noise"]["sessions"] == 1
    assert found["noise"]["processes"] >= 2
    assert found["noise"]["sigma_process"] > 0
    assert found["noise"]["sigma_session"] is None
    assert [held["processes"] for held in found["margins"]] == [6, 12, 24]
    (path,) = (tmp_path / "kept").glob("*.json")
    kept = json.loads(path.read_text())
    assert (kept["schema"], kept["kind"]) == ("sebench/1", "calibration")
    assert kept["fingerprint"] == found["fingerprint"]
    assert len(kept["sessions"]) == 1
    assert set(kept) == set(Calibration.__struct_fields__)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("-m nets.py:broken", 1, "depth must be positive"),
        ("-m nets.py:net --variant se(position=pre)", 2, "position is for"),
        ("-m nets.py:net --budget 0", 2, "--budget 0 is not a positive number"),
        ("-m nets.py:net --calibrations nets.py", 1, "nets.py"),
        ("-m resnet5", 2, "did you mean"),
    ],
)
def test_what_cannot_be_calibrated_is_one_line(invoke, nets, arguments, code, words):
    done = invoke(f"calibrate {arguments} {SMALL}", check=False)
    assert (done.exit_code, done.stdout) == (code, "")
    said = [line for line in done.stderr.splitlines() if line.startswith("sebench: error:")]
    assert len(said) == 1
    assert words in said[0]


def test_fewer_than_five_processes_are_wrong_usage(invoke, nets):
    assert invoke("calibrate -m nets.py:net --processes 4", check=False).exit_code == 2
