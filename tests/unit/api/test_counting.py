"""Counts of networks by name and of modules that exist, with what the totals are made of."""

import copy
import io

import pytest
import torch
from rich.console import Console
from torch import nn

import sebench
from sebench.errors import BuildError, UsageError

SHAPE = (2, 3, 8, 8)


class Gate(nn.Module):
    """Averages, and scales by what a linear layer makes of it."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4, bias=False)

    def forward(self, x):
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]


@pytest.fixture
def module():
    """A convolution from 3 to 4 channels of 3 x 3 pixels, and a gate."""
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), Gate())


def test_networks_by_name():
    assert sebench.count("cifar_resnet110").params == 1_730_522
    found = sebench.count("cifar_resnet110", variant="se")
    assert found.macs == found.totals.macs == 253_161_920
    assert repr(found) == "CountResult('cifar_resnet110 se', 1x3x32x32, params 1.745 M, macs 253.2 M)"
    assert found.uncounted == ()
    assert len(found.by_site) == 54  # blocks: (110 - 2) / 2
    assert found.attention.params == sum(row.params for row in found.by_site)


def test_a_module_that_exists(module):
    found = sebench.count(module, input_shape=SHAPE, sites=["1"])
    # 3 x 9 x 4 weights and 4 biases; 4 x 4 in the gate.
    assert (found.params, found.attention.params) == (112 + 16, 16)
    # A convolution: 2 images x 64 pixels x 108 weights; the gate: 2 images x 16.
    assert found.macs == 13_824 + 32
    assert {row.key: row.macs for row in found.by_stage} == {"0": 13_824, "1": 32}
    assert {row.key: row.macs for row in found.by_op}["aten.convolution"] == 13_824
    assert [(row.key, row.params, row.macs) for row in found.by_site] == [("1", 16, 32)]
    assert repr(found) == "CountResult('Sequential plain', 2x3x8x8, params 128, macs 13.86 k)"


def test_stages_as_one_says(module):
    found = sebench.count(module, input_shape=SHAPE, stages={"0": "stem", "1": "head"})
    assert [row.key for row in found.by_stage] == ["stem", "head"]
    nameless = sebench.count(module, input_shape=SHAPE, stages={})
    assert [row.key for row in nameless.by_stage] == [""]


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_the_module_is_not_touched(module, phase):
    module.train(phase == "inference")
    state, mode = copy.deepcopy(module.state_dict()), module.training
    storage = module[0].weight.data_ptr()
    sebench.count(module, input_shape=SHAPE, phase=phase)
    assert module.training == mode
    assert module[0].weight.data_ptr() == storage
    assert module[0].weight.grad is None
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())


def test_training_has_both_passes_and_what_is_saved(module):
    found = sebench.count(module, input_shape=SHAPE, phase="training", sites=["1"])
    assert {row.phase for row in found.by_stage} == {"forward", "backward"}
    assert found.saved_bytes == found.totals.saved_bytes > 0
    frame = found.to_frame("site")
    assert list(frame["phase"]) == ["forward", "backward"]
    assert frame["params"].sum() == 16  # once, though both passes have the site


@pytest.mark.parametrize(("by", "rows"), [("op", "by_op"), ("stage", "by_stage"), ("site", "by_site")])
def test_breakdowns_are_frames(module, by, rows):
    found = sebench.count(module, input_shape=SHAPE, sites=["1"])
    frame = found.to_frame(by)
    assert list(frame[by]) == [row.key for row in getattr(found, rows)]
    assert frame["macs"].sum() == (32 if by == "site" else 13_856)
    assert set(frame["model"]) == {"Sequential"}
    kinds = frame.dtypes.astype(str)
    assert (kinds[by], kinds["macs"], kinds["saved_bytes"]) == ("string", "Int64", "Int64")


def test_the_breakdown_by_op_is_the_default(module):
    found = sebench.count(module, input_shape=SHAPE)
    assert found.to_frame().equals(found.to_frame("op"))
    with pytest.raises(UsageError, match="no breakdown by 'stag'; did you mean 'stage'"):
        found.to_frame("stag")


def test_shown_as_the_command_line_prints_it(module):
    found = sebench.count(module, input_shape=SHAPE)
    assert str(found).startswith("Static cost of Sequential plain\n\nTotals, 2x3x8x8 float32 inference\n")
    console = Console(width=80, file=io.StringIO())
    console.print(found)
    assert "Totals, 2x3x8x8 float32 inference" in console.file.getvalue()
    assert found._repr_markdown_().startswith("# Static cost of Sequential plain")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"does not say what input it takes; pass input_shape=\(1, 3, 224, 224\)"),
        ({"input_shape": SHAPE, "variant": "se"}, "variant does not apply to a module object"),
        ({"input_shape": SHAPE, "batch_size": 2}, "batch_size does not apply to a module object"),
        ({"input_shape": SHAPE, "image_size": 8}, "give its size as input_shape="),
        ({"input_shape": SHAPE, "sites": ["2"]}, "the network has no module '2'"),
        ({"input_shape": SHAPE, "dtype": "int8"}, "int8"),
    ],
)
def test_what_cannot_be_meant_of_a_module(module, options, message):
    with pytest.raises(UsageError, match=message):
        sebench.count(module, **options)


@pytest.mark.parametrize("options", [{"sites": ["1"]}, {"stages": {"0": "stem"}}])
def test_what_cannot_be_meant_of_a_name(options):
    (name,) = options
    with pytest.raises(UsageError, match=f"{name} does not apply to a named network"):
        sebench.count("resnet50", **options)


def test_a_named_network_takes_a_shape():
    assert sebench.count("cifar_resnet110", input_shape=(2, 3, 16, 16)).macs == (
        2 * sebench.count("cifar_resnet110", image_size=16).macs
    )
    with pytest.raises(UsageError, match="--input-shape and --image-size both say the size"):
        sebench.count("cifar_resnet110", input_shape=(1, 3, 16, 16), image_size=16)


def test_an_input_that_does_not_fit(module):
    with pytest.raises(BuildError):
        sebench.count(module, input_shape=(1, 5, 8, 8))
