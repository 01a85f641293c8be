"""Networks that need arguments, weights or inputs of their own, and attention where the user says."""

import json

import pytest

NETS = """
import torch
from torch import nn


class Pixel(nn.Module):  # a spatial gate, which no data flow takes for channel attention
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        return x * self.conv(x).sigmoid()


class Net(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.pixel, self.head = Pixel(width), nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.pixel(self.second(self.first(x).relu())).mean((2, 3)))


def net(width=8, num_classes=10):
    return Net(width, num_classes)


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.conv = nn.Embedding(50, 16), nn.Conv1d(16, 16, 3, padding=1)
        self.gate, self.head = nn.Linear(16, 16), nn.Linear(16, 5)

    def forward(self, tokens, *, mask):
        x = self.conv(self.table(tokens).transpose(1, 2)) * mask[:, None]
        x = x * self.gate(x.mean(2)).sigmoid()[:, :, None]
        return self.head(x.mean(2))
"""
TOKENS = """
import torch
from nets import Tokens


def net():
    return Tokens()


def example_inputs(batch_size):
    return {"tokens": torch.randint(50, (batch_size, 12)), "mask": torch.ones(batch_size, 12)}


def scalar(batch_size):
    return 3
"""
GREY = "--input-shape 1x1x16x16"


@pytest.fixture
def own(tmp_path, sebench):
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "tokens.py").write_text(TOKENS)
    return sebench


def counted(done):
    return {model["variant"]: model for model in json.loads(done.stdout)["models"]}


def test_arguments_and_another_shape(own):
    command = f"count -m nets.py:net {GREY} --model-arg width=4 --num-classes 3 -v asis --format json"
    model = counted(own(command))["asis"]
    # Convolutions 4 x 9 + 4 and 4 x 4 x 9 + 4, the gate's 4 + 1, the head's 3 x 4 + 3.
    assert model["params"] == 40 + 148 + 5 + 15
    assert (model["model_args"], model["num_classes"], model["input_shape"]) == (
        ["width=4"],
        3,
        [1, 1, 16, 16],
    )


