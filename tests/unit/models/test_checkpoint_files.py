"""Files of weights in every form that people have, and those that are refused without running them."""

import argparse
import json
import os
import pickle
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn

from sebench import models
from sebench.errors import UsageError
from sebench.schema import ModelSpec

NETS = """
import torch
from torch import nn

class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x))

class Parallel(nn.Module):
    def __init__(self):
        super().__init__()
        self.module = nn.Linear(4, 2)

    def forward(self, x):
        return self.module(x)

def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
"""


@pytest.fixture(autouse=True)
def nets(tmp_path, monkeypatch):
    (tmp_path / "file_nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)


def spec(weights, factory="net"):
    return models.resolve(ModelSpec(model=f"file_nets.py:{factory}", weights=weights))


def loaded(weights, factory="net"):
    return models.build(spec(weights, factory)).module


def said(weights):
    return [(each.message, each.hint) for each in models.checkpoint_findings(spec(weights))]


def drawn(factory="net"):
    return models.build(ModelSpec(model=f"file_nets.py:{factory}"), seed=7).module


def same(module, state):
    mine = module.state_dict()
    return mine.keys() == state.keys() and all(torch.equal(mine[key], state[key]) for key in state)


def saved(content, name="net.pt"):
    torch.save(content, name)
    return name


def prefixed(prefix, state):
    return {f"{prefix}{key}": value for key, value in state.items()}


def test_safetensors_are_known_by_their_content():
    state = drawn().state_dict()
    save_file(state, "net.safetensors")
    for name in ("net.bin", "net.pt", "weights"):
        Path(name).write_bytes(Path("net.safetensors").read_bytes())
        assert same(loaded(name), state)
    assert same(loaded("net.safetensors"), state)
    saved(state, "torch.safetensors")  # what torch.save wrote, under another name
    assert same(loaded("torch.safetensors"), state)


@pytest.mark.parametrize(
    ("dtype", "name"), [(torch.float64, "float64"), (torch.float16, "float16"), (torch.bfloat16, "bfloat16")]
)
def test_number_formats_are_said_and_the_network_keeps_its_own(dtype, name):
    state = {
        key: value.to(dtype) if value.is_floating_point() else value
        for key, value in drawn().state_dict().items()
    }
    save_file(state, "net.safetensors")
    for file in ("net.safetensors", saved(state)):
        module = loaded(file)
        assert {each.dtype for each in module.parameters()} == {torch.float32}
        assert torch.equal(module[0].weight, state["0.weight"].float())
        # Weight and bias of both layers, and two statistics
        assert said(file) == [
            (f"{file} holds 6 tensors of {name}; the network keeps its own number format", None)
        ]


def test_one_name_of_a_tied_tensor_is_enough():
    module = drawn("Tied")
    save_model(module, "tied.safetensors")
    with Path("tied.safetensors").open("rb") as file:
        header = json.loads(file.read(8 + int.from_bytes(file.read(8), "little")).rpartition(b"}")[0] + b"}")
    assert len(header.keys() - {"__metadata__"}) == 3  # of four names
    for missing in ("first.weight", "second.weight"):
        state = {key: value for key, value in module.state_dict().items() if key != missing}
        assert same(loaded(saved(state), "Tied"), module.state_dict())
    assert same(loaded("tied.safetensors", "Tied"), module.state_dict())
    with pytest.raises(UsageError, match="does not fit .*: first.bias missing"):
        loaded(
            saved({key: value for key, value in module.state_dict().items() if key != "first.bias"}), "Tied"
        )


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module."]
)
def test_prefixes_go_however_they_are_nested(prefix):
    state = drawn().state_dict()
    assert same(loaded(saved(prefixed(prefix, state))), state)


def test_a_prefix_that_the_network_has_itself_stays():
    state = drawn("Parallel").state_dict()
    assert [*state] == ["module.weight", "module.bias"]
    assert same(loaded(saved(state), "Parallel"), state)
    assert same(loaded(saved(prefixed("module.", state)), "Parallel"), state)


