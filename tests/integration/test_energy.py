"""``sebench compare --energy`` through the command line; the counter is that of a GPU that is not there."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sebench.cli import app
from sebench.runner.measuring.context import Host
from sebench.store import load_result

WORKER = Path(__file__).parents[1] / "workers" / "fake_gpu.py"


@pytest.fixture
def energy(tmp_path):
    """``sebench compare --energy`` with workers under a condition."""

    def run(condition):
        host = Host(command=(sys.executable, str(WORKER), condition))
        words = "compare -m cifar_resnet110 --device cpu --effort quick --energy -f json"
        return CliRunner().invoke(app, [*words.split(), "--save", str(tmp_path / "results")], obj=host)

    return run


def metrics(result):
    (comparison,) = json.loads(result.stdout)["comparisons"]
    return {metric["metric"]: metric for metric in comparison["metrics"]}


def test_joules_per_step_with_their_interval(energy, tmp_path):
    result = energy("calm")
    assert result.exit_code == 0, result.stderr
    found = metrics(result)["energy"]
    # 20 J and 40 J per step
    assert found["ratio"]["estimate"] == pytest.approx(2.0, rel=1e-3)
    assert found["ratio"]["ci_low"] <= found["ratio"]["estimate"] <= found["ratio"]["ci_high"]
    assert (found["unit"], found["status"], found["exact"]) == ("J", "ok", False)
    assert found["baseline"]["n"] == 12
    assert "measuring energy of cifar_resnet110: se against plain: this takes minutes" in result.stderr
    (path,) = (tmp_path / "results").glob("*.json")
    stored = load_result(path)
    assert stored.energy[0].counter == "nvml"
    assert stored.energy[0].processes[0].blocks[0].windows[0].energy_joules > 0


def test_a_counter_that_cannot_be_read_is_one_line_and_nothing_is_measured(energy, tmp_path):
    result = energy("denied")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "sebench: error: --energy: the GPU's energy counter cannot be read: Insufficient Permissions; "
        "measure without --energy\n"
    )
    assert not list((tmp_path / "results").glob("*.json"))


def test_a_counter_that_fails_on_the_way_costs_the_energy_alone(energy, tmp_path):
    result = energy("lost")
    assert result.exit_code == 1
    assert (
        "cifar_resnet110 se: no energy: the GPU's energy counter cannot be read: GPU is lost" in result.stderr
    )
    found = metrics(result)
    assert found["latency"]["status"] == "ok"
    assert found["latency"]["ratio"]["estimate"] == pytest.approx(1.1, rel=0.02)
    assert (found["energy"]["status"], found["energy"]["baseline"]["value"]) == ("unavailable", None)
    assert "GPU is lost" in found["energy"]["reason"]
    (path,) = (tmp_path / "results").glob("*.json")
    assert "GPU is lost" in load_result(path).energy[0].processes[0].error
