"""``sebench count``, ``lock`` and ``check`` on networks that are easily counted wrongly."""

import json

import pytest

NETS = """
import dataclasses

import torch
from torch import nn


@dataclasses.dataclass
class Out:
    logits: torch.Tensor


class Net(nn.Module):
    def __init__(self, wrap):
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Linear(4, 10)
        self.front = lambda x: self.norm(self.conv(x))
        self.wrap = wrap

    def forward(self, x):
        with torch.profiler.record_function("front"):
            x = self.front(x)
        return self.wrap(self.fc(x.mean((2, 3))))


def data():
    return Net(Out)


def detached():
    return Net(lambda y: y.detach())


class Recurrent(nn.Module):
    def __init__(self, mode):
        super().__init__()
        self.lstm, self.mode = nn.LSTM(3 * 16, 5, batch_first=True), mode

    def forward(self, x):
        with torch.inference_mode(self.mode):
            return self.lstm(x.flatten(1, 2).transpose(1, 2), (torch.zeros(1, len(x), 5),) * 2)[0]


def plain():
    return Recurrent(False)


def inference():
    return Recurrent(True)
"""


@pytest.fixture
def own(tmp_path, invoke):
    (tmp_path / "nets.py").write_text(NETS)
    return invoke


def counted(done):
    (model,) = json.loads(done.stdout)["models"]
    assert model["uncounted"] == []
    return model


def test_a_training_count_finds_its_backward_pass_or_is_refused(own):
    command = "count --image-size 16 --phase training --format json -m nets.py:"
    # conv 3*4*9*256 = 27648 and fc 40 forward; both weight gradients, the input gradient of fc
    assert counted(own(f"{command}data"))["macs"] == 2 * (27_648 + 40) + 40
    refused = own(f"{command}detached", check=False)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == (
        "sebench: error: Net has no output with a gradient: it is frozen, or it detaches what it returns, so "
        "training has no backward pass; count inference\n"
    )


def test_a_recurrent_network_costs_the_same_in_every_grad_mode(own):
    command = "count --image-size 16 --format json -m nets.py:"
    plain, inference = (counted(own(command + name)) for name in ("plain", "inference"))
    assert plain["macs"] == plain["paper_macs"] == 16 * 4 * 5 * (48 + 5)
    # torch 2.11 multiplies by another op under inference_mode (bmm, not mm); it costs the same. Its shape has
    # another resolution, so that it is in another stage.
    for model in (plain, inference):
        model["model"], model["by_op"] = "", [{**row, "op": ""} for row in model["by_op"]]
        del model["by_stage"]
    assert inference == plain


def test_a_lock_knows_no_training_costs_of_a_network_that_cannot_be_trained(own, tmp_path):
    done = own("lock -m nets.py:detached --image-size 16 -o costs.lock")
    assert "training has no backward pass" in done.stderr
    (entry,) = json.loads((tmp_path / "costs.lock").read_text())["entries"]
    (of_torch,) = entry["torch"].values()
    assert of_torch["saved_bytes"] is None