def test_a_prefix_of_some_names_is_no_prefix():
    state = drawn().state_dict()
    mixed = {f"module.{key}" if key.startswith("0") else key: value for key, value in state.items()}
    with pytest.raises(UsageError, match="0.bias, 0.weight missing, module.0.bias, module.0.weight unknown"):
        loaded(saved(mixed))


def test_averages_of_torch_and_compiled_averages():
    module = drawn()
    averaged = torch.optim.swa_utils.AveragedModel(module)
    assert "n_averaged" in averaged.state_dict()
    for state in (averaged.state_dict(), prefixed("_orig_mod.", module.state_dict())):
        assert same(loaded(saved(state)), module.state_dict())
    assert said(saved(averaged.state_dict())) == [
        ("weights are an average over steps, of torch's AveragedModel", None)
    ]


def test_counters_of_batch_normalisation_may_be_missing():
    """With the metadata of a state_dict torch itself would refuse them."""
    state = drawn().state_dict()
    assert hasattr(state, "_metadata")
    old = OrderedDict((key, value) for key, value in state.items() if "num_batches" not in key)
    assert same(loaded(saved(old)), state)
    old._metadata = state._metadata
    assert same(loaded(saved(old)), state)
    two = dict(state) | {"1.num_batches_tracked": torch.tensor(5)}
    assert int(loaded(saved(two))[1].num_batches_tracked) == 5


def test_a_training_checkpoint_gives_its_network():
    one, other = drawn().state_dict(), {key: value + 1 for key, value in drawn().state_dict().items()}
    rest = {"epoch": 3, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}, "best": Counter(a=1)}
    for key in ("state_dict", "model", "model_state_dict"):
        assert same(loaded(saved({key: one, **rest})), one)
        assert same(loaded(saved({key: {"state_dict": one}, **rest})), one)
    both = saved({"state_dict": one, "state_dict_ema": other, **rest})
    assert same(loaded(both), one)
    assert said(both) == [
        (
            "weights are state_dict of net.pt, not its state_dict_ema",
            "choose that with --weights net.pt#state_dict_ema",
        )
    ]
    assert same(loaded("net.pt#state_dict_ema"), other)
    assert said("net.pt#state_dict_ema") == []
    alone = saved({"state_dict_ema": other, **rest})
    assert same(loaded(alone), other)
    assert said(alone) == [("weights are the moving average in net.pt, state_dict_ema", None)]


def test_a_part_is_named_behind_the_file():
    state = drawn().state_dict()
    gan = saved({"generator": state, "discriminator": state, "epoch": 1})
    with pytest.raises(
        UsageError, match="holds no state_dict; choose one in it: --weights net.pt#generator$"
    ):
        loaded(gan)
    assert same(loaded("net.pt#generator"), state)
    with pytest.raises(UsageError, match="net.pt has no 'critic'; it has generator, discriminator$"):
        loaded("net.pt#critic")
    saved(state)
    with pytest.raises(UsageError, match="net.pt has no 'model'; it is one state_dict: leave it out"):
        loaded("net.pt#model")
    assert same(loaded(saved(state, "net#1.pt")), state)  # a file of that very name


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("executed",)


class Ordered(OrderedDict):
    pass


