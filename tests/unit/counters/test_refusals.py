"""A forward pass that fails is told by its kind: what is wrong, what is fed, and the next step."""

import re

import pytest
import torch
from torch import nn

from sebench.counters import count
from sebench.errors import BuildError, CountError
from sebench.inputs import Inputs

IMAGE = (1, 3, 16, 16)
FED = r"one tensor \(N, 3, H, W\) = \(1, 3, 16, 16\)"
WRAP = (
    r"; give its inputs: --input-shape 1xCHANNELSxSIZE, or a function example_inputs\(batch_size\) beside it$"
)
FUNCTION = r"; write a function example_inputs\(batch_size\) beside it, which returns them$"


def net(forward, *children):
    """A module with this forward, over `children`."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.children_ = nn.ModuleList(children)

    Net.forward = forward
    return Net()


def of_two(self, x1, x2):
    return x1 + x2


def of_nothing(self):
    return None


def conv():
    return nn.Conv2d(3, 4, 3)


INPUTS = {
    "two": (
        net(of_two),
        rf"^Net takes more than one input \('x2' is missing\), but is given {FED}{FUNCTION}",
    ),
    "none": (net(of_nothing), rf"^Net does not accept this input: .*; it is given {FED}{WRAP}"),
    "tokens": (
        nn.Embedding(9, 4),
        rf"^Embedding takes token IDs \(integers\), but is given {FED} of floats; "
        r"it begins with an Embedding: write a function example_inputs\(batch_size\) beside it, "
        r"which returns integers below 9$",
    ),
    "inner tokens": (
        nn.Sequential(nn.Flatten(), nn.Embedding(9, 4)),
        r"^Sequential \(in '1'\) takes token IDs",
    ),
    "list": (
        net(lambda self, xs: self.children_[0](xs[0]) + self.children_[1](xs[1]), conv(), conv()),
        rf"^Net takes a list or tuple of inputs \(.*\), but is given {FED}{FUNCTION}",
    ),
    "pair": (net(lambda self, xs: [x + y for x, y in [xs]]), rf"^Net takes a list or tuple .*{FUNCTION}"),
    "dict": (
        net(lambda self, batch: batch["image"]),
        rf"^Net takes a dict(, or inputs of other dimensions)?, but is given {FED}.*{WRAP}",
    ),
    "mapping": (net(lambda self, batch: list(batch.items())), rf"^Net takes a dict, but .* {FED}{FUNCTION}"),
    "object": (
        net(lambda self, batch: batch.pixel_values),
        rf"^Net takes an object with .pixel_values, but is given {FED}{FUNCTION}",
    ),
    "channels": (
        nn.Conv2d(1, 4, 3),
        rf"^Conv2d takes (1|another number of) channels.*, but is given {FED}; it begins with a Conv2d: "
        r"--input-shape 1x1x64x64 \(batch x channels x height x width\)$",
    ),
    "video": (
        nn.Conv3d(3, 4, 3),
        rf"^Conv3d takes .* dimensions, but is given {FED}.*; it begins with a Conv3d: "
        r"--input-shape 1x3x16x64x64 \(batch x channels x depth x height x width\)$",
    ),
    "sound": (
        nn.Sequential(nn.Conv1d(80, 4, 3), nn.ReLU()),
        rf"^Sequential \(in '0'\) takes .* dimensions, but is given {FED}.*; it begins with a Conv1d: "
        r"--input-shape 1x80x256 \(batch x channels x length\)$",
    ),
    "features": (
        nn.Sequential(nn.Linear(100, 4), nn.ReLU()),
        rf"^Sequential \(in '0'\) does not accept {FED}.*; it begins with a Linear: "
        r"--input-shape 1x100 \(batch x features\)$",
    ),
    "sequence": (nn.LSTM(3, 4), rf"^LSTM takes inputs of other dimensions, but is given {FED}: .*{WRAP}"),
    "five dimensions": (
        net(lambda self, x: [n * t for n, t, c, h, w in [x.shape]]),
        rf"^Net takes inputs of other dimensions, but is given {FED}: .*got 4\){WRAP}",
    ),
    "small": (
        nn.Sequential(conv(), nn.Conv2d(4, 4, 15)),
        rf"^Sequential \(in '1'\) needs a larger input than {FED}: .*; choose a larger --image-size",
    ),
    "fixed size": (
        nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10)),
        rf"^Sequential \(in '1'\) does not accept {FED}: (mat1|a) and .*; choose another --image-size",
    ),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_inputs_that_a_network_does_not_take(kind):
    model, message = INPUTS[kind]
    with pytest.raises(BuildError, match=message) as error:
        count(model, IMAGE)
    assert not isinstance(error.value, CountError)  # it would not run either
    assert "\n" not in str(error.value)


def test_vision_transformers_name_their_size():
    from torchvision.models import VisionTransformer

    with torch.device("meta"):
        small = VisionTransformer(32, 16, 1, 1, 8, 8)
    with pytest.raises(
        BuildError, match="VisionTransformer takes images of another size: .*; use --image-size 32$"
    ):
        count(small, IMAGE)


def test_batch_norm_over_one_image():
    model = nn.Sequential(conv(), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4))
    with pytest.raises(
        BuildError, match=r"^Sequential \(in '2'\) normalises over the batch, .* --batch-size 2 or"
    ):
        count(model, IMAGE, phase="training")
    assert count(model, (2, *IMAGE[1:]), phase="training").params == 3 * 4 * 9 + 4 + 8


VALUES = {
    "numpy": (
        net(lambda self, x: torch.from_numpy(x.numpy() * 2)),
        r"^Net leaves torch with \.numpy\(\), which needs",
    ),
    "item": (
        net(lambda self, x: x * x.sum().item()),
        "^Net needs real data: .*; counting has shapes but no values$",
    ),
    "nonzero": (net(lambda self, x: x[x > 0]), "^Net needs real data"),
    "unknown": (
        net(lambda self, x: {}["gone"]),
        rf"^Net fails on {FED}: KeyError: 'gone'$",
    ),
}


@pytest.mark.parametrize("kind", VALUES)
def test_networks_that_may_run_where_they_cannot_be_counted(kind):
    model, message = VALUES[kind]
    with pytest.raises(CountError, match=message):
        count(model, IMAGE)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the network runs here")
@pytest.mark.parametrize(
    "forward", [lambda self, x: x.cuda(), lambda self, x: x + torch.ones(1, device="cuda")]
)
def test_cuda_where_there_is_none(forward):
    with pytest.raises(
        BuildError, match=r"^Net asks for CUDA, which is not available here: .*; let it use .* \(x.device\)$"
    ):
        count(net(forward), IMAGE)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*quantize_per_tensor")
def test_a_quantized_network():
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 4))
    quantized = torch.ao.quantization.quantize_dynamic(model, {nn.Linear})
    with pytest.raises(CountError, match="quantized") as error:
        count(quantized, IMAGE)
    assert re.search("; count the network before it is quantized$", str(error.value))


def test_an_input_that_a_function_of_the_users_made_is_named_by_it():
    inputs = Inputs((torch.zeros(1, 40, 100),), made_by="nets.py:example_inputs")
    with pytest.raises(
        BuildError,
        match=r"given one tensor \(1, 40, 100\); its input is what nets.py:example_inputs returns$",
    ):
        count(nn.Conv1d(80, 4, 3), (1,), inputs=inputs)
