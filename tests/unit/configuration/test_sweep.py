"""A sweep file to settings: what can be said, and what is refused by file, table and key."""

import re

import pytest
from msgspec.structs import fields

from sebench.configuration.sweep import (
    AXES,
    Axis,
    CaseKeys,
    SweepSettings,
    load_sweep,
    said_axis,
    said_measure,
)
from sebench.errors import ConfigurationError, UsageError
from sebench.schema import ASKED_OPTIONS, NetworkOptions

WHOLE = """
[axes]
model = ["resnet50", "mobilenet_v1"]
variant = "se"
batch-size = [1, 8]
image-size = [32, "64x96"]

[network]
num-classes = 10
model-args = ["depth=3"]

[measure]
effort = "standard"
budget = 20
timeout = 300.5
seed = 7

[[include]]
model = "alexnet"
batch-size = 2

[[exclude]]
model = "resnet50"
batch-size = [8, 16]
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(text):
        (tmp_path / "s.toml").write_text(text)
        return load_sweep(tmp_path / "s.toml")

    return read


def test_all_that_a_file_can_say(load):
    settings = load(WHOLE)
    assert {name: axis.values for name, axis in settings.axes.items()} == {
        "model": ("resnet50", "mobilenet_v1"),
        "variant": ("se",),
        "batch_size": (1, 8),
        "image_size": (32, "64x96"),
    }
    assert settings.options == NetworkOptions(num_classes=10, model_args=("depth=3",))
    measure = settings.measure
    assert (measure.effort, measure.budget, measure.timeout, measure.seed) == ("standard", 20, 300.5, 7)
    assert [entry.values for entry in settings.include] == [{"model": ("alexnet",), "batch_size": (2,)}]
    assert [entry.values for entry in settings.exclude] == [{"model": ("resnet50",), "batch_size": (8, 16)}]


def test_every_option_of_a_workload_is_an_axis():
    assert ("model", "variant", "baseline", *(option.parameter for option in ASKED_OPTIONS)) == AXES
    assert {field.name for field in fields(CaseKeys)} == set(AXES)


def test_former_names_of_options_are_understood(load):
    assert load('[axes]\nexec = ["eager", "compile"]').axes["runtime"].values == ("eager", "compile")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[axis]\n", "s.toml: unknown key 'axis'; did you mean 'axes'?"),
        ("[axes]\nbatchsize = 1", "s.toml: [axes] unknown key 'batchsize'; did you mean 'batch-size'?"),
        ("[axes]\nbatch-size = []", "s.toml: [axes] batch-size: is empty; name a value, or leave it out"),
        ("[axes]\nbatch-size = [1, 0]", "s.toml: [axes] batch-size #2: 0 is below 1"),
        ("[axes]\nbatch-size = 2000000000000", "s.toml: [axes] batch-size: is more than 1.09951e+12"),
        ('[axes]\nthreads = ["2"]', "s.toml: [axes] threads #1: expected a whole number, not a string"),
        (
            '[axes]\ndtype = "float23"',
            "s.toml: [axes] dtype: unknown value 'float23'; did you mean 'float32'",
        ),
        ("axes = 1", "s.toml: [axes] expected a table, not a whole number"),
        ("[network]\nclasses = 1", "s.toml: [network] unknown key 'classes'; did you mean 'num-classes'?"),
        ("[network]\nbatch-size = 1", "s.toml: [network] unknown key 'batch-size'; choose from num-classes"),
        ("[measure]\ntimeout = 0", "s.toml: [measure] timeout: 0 is not above 0"),
        ("[measure]\ntimeout = -1.5", "s.toml: [measure] timeout: -1.5 is not above 0"),
        ("[measure]\ntimeout = nan", "s.toml: [measure] timeout: nan is not a finite number"),
        ("[measure]\ntime-out = 1", "s.toml: [measure] unknown key 'time-out'; did you mean 'timeout'?"),
        (
            '[measure]\neffort = "quik"',
            "s.toml: [measure] effort: unknown value 'quik'; did you mean 'quick'?",
        ),
        ("[[exclude]]\n", "s.toml: [exclude #1] is empty; name the keys of a case, e.g. model"),
        ("[exclude]\n", "s.toml: exclude: expected an array, not a table"),
        ('[[include]]\nmodels = "x"', "s.toml: [include #1] unknown key 'models'; did you mean 'model'?"),
        (
            "[[include]]\nbatch-size = [1, 2]",
            "s.toml: [include #1] batch-size: has several values; one entry includes one case",
        ),
        ("[axes", "s.toml is not valid TOML: Expected ']'"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_place(load, text, problem):
    with pytest.raises(ConfigurationError, match=re.escape(problem)):
        load(text)


def test_a_file_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="cannot read s.toml: No such file or directory"):
        load_sweep(tmp_path / "s.toml")


def test_options_replace_an_axis_and_leave_the_others(load):
    settings = load(WHOLE).updated(
        {"batch_size": said_axis("batch_size", [4], "--batch-size")},
        NetworkOptions(stride_in="3x3"),
        {"effort": None, "budget": 5.0, "timeout": None, "seed": None},
    )
    assert settings.axes["batch_size"] == Axis((4,), "--batch-size:")
    assert settings.axes["model"].values == ("resnet50", "mobilenet_v1")
    assert settings.options == NetworkOptions(num_classes=10, stride_in="3x3", model_args=("depth=3",))
    assert (settings.measure.effort, settings.measure.budget) == ("standard", 5.0)


@pytest.mark.parametrize(
    ("name", "value", "option", "problem"),
    [
        ("threads", 0, "--threads", "--threads: 0 is below 1"),
        ("image_size", "3x", "--image-size", "--image-size: '3x' is not a side or a height and width"),
        ("device", "gpu", "--device", "--device: 'gpu' is not auto, cpu, cuda or cuda:N"),
    ],
)
def test_options_are_held_to_the_same_rules(name, value, option, problem):
    with pytest.raises(UsageError, match=re.escape(problem)):
        said_axis(name, [value], option)


@pytest.mark.parametrize("timeout", [0, -3.0])
def test_a_time_limit_is_positive(timeout):
    with pytest.raises(UsageError, match="--timeout: .* is not above 0"):
        said_measure({"timeout": timeout})


def test_nothing_said_is_an_empty_matrix():
    assert SweepSettings().axes == {}
