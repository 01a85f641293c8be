"""Every option of how a network is built can be said wherever networks are named, and is lost on no way."""

import inspect
import json
import tomllib
from pathlib import Path

import pytest
from msgspec.structs import asdict, fields
from typer.main import get_command

import sebench
from sebench.api.comparing import equivalent_command
from sebench.api.naming import asked_options
from sebench.cli import app
from sebench.configuration import Asked, CaseSettings, load_configuration, settings_of
from sebench.errors import UsageError
from sebench.lockfile import lock_text
from sebench.reporting.counts import spec_text
from sebench.runner.planning.plan import make_plan
from sebench.schema import (
    NETWORK_OPTIONS,
    NO_OPTIONS,
    NOTHING_SAID,
    Lock,
    LockedNetwork,
    LockEntry,
    ModelSpec,
    NetworkOptions,
    network_arguments,
    network_options,
    network_words,
    spec_identity,
)

SAID = NetworkOptions(
    num_classes=5,
    stride_in="3x3",
    model_args=("depth=3", "width=16"),
    weights="net.pt",
    insert_after=r"stage\d",
    attention_class="Gate",
    example_inputs="nets.py:tokens",
)
"""Another value of each field; a new field needs one here."""
ARGUMENTS = (
    *("--num-classes", "5", "--stride-in", "3x3", "--model-arg", "depth=3", "--model-arg", "width=16"),
    *("--weights", "net.pt", "--insert-after", r"stage\d", "--attention-class", "Gate"),
    *("--example-inputs", "nets.py:tokens"),
)
OPTIONS = pytest.mark.parametrize("option", NETWORK_OPTIONS, ids=lambda option: option.field)
# Counts do not depend on weights, so that these commands do not take them.
COMMANDS = {
    "compare": (),
    "check": (),
    "calibrate": (),
    "profile": (),
    "count": ("weights",),
    "lock": ("weights",),
}
ROOT = Path(sebench.__file__).parents[1]


def test_the_catalogue_has_every_option():
    names = [option.field for option in NETWORK_OPTIONS]
    assert names == [field.name for field in fields(NetworkOptions)]
    assert all(getattr(SAID, name) != getattr(NO_OPTIONS, name) for name in names)


@OPTIONS
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_take_it(option, command):
    declared = {name for each in get_command(app).commands[command].params for name in each.opts}
    assert (option.option in declared) is (option.field not in COMMANDS[command])


@OPTIONS
@pytest.mark.parametrize("function", ["compare", "check", "count", "profile"])
def test_the_library_takes_it(option, function):
    declared = inspect.signature(getattr(sebench, function)).parameters
    assert (option.field in declared) is not (function == "count" and option.field == "weights")


def test_what_the_library_is_told_is_what_the_command_line_says():
    asked = asked_options(
        num_classes=5,
        stride_in="3x3",
        model_args={"depth": 3, "width": 16},
        weights=Path("net.pt"),
        insert_after=r"stage\d",
        attention_class="Gate",
        example_inputs="nets.py:tokens",
    )
    assert asked == SAID
    assert network_arguments(asked) == ARGUMENTS
    with pytest.raises(UsageError, match="model_args is no dictionary; pass one"):
        asked_options(model_args=[3])
    texts = asked_options(model_args={"act": "relu", "flag": "True", "sizes": [1, 2]}).model_args
    assert texts == ("act=relu", "flag='True'", "sizes=[1, 2]")


@OPTIONS
def test_a_file_takes_it_for_every_comparison(option, tmp_path):
    assert option.field in CaseSettings.__struct_fields__
    key, value = option.field.replace("_", "-"), getattr(SAID, option.field)
    written = json.dumps(list(value) if option.repeatable else value)
    text = f'[[check.ceiling]]\nmodel = "nets.py:net"\n{key} = {written}\nmax-overhead = {{params = 1.1}}\n'
    assert tomllib.loads(text)
    (tmp_path / "sebench.toml").write_text(text)
    (ceiling,) = load_configuration(tmp_path).check.ceiling
    assert getattr(ceiling.network, option.field) == value


def asked(**said):
    nothing = {"models": [], "variants": [], "against": [], "max_overhead": [], "margin": []}
    single = {"baseline": None, "candidate": None, "base_ref": None}
    return Asked(**{**nothing, **single, "workload": NOTHING_SAID, "network": SAID, **said})


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"models": ["nets.py:net"], "max_overhead": ["params:1.1"]}, "ceiling"),
        ({"baseline": "a.py:old", "candidate": "a.py:new", "margin": ["params:1.1"]}, "factories"),
        ({"models": ["nets.py:net"], "base_ref": "main", "margin": ["params:1.1"]}, "base_ref"),
    ],
)
def test_a_gate_hands_them_on(said, kind):
    (settings,) = getattr(settings_of(asked(**said)), kind)
    assert settings.network == SAID


def test_a_gate_against_a_stored_result_builds_what_that_says():
    with pytest.raises(UsageError, match="--num-classes cannot be combined with --against"):
        settings_of(asked(against=[Path("a.json")], margin=["params:1.1"]))


def test_a_network_and_its_entry_in_a_lock_have_them():
    spec = ModelSpec(model="nets.py:net", **asdict(SAID))
    locked = LockedNetwork(model="nets.py:net", input_shape=(1, 8), **asdict(SAID))
    assert network_options(spec) == network_options(locked) == network_options(locked.spec) == SAID
    assert locked.network == locked


def test_words_of_tables():
    assert network_words(NO_OPTIONS) == ()
    assert spec_text(ModelSpec(model="nets.py:net", **asdict(SAID))) == (
        "nets.py:net asis, 5 classes, stride in the 3x3, depth=3, width=16, weights from net.pt,"
        r" attention after stage\d, attention is Gate, inputs from nets.py:tokens"
    )


def test_the_stored_command_says_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").touch()
    said = NetworkOptions(num_classes=5, model_args=("width=16", "depth=3"), example_inputs="nets.py:tokens")
    plan = make_plan(names=["nets.py:net"], variants=["se"], seed=1, options=said)
    command = equivalent_command(plan)
    assert command[:12] == (
        *("sebench", "compare", "--model", "nets.py:net", "--baseline", "plain", "--variant", "se"),
        *("--num-classes", "5", "--model-arg", "depth=3"),  # in the order of their keys
    )
    assert "--example-inputs" in command
    assert not {"--image-size", "--input-shape"} & {*command}


def test_files_without_the_later_options_stay_what_they_were():
    named = {"model": "resnet50", "variant": "se", "num_classes": None, "stride_in": None, "commit": None}
    assert spec_identity(ModelSpec(model="resnet50", variant="se", commit="abc")) == named
    assert spec_identity(ModelSpec(model="resnet50", variant="se", insert_after="x")) == {
        **named,
        "insert_after": "x",
    }
    entry = LockEntry(
        model="resnet50", input_shape=(1, 3, 8, 8), params=1, buffers=0, macs=1, paper_macs=1, torch={}
    )
    (written,) = json.loads(lock_text(Lock(entries=(entry,))))["entries"]
    costs = {"params", "buffers", "macs", "paper_macs", "torch"}
    assert {*written} == costs | {"model", "variant", "num_classes", "stride_in", "input_shape"}


@OPTIONS
def test_the_docs_name_it(option):
    assert f"`{option.option}" in (ROOT / "docs" / "places.md").read_text()
