"""``sebench count --sites``: the gates of networks of all sources, and counts that are kept."""

import json

import pytest

NETS = """
import torch
from torch import nn

from parts import WIDTH

class SE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(8, WIDTH), nn.Linear(WIDTH, 8)

    def forward(self, x):
        gate = torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3))))))
        return x * gate[:, :, None, None]

def net():
    with open("built", "a") as file:
        file.write(".")
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), SE(), nn.ReLU())
"""
KEYS = {
    "path", "kind", "module", "channels", "branches", "hidden", "reduction", "gate", "bias", "norm", "kernel",
    "shared", "dimensions", "params", "macs", "before", "after", "stage",
}  # fmt: skip
COMMAND = "count -m nets.py:net --image-size 16 --sites --format"


@pytest.fixture
def own(tmp_path, sebench):
    (tmp_path / "parts.py").write_text("WIDTH = 2")
    (tmp_path / "nets.py").write_text(NETS)
    return sebench


def model_of(done):
    (model,) = json.loads(done.stdout)["models"]
    return model


def test_json_lists_every_gate_and_attention_is_their_sum(own):
    model = model_of(own(f"{COMMAND} json"))
    (gate,) = model["gates"]
    assert set(gate) == KEYS
    # 8 x 2 + 2 and 2 x 8 + 8 parameters.
    costs = {"params": 42, "macs": 32}
    assert gate == gate | costs | {
        "path": "1",
        "kind": "channel",
        "module": True,
        "channels": 8,
        "hidden": [2],
        "reduction": "mean",
        "gate": "sigmoid",
        "before": "convolution",
        "after": "relu",
        "stage": "stride 2",
    }
    assert model["attention"] == model["attention"] | costs
    assert model["sites"] == 1
    assert [row["stage"] for row in model["by_stage"]] == ["stride 2"]


def test_a_count_is_kept_until_a_module_of_the_user_s_changes(own, tmp_path):
    def built():
        return len((tmp_path / "built").read_text())

    first = own(f"{COMMAND} json")
    assert built() == 1
    assert own(f"{COMMAND} json").stdout == first.stdout
    assert built() == 1
    own(f"{COMMAND} json --no-cache")
    assert built() == 2
    (tmp_path / "parts.py").write_text("WIDTH = 4")
    changed = own(f"{COMMAND} json")
    assert built() == 3
    assert model_of(changed)["gates"][0]["hidden"] == [4]


def test_a_kept_count_imports_no_torch(own):
    own(f"{COMMAND} json")
    done = own(f"{COMMAND} json", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "sebench.runner.counting.counter" in imported
    assert not {"torch", "nets", "sebench.surgery.gates"} & imported


def test_table_and_csv(own):
    text = own(f"{COMMAND} table").stdout
    assert "8 -> 2" in text
    assert "in all: 1 gate, 42 params, 32 MACs" in text
    assert max(map(len, text.splitlines())) <= 100
    header, *_, row = own(f"{COMMAND} csv").stdout.splitlines()
    record = dict(zip(header.split(","), row.split(","), strict=True))
    assert record == record | {
        "path": "1",
        "hidden": "2",
        "gate": "sigmoid",
        "dimensions": "2",
        "module": "True",
    }


def test_native_networks_have_gates_in_their_stages(invoke):
    model = model_of(invoke("count -m cifar_wrn16_8 -v se --sites --format json"))
    # Three stages of two blocks.
    assert [gate["stage"] for gate in model["gates"]] == ["2"] * 2 + ["3"] * 2 + ["4"] * 2
    assert {gate["module"] for gate in model["gates"]} == {True}
    for figure in ("params", "macs"):
        assert sum(gate[figure] for gate in model["gates"]) == model["attention"][figure]


def test_sites_are_not_asked_of_other_counters(invoke):
    done = invoke("count -m cifar_resnet110 --sites --cross-check", check=False)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--sites cannot be combined with --cross-check" in done.stderr
