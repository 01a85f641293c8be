"""Profiles of modules that exist; no test looks at how long anything takes."""

import random

import pandas as pd
import pytest
import torch
from torch import nn

import sebench
from sebench.errors import BuildError, UsageError
from sebench.schema import BESIDE_NETWORK

SHAPE = (2, 3, 8, 8)


class Gated(nn.Module):
    """A gate, batch norm that training updates, dropout that draws, and a lambda over itself."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.Sigmoid())
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * 8 * 8, 3))
        self.front = lambda x: self.stem(x) + 0

    def forward(self, x):
        y = self.front(x)
        return self.head(y * self.gate(y))


@pytest.fixture(scope="module")
def net():
    return Gated()


def profiled(module, phase="inference", **options):
    return sebench.profile(
        module, input_shape=SHAPE, phase=phase, device="cpu", threads=1, sites=["gate"], **options
    )


@pytest.fixture(scope="module")
def inference(net):
    return profiled(net)


@pytest.fixture(scope="module")
def training(net):
    return profiled(net, "training")


def rows(found):
    return {(row.key, row.phase): (row.calls, row.macs, row.flops, row.bytes_read) for row in found}


@pytest.mark.parametrize("by", ["by_op", "by_stage", "by_site"])
def test_rows_are_those_of_a_count(net, inference, by):
    counted = sebench.count(net, input_shape=SHAPE, sites=["gate"])
    assert rows(getattr(inference, by)) == rows(getattr(counted, by))
    assert min(row.time_s for row in getattr(inference, by)) > 0


def test_training_has_the_backward_pass_of_every_module_and_the_loss_beside_them(net, training):
    counted = sebench.count(net, input_shape=SHAPE, phase="training", sites=["gate"])
    assert rows(training.by_site) == rows(counted.by_site)
    stages = rows(training.by_stage)
    assert stages.keys() - rows(counted.by_stage).keys() == {
        (BESIDE_NETWORK, "forward"),
        (BESIDE_NETWORK, "backward"),
    }
    assert rows(counted.by_stage).items() <= stages.items()
    assert stages[BESIDE_NETWORK, "forward"][1:] == (None, None, None)


@pytest.fixture
def other_threads():
    """Another number of threads than is profiled with."""
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.mark.usefixtures("other_threads")
def test_the_callers_module_and_process_stay_as_they_were():
    net = Gated().train()
    net.head[2].weight.grad = torch.ones_like(net.head[2].weight)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    threads, drawn = torch.get_num_threads(), (torch.get_rng_state(), random.getstate())
    precision = torch.get_float32_matmul_precision()
    profiled(net, "training")
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert net.training
    assert [name for name, p in net.named_parameters() if p.grad is not None] == ["head.2.weight"]
    assert "forward" not in net.__dict__
    assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == (threads, precision)
    assert torch.equal(torch.get_rng_state(), drawn[0])
    assert random.getstate() == drawn[1]


def test_within_no_grad_it_trains_all_the_same(net, training):
    with torch.no_grad():
        found = profiled(net, "training")
        assert not torch.is_grad_enabled()
    assert rows(found.by_stage) == rows(training.by_stage)


def test_stages_may_be_named(net):
    found = profiled(net, stages={"stem": "1", "head": "2"})
    assert [row.key for row in found.by_stage] == ["1", "", "2"]  # the gate has no stage here


@pytest.mark.parametrize("by", ["op", "stage", "site"])
def test_a_breakdown_is_a_frame(inference, by):
    frame = inference.to_frame(by)
    assert list(frame.columns[:5]) == ["model", by, "pass", "calls", "time_s"]
    assert ("stage" in frame.columns) == (by != "op")
    assert set(frame["pass"]) == {"forward"}
    assert set(frame["input_shape"]) == {"2x3x8x8"}
    assert list(frame["flops"]) == [row.flops for row in getattr(inference, f"by_{by}")]


def test_what_is_not_known_is_missing_in_a_frame(training):
    frame = training.to_frame("stage")
    assert frame[frame["stage"] == BESIDE_NETWORK]["flops"].map(pd.isna).all()


def test_shown_as_tables(inference, training):
    text = str(inference)
    assert text.startswith("Gated: where the time of a step goes")
    assert all(f"By {kind}" in text for kind in ("op", "stage", "site"))
    assert "counts leave out what a training step does beside" in " ".join(str(training).split())
    assert repr(inference).startswith("ModuleProfileResult('Gated', ops ")
    assert "| aten.convolution |" in inference._repr_markdown_()


def test_nothing_is_written_anywhere(net, capfd):
    profiled(net)
    assert capfd.readouterr() == ("", "")


class Compiled(nn.Module):
    """As what `torch.compile` returns; making one takes seconds."""

    def __init__(self, module):
        super().__init__()
        self._orig_mod = module


def test_of_a_compiled_module_the_one_behind_it_is_taken(net, inference):
    compiled = Compiled(net)
    assert rows(profiled(compiled).by_stage) == rows(inference.by_stage)
    assert sebench.count(compiled, input_shape=SHAPE).model.spec.model == "Gated"


class Counted(nn.Module):
    """Its forward reads a value of its input, so it cannot be counted."""

    def forward(self, x):
        return x.flatten(1) * (1 + float(x.abs().sum() > 0))


def test_what_cannot_be_counted_is_timed():
    found = sebench.profile(Counted(), input_shape=SHAPE, device="cpu", threads=1)
    assert {row.flops for row in found.by_op} == {None}
    (reason,) = [finding.message for finding in found.findings if finding.code == "not-counted"]
    assert reason.startswith("no counts: ")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"input_shape": None}, UsageError, "does not say what input it takes"),
        ({"input_shape": (0, 3, 8, 8)}, UsageError, "is empty"),
        ({"variant": "se"}, UsageError, "variant does not apply to a module object"),
        ({"batch_size": 2}, UsageError, "batch_size does not apply"),
        ({"sites": ["gat"]}, UsageError, "has no module 'gat'; did you mean 'gate'"),
        ({"stages": {"tail": "1"}}, UsageError, "has no module 'tail'"),
        ({"input_shape": (2, 5, 8, 8)}, BuildError, "Gated does not run on 2x5x8x8: "),
        ({"dtype": "tf32"}, UsageError, "tf32 exists on CUDA devices only"),
        ({"phase": "trainig"}, UsageError, "--phase 'trainig' is not a choice"),
    ],
)
def test_what_cannot_be_meant(net, options, error, message):
    with pytest.raises(error, match=message):
        sebench.profile(net, **{"input_shape": SHAPE, "device": "cpu", "threads": 1, **options})


def test_a_named_network_takes_one_size():
    with pytest.raises(UsageError, match="--input-shape and --image-size both say the size"):
        sebench.profile("resnet50", input_shape=SHAPE, image_size=64)
    with pytest.raises(UsageError, match="stages does not apply to a named network"):
        sebench.profile("resnet50", stages={"0": "stem"})


def test_no_breakdown_of_that_name(inference):
    with pytest.raises(UsageError, match="did you mean 'stage'"):
        inference.to_frame("stages")