def test_attention_where_the_user_says(own, tmp_path):
    named = counted(
        own(f"count -m nets.py:net {GREY} --attention-class Pixel -v plain -v asis -v se --format json")
    )
    attention = {variant: (model["sites"], model["attention"]["params"]) for variant, model in named.items()}
    # The named gate has 8 + 1 weights; SE with r=16 hides 1 unit: 8 + 1 and 8 + 8.
    assert attention == {"plain": (0, 0), "asis": (1, 9), "se": (1, 25)}
    assert named["asis"]["params"] - named["plain"]["params"] == 9
    custom = "custom(class=nets.py:Pixel)"
    after = counted(
        own(
            f"count -m nets.py:net {GREY} --insert-after first|second -v se"
            " --attention nets.py:Pixel --format json"
        )
    )
    sites = {variant: [site["site"] for site in model["by_site"]] for variant, model in after.items()}
    assert sites == {variant: ["first.attention", "second.attention"] for variant in ("se", custom)}
    assert after[custom]["attention"]["params"] == 2 * 9
    # Counted once, it is known until a file of it changes.
    native = "count -m cifar_resnet110 --attention nets.py:Pixel --format json"
    before = counted(own(native))[custom]["attention"]["params"]
    (tmp_path / "nets.py").write_text(
        NETS.replace("nn.Conv2d(channels, 1, 1)", "nn.Conv2d(channels, 1, 1, bias=False)")
    )
    assert before - counted(own(native))[custom]["attention"]["params"] == 54  # one bias in each of 54 blocks


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_inputs_that_are_no_image_are_counted_and_timed(own):
    measured = "--threads 1 --device cpu --effort quick --no-save -q --format json"
    done = own(f"compare -m tokens.py:net -b 4 --phase training --no-memory {measured}")
    (comparison,) = json.loads(done.stdout)["comparisons"]
    metrics = {metric["metric"]: metric for metric in comparison["metrics"]}
    assert metrics["params"]["difference"]["estimate"] == 16 * 16 + 16
    assert metrics["macs"]["difference"]["estimate"] == 16 * 16
    assert (metrics["latency"]["status"], metrics["latency"]["workload"]["input_shape"]) == ("ok", [4])


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_weights_are_loaded_where_networks_are_measured(own, tmp_path):
    import torch

    from sebench import models
    from sebench.schema import ModelSpec

    state = models.build(ModelSpec(model="cifar_resnet110"), seed=3).module.state_dict()
    torch.save(
        {key: value.fill_(float("nan")) for key, value in state.items() if value.is_floating_point()}
        | {key: value for key, value in state.items() if not value.is_floating_point()},
        tmp_path / "nan.pt",
    )
    measured = "--threads 1 --device cpu --effort quick --no-save -q"
    done = own(f"compare -m cifar_resnet110 --weights nan.pt {measured}", check=False)
    assert done.returncode == 1
    assert "returned NaN or infinity in 10 of 10 outputs" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "--input-shape 16",
            "--input-shape '16' is not a shape; the batch comes first, e.g. 1x3x224x224 or 1x80x300",
        ),
        (f"{GREY} --image-size 16", "--input-shape and --image-size both say the size; leave one out"),
        (
            f"{GREY} --insert-after [",
            "--insert-after '[' is no regular expression: unterminated character set",
        ),
        (
            f"{GREY} --insert-after third",
            "--insert-after 'third' matches no module of Net; name modules with",
        ),
        (
            f"{GREY} --attention-class Conv2d",
            "--attention-class Conv2d: 'first' returns no feature map of the shape",
        ),
        (f"{GREY} --attention-class Gate", "Net runs no module of class 'Gate'; its classes are Conv2d,"),
        (
            f"{GREY} --insert-after first --attention nets.py:Pixl",
            "--attention 'nets.py:Pixl': nets.py has no function 'Pixl'; did you",
        ),
        (
            "--example-inputs tokens.py:scalar",
            "tokens.py:scalar returned no tensor; return a tensor, a tuple",
        ),
        (
            "--example-inputs tokens.py:example_inputs",
            "Net takes no argument tokens, but is given tokens=(1, 12) and mask=(1, 12)",
        ),
    ],
)
def test_what_cannot_be_meant_is_one_line(own, arguments, message):
    done = own(f"count -m nets.py:net -v se {arguments}", check=False)
    assert (done.returncode in (1, 2), done.stdout, len(done.stderr.splitlines())) == (True, "", 1)
    assert done.stderr.startswith(f"sebench: error: {message}")


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_two_runtimes_of_one_network_are_compared(own):
    sides = "--baseline nets.py:net@eager --candidate nets.py:net@compile"
    measured = "--threads 1 --device cpu --effort quick --no-save -q --format json"
    done = own(f"compare {sides} {GREY} {measured}")
    (comparison,) = json.loads(done.stdout)["comparisons"]
    assert comparison["model"] == "nets.py:net@compile against nets.py:net@eager"
    metrics = {metric["metric"]: metric for metric in comparison["metrics"]}
    assert (metrics["params"]["ratio"]["estimate"], metrics["latency"]["status"]) == (1.0, "ok")


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_weights_of_another_library_are_said_beside_the_result(own, tmp_path):
    import timm
    import torch

    state = timm.create_model("mobilenetv1_100").half().state_dict()
    torch.save({"state_dict": state, "state_dict_ema": state, "epoch": 1}, tmp_path / "timm.pt")
    asked = (
        "compare -m mobilenet_v1 --weights timm.pt --image-size 32 --threads 1 --device cpu --effort quick"
    )
    done = own(f"{asked} --no-save --format json")
    (comparison,) = json.loads(done.stdout)["comparisons"]
    said = [each["message"] for each in comparison["findings"] if each["code"] == "checkpoint"]
    assert said == [
        "weights are state_dict of timm.pt, not its state_dict_ema",
        # 27 convolutions, as many normalisations with four tensors, and a classifier of two
        "timm.pt holds 137 tensors of float16; the network keeps its own number format",
        "weights in timm.pt are named as in timm; mobilenet_v1 is built with activation=relu6",
        "timm.pt has no attention: that of mobilenet_v1 se has random weights",
    ]
    assert all(message in " ".join(done.stderr.split()) for message in said)