OBJECTS = {
    "module": (lambda: nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
    "array": (lambda: {"a": np.zeros(1)}, "numpy"),
    "scalar": (lambda: {"a": np.float64(1)}, "numpy"),
    "namespace": (lambda: {"args": argparse.Namespace(lr=1)}, "argparse.Namespace"),
    "default": (lambda: defaultdict(list), "collections.defaultdict"),
    "ordered": (Ordered, "Ordered"),
    "harmful": (Harmful, "mkdir"),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_objects_are_refused_by_name_and_never_made(kind):
    make, name = OBJECTS[kind]
    file = saved({"state_dict": drawn().state_dict(), "extra": make()})
    with pytest.raises(
        UsageError, match=r"net.pt cannot be read: it holds objects besides tensors, which are not loaded: "
    ) as caught:
        loaded(file)
    assert name in caught.value.message
    assert caught.value.hint == "save the state_dict alone: torch.save(net.state_dict(), FILE)"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("legacy", [False, True])
def test_pickles_of_either_format_are_never_executed(tmp_path, legacy):
    if legacy:
        torch.save(Harmful(), "bad.pt", _use_new_zipfile_serialization=False)
    else:
        (tmp_path / "bad.pt").write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(UsageError, match="bad.pt cannot be read: it "):
        loaded("bad.pt")
    assert not (tmp_path / "executed").exists()


def header(entries):
    text = json.dumps(entries).encode() if isinstance(entries, dict) else entries
    return len(text).to_bytes(8, "little") + text


def entry(**changes):
    return {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04", "it is damaged, or no file that torch.save wrote"),
        (b"\x00" * 64, "it is damaged"),
        (b"[1, 2]", "it is damaged"),
        (header(entry()) + b"\x00" * 7, "it is truncated"),
        (header(entry())[:30], "it is truncated"),
        (header(b'{"w": [') + b"\x00" * 8, "its header is damaged"),
        (header(b'{"w": {"dtype": "F32"}}') + b"\x00" * 8, "its header is damaged"),
        (header(b'{"w": ' + b"[" * 5000), "its header is damaged"),
        (header(entry(shape=[3])) + b"\x00" * 8, "w has another length than its shape says"),
        (header(entry(shape=[-2])) + b"\x00" * 8, "its header is damaged"),
        (header(entry(data_offsets=[8, 0])) + b"\x00" * 8, "w has another length than its shape says"),
        (header(entry(data_offsets=[2**60, 2**60 + 8])) + b"\x00" * 8, "it is truncated"),
        (header(entry(shape=[2**62, 2**62], data_offsets=[0, 8])) + b"\x00" * 8, "w has another length"),
        (header(entry(dtype="C64")) + b"\x00" * 8, "w has number format C64, which is not read"),
    ],
)
def test_damaged_files_are_refused_in_one_line(tmp_path, content, reason):
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(UsageError, match=f"^--weights bad cannot be read: {reason}") as caught:
        loaded("bad")
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_truncated_anywhere(tmp_path):
    state = drawn().state_dict()
    save_file(state, "whole")
    for name in ("whole", saved(state)):
        content = (tmp_path / name).read_bytes()
        for length in (1, 7, 8, 9, min(5000, len(content) // 3), len(content) // 2, len(content) - 1):
            (tmp_path / "cut").write_bytes(content[:length])
            with pytest.raises(UsageError, match=r"--weights cut cannot be read: it is (damaged|truncated)"):
                loaded("cut")


def test_what_is_no_file(tmp_path):
    with pytest.raises(UsageError, match="--weights .: it is a folder; name a state_dict"):
        spec(".")
    os.mkfifo("pipe")
    with pytest.raises(UsageError, match="--weights pipe: it is not a file"):
        spec("pipe")
    with pytest.raises(UsageError, match="--weights none.pt: No such file or directory"):
        spec("none.pt#model")


def test_numbers_of_another_kind_are_refused():
    state = drawn().state_dict()
    integers = state | {"0.weight": torch.zeros(4, 3, 3, 3, dtype=torch.int8)}
    with pytest.raises(UsageError, match="does not fit .*: 0.weight holds int8 numbers"):
        loaded(saved(integers))
    sparse = state | {"0.weight": state["0.weight"].to_sparse()}
    with pytest.raises(UsageError, match="does not fit .*: 0.weight holds sparse numbers"):
        loaded(saved(sparse))


def test_transposed_and_shared_tensors_of_torch_files():
    state = drawn().state_dict()
    state["0.weight"] = state["0.weight"].to(memory_format=torch.channels_last)
    base = torch.zeros(8)
    state |= {"0.bias": base[:4], "1.bias": base[4:]}
    assert same(loaded(saved(state)), state)


@pytest.mark.parametrize("model", ["timm:resnet10t", "torchvision:resnet18"])
def test_libraries_take_all_these_forms(model):
    state = models.build(ModelSpec(model=model), seed=7).module.state_dict()
    save_file(state, "net.bin")
    old = {key: value for key, value in state.items() if "num_batches" not in key}
    forms = ["net.bin", saved({"state_dict": prefixed("module._orig_mod.", old), "epoch": 1})]
    for weights in forms:
        assert same(models.build(ModelSpec(model=model, weights=weights)).module, state)
