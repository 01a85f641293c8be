"""What users' own code and files get wrong is refused before anything is shown, with the place and a way."""

import pickle
import re

import pytest
import torch
from torch import nn

NETS = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return x + self.conv(x)


def net(width=16):
    return nn.Sequential(nn.Conv2d(3, width, 3), Block(width), Block(width))


def needs(width, depth=2):
    return net(width)


class Bad(nn.Module):
    def __init__(self, channels):
        super().__init__()
        raise ValueError("no such channels")


class Worse(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        return {}["a"]


class Flat(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        return x.mean((2, 3))


class Own(nn.Module):
    def forward(self, x):
        raise RuntimeError("not on Mondays")


def own():
    return nn.Sequential(nn.Conv2d(3, 4, 3), Own())
"""
FED = """
import torch
from torch import nn


def net():
    return nn.Sequential(nn.Conv1d(80, 4, 3), nn.ReLU())


def example_inputs(batch_size):
    return torch.zeros(batch_size, 40, 100)


def right(batch_size):
    return torch.zeros(batch_size, 80, 100)
"""


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "fed.py").write_text(FED)


def line_of(code):
    """Where it stands in the file of networks."""
    return next(number for number, line in enumerate(NETS.splitlines(), 1) if code in line)


def refused(done, code, *words):
    assert (done.exit_code, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("sebench: error: ")
    for word in words:
        assert word in line
    return line


def network(width=16):
    block = lambda: nn.ModuleDict({"conv": nn.Conv2d(width, width, 3)})  # noqa: E731 - names as in the file
    return nn.Sequential(nn.Conv2d(3, width, 3), block(), block())


def test_weights_that_do_not_fit_are_refused_before_a_table(invoke, tmp_path):
    torch.save(network().state_dict(), "good.pt")
    torch.save(network(8).state_dict(), "shapes.pt")
    torch.save(nn.Linear(2, 2).state_dict(), "keys.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "good.pt").read_bytes()[:900])
    (tmp_path / "code.pkl").write_bytes(pickle.dumps(network()))
    for file, what in {
        "shapes.pt": "does not fit nets.py:net: 0.weight has shape (8, 3, 3, 3) instead of (16, 3, 3, 3)",
        "keys.pt": "does not fit nets.py:net: 0.bias, 0.weight, 1.conv.bias and 3 more missing, bias, weight",
        "cut.pt": "cannot be read: it is damaged, or no file that torch.save wrote",
        "code.pkl": "cannot be read: it holds objects besides tensors, which are not loaded",
        "missing.pt": "No such file or directory",
    }.items():
        asked = f"compare -m nets.py:net --image-size 16 --effort quick --weights {file}"
        assert f"--weights {file}" in refused(invoke(asked, check=False), 2, what)


@pytest.mark.parametrize("command", ["profile", "calibrate"])
def test_other_commands_refuse_such_weights_too(invoke, command):
    torch.save(network(8).state_dict(), "shapes.pt")
    asked = f"{command} -m nets.py:net --image-size 16 --weights shapes.pt"
    refused(invoke(asked, check=False), 2, "--weights shapes.pt does not fit nets.py:net: 0.weight has shape")


def test_native_networks_refuse_such_weights_too(invoke):
    torch.save(network().state_dict(), "other.pt")
    asked = "compare -m cifar_resnet110 --effort quick --weights other.pt"
    refused(invoke(asked, check=False), 2, "--weights other.pt does not fit cifar_resnet110: ")


@pytest.mark.parametrize(
    ("name", "code", "said", "hint", "place"),
    [
        ("Bad", 1, "ValueError: no such channels", "the number of channels: Bad(16)", "raise ValueError"),
        (
            "Worse",
            2,
            "KeyError: 'a'",
            "nets.py:Worse is made with 16 channels and called with",
            'return {}["a"]',
        ),
        ("Flat", 2, "it returns the shape 1x16; nets.py:Flat is made with 16 channels", "", None),
    ],
)
def test_an_error_in_attention_of_ones_own_has_its_place(invoke, name, code, said, hint, place):
    done = invoke(f"count -m nets.py:net --image-size 16 --attention nets.py:{name}", check=False)
    line = refused(done, code, said, hint)
    assert "write both networks" not in line
    if place is not None:
        assert f"(nets.py:{line_of(place)})" in line


def test_an_error_in_a_class_that_is_named_as_attention_has_its_place(invoke):
    done = invoke("count -m nets.py:own --image-size 16 --attention-class Own", check=False)
    refused(done, 1, f"RuntimeError: not on Mondays (nets.py:{line_of('not on Mondays')})")


def test_a_factory_that_needs_an_argument_names_the_option(invoke):
    done = invoke("count -m nets.py:needs", check=False)
    refused(done, 2, "nets.py:needs needs an argument: width; give it with --model-arg width=VALUE")


def test_a_value_that_a_factory_cannot_work_with_is_said_without_other_advice(invoke):
    done = invoke("compare -m nets.py:net --model-arg width=-1 --effort quick", check=False)
    line = refused(done, 1, "nets.py:net cannot be built: ", "nets.py:")
    assert "name what it is compared with" not in line


def test_an_input_of_the_users_own_function_is_named_by_it(invoke):
    line = refused(
        invoke("count -m fed.py:net", check=False), 1, "its input is what fed.py:example_inputs returns"
    )
    assert "--input-shape" not in line
    sounds = invoke("count -m fed.py:net --image-size 32", check=False)
    refused(sounds, 1, "it begins with a Conv1d: --input-shape 1x80x256 (batch x channels x length)")


def test_inputs_of_a_function_are_named_in_the_title(invoke):
    done = invoke("count -m fed.py:net --example-inputs fed.py:right")
    assert "\nTotals, example inputs of batch 1, float32 inference\n" in done.stdout


def test_a_share_of_the_budget_is_named_with_what_did_not_fit(invoke):
    done = invoke("compare -m cifar_resnet110 -v se -v eca --budget 0.002 --no-save", check=False)
    assert done.exit_code == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("sebench: error: ")]
    assert [line.split(": ")[2:4] for line in errors] == [
        [f"cifar_resnet110 {name}", "no latency"] for name in ("se", "eca")
    ]
    assert all("0.001 s (its share of --budget 0.002)" in line for line in errors)


@pytest.mark.parametrize("command", ["compare", "profile", "check"])
def test_help_says_what_is_compared_where_no_variant_is_named(invoke, command):
    text = re.sub(r"\W+", " ", invoke(f"{command} --help").stdout)
    assert "default asis of a network with attention of its own else se" in text
