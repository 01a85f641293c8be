"""``sebench count --cross-check`` as a user runs it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sebench.cli import app
from sebench.counters import cross_check
from sebench.schema import Attribution

NET = f"{Path(__file__).parent / 'functional_net.py'}:net"


def count(*arguments):
    return CliRunner().invoke(app, ["count", "--cross-check", *arguments])


def test_a_network_of_ones_own_has_a_complete_ledger():
    result = count("-m", NET, "-v", "plain", "--strict", "--format", "json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert (document["schema"], document["kind"]) == ("sebench/1", "cross_check")
    (network,) = document["models"]
    found = {tool["tool"]: tool for tool in network["tools"]}
    assert {tool["unexplained"] for tool in found.values()} == {0}
    explained = {part["op"]: part["macs"] for part in found["fvcore"]["attributed"]}
    # 112 x 112 after the interpolation: BN 2 x 8, pooling 8, bilinear 4 x 3 per position; attention
    # 16 x 16 x (4 + 4); layer norm 5 x 16 x 4
    assert explained == {
        "aten.batch_norm": 16 * 12_544,
        "aten.adaptive_avg_pool2d": 8 * 12_544,
        "aten.upsample": 12 * 12_544,
        "aten.scaled_dot_product_attention": -2_048,
        "aten.layer_norm": 320,
    }


@pytest.mark.slow
def test_the_table_names_the_tools_and_their_rules():
    shown = count("-m", "cifar_wrn16_8").stdout
    # convolutions 1,548,140,544 (tests/unit/models/test_costs.py), classifier 512 * 10
    assert "sebench: 1,548,145,664 MACs, 1x3x32x32, inference." in shown
    assert "batch norm: 2 per element" in shown
    assert "cifar_wrn16_8 se" in shown
    assert len(count("-m", NET, "-v", "plain", "--format", "csv").stdout.splitlines()) > 10


@pytest.mark.slow
def test_strict_fails_where_a_difference_stays_unexplained(monkeypatch):
    class Wrong:
        name, distribution, phases = "wrong", "torch", ("inference",)

        def count(self, model, batch, phase):
            return 1_548_145_664 + 12

        def differences(self, seen):
            yield Attribution(op="aten.add", macs=5, why="a rule")

    monkeypatch.setattr(cross_check, "TOOLS", (Wrong(),))
    result = count("-m", "cifar_wrn16_8", "-v", "plain", "--strict")
    assert result.exit_code == 3
    assert "cifar_wrn16_8 plain: wrong counts +7 MACs that no rule explains" in result.stderr
    lenient = count("-m", "cifar_wrn16_8", "-v", "plain")
    assert lenient.exit_code == 0
    assert lenient.stderr == "warning: cifar_wrn16_8 plain: wrong counts +7 MACs that no rule explains\n"
    assert count("-m", "cifar_wrn16_8", "-v", "plain", "--quiet").stderr == ""


@pytest.mark.slow
def test_training_is_torchs_alone():
    tools = json.loads(count("-m", "cifar_wrn16_8", "-v", "se", "--phase", "training", "-f", "json").stdout)
    statuses = {tool["tool"]: tool["status"] for tool in tools["models"][0]["tools"]}
    assert statuses.pop("torch") == "ok"
    assert set(statuses.values()) == {"unavailable"}


def test_ops_without_a_formula_are_named(tmp_path):
    net = tmp_path / "spectral.py"
    net.write_text(
        "import torch\nfrom torch import nn\n"
        "class Spectral(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return torch.linalg.svdvals(x).sort()[0]\n"
        "def net():\n    return Spectral()\n"
    )
    shown = count("-m", f"{net}:net", "--strict")
    assert shown.exit_code == 0
    assert "not counted, in no total: aten._linalg_svd (1 call), aten.sort (1 call)" in " ".join(
        shown.stdout.split()
    )
    (network,) = json.loads(count("-m", f"{net}:net", "-f", "json").stdout)["models"]
    assert network["uncounted"] == [{"op": "aten._linalg_svd", "calls": 1}, {"op": "aten.sort", "calls": 1}]


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_derived_weights_and_recurrent_layers_are_accounted_for(tmp_path):
    net = tmp_path / "net.py"
    net.write_text(
        "import torch\nfrom torch import nn\nfrom torch.nn.utils import weight_norm\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = weight_norm(nn.Conv2d(3, 6, (16, 1)))\n"
        "        self.rnn = nn.LSTM(6, 5, batch_first=True)\n"
        "    def forward(self, x):\n"
        "        with torch.inference_mode():\n"
        "            return self.rnn(self.conv(x).squeeze(2).transpose(1, 2))[0]\n"
        "def net():\n    return Net()\n"
    )
    result = count("-m", f"{net}:net", "-v", "plain", "--image-size", "16x8", "--strict", "-f", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    (network,) = json.loads(result.stdout)["models"]
    found = {tool["tool"]: (tool["macs"], tool["unexplained"], tool["status"]) for tool in network["tools"]}
    # convolution 3 x 6 x 16 x 8 = 2304, LSTM 8 steps x 4 x 5 x 11 = 1760; thop 8 x (4 x 15 + 20) more;
    # torchinfo: 288 weights and 6 scales x 6 channels, 6 biases x 8 positions, 260 parameters x 8 steps
    assert found == {
        "torch": (4064, 0, "ok"),
        "fvcore": (2304, 0, "ok"),
        "thop": (4064 + 640, 0, "ok"),
        "ptflops": (0, 0, "ok"),
        "torchinfo": (6 * 294 + 48 + 2080, 0, "ok"),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--cross-check", "--by", "op"),
            "--by op cannot be combined with --cross-check, which compares MACs; leave one of the two out",
        ),
        (("--cross-check", "--dtype", "bfloat16"), "--dtype bfloat16 cannot be combined with --cross-check"),
        (("--strict",), "--strict is about the differences between counters; add --cross-check"),
    ],
)
def test_options_that_would_be_ignored_are_refused(arguments, message):
    result = CliRunner().invoke(app, ["count", "-m", "resnet50", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_autocast_is_no_choice():
    assert "amp-" not in CliRunner().invoke(app, ["count", "--help"], env={"COLUMNS": "200"}).stdout
