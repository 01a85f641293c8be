"""Rows of tests/data/gates.csv that need nothing but torchvision; ``scripts/gates.py`` runs all of them."""

import csv
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("gates_script", ROOT / "scripts" / "gates.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def rows():
    with (ROOT / "tests" / "data" / "gates.csv").open(newline="") as file:
        return {(row["library"].split()[0], row["model"]): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("network", ["mobilenet_v3_large", "regnet_y_800mf", "shufflenet_v2_x1_0"])
def test_a_row_is_reproduced(script, rows, network):
    outcome = script.examine(rows["torchvision", network])
    assert outcome.differing == []
    assert script.line_of(outcome).startswith(f"torchvision 0.29.2 {network} (1x3x224x224): reproduced; ")


def test_what_differs_is_named(script, rows):
    row = {**rows["torchvision", "mobilenet_v3_large"], "gates": "9"}
    outcome = script.examine(row)
    assert outcome.differing == ["gates"]
    assert "DIFFERS: gates '8', in the table '9'" in script.line_of(outcome)
    assert "| differs: gates |" in script.report([outcome], "gates.csv")


def test_a_network_that_is_not_there_is_a_row_that_failed(script, rows):
    row = {**rows["torchvision", "mobilenet_v3_large"], "model": "mobilenet_v9"}
    outcome = script.examine(row)
    assert "FAILED" in script.line_of(outcome)
    assert "| failed |" in script.report([outcome], "gates.csv")
