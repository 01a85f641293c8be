"""``sebench lock`` as a user runs it: from the first lock to an accepted change."""

import json
import subprocess

import pytest
from typer.testing import CliRunner

from sebench.cli import app
from sebench.lockfile import load_lock
from sebench.runner.counting.locking import torch_minor
from tests.interpreter import FRESH

NETS = """
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
"""
WIDER = NETS.replace("4, 3)", "5, 3)")
FIRST = "lock -m nets.py:net --image-size 32"


def invoke(arguments):
    return CliRunner().invoke(app, arguments.split())


@pytest.fixture(scope="module")
def first_text(tmp_path_factory):
    """The text of the lock of `NETS`: the same wherever it is written, so it is counted once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder := tmp_path_factory.mktemp("first"))
        (folder / "nets.py").write_text(NETS)
        assert invoke(FIRST).exit_code == 0
        return (folder / "sebench.lock.json").read_text()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A directory with a network of the user's own, as the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)
    return tmp_path


@pytest.fixture
def locked(project, first_text):
    """The same with its lock."""
    (project / "sebench.lock.json").write_text(first_text)
    return project / "sebench.lock.json"


def lock(arguments=""):
    return invoke(f"lock {arguments}")


def changes(result):
    return [
        (change["model"], change["change"], change["metric"], change["before"], change["after"])
        for change in json.loads(result.stdout)["changes"]
    ]


def test_the_first_lock_is_written_and_is_the_same_in_every_process(sebench, project, first_text):
    done = sebench(f"{FIRST} --format json")
    document = json.loads(done.stdout)
    assert (document["schema"], document["kind"], document["status"]) == ("sebench/1", "lock_diff", "written")
    assert changes(done) == [("nets.py:net", "network-added", None, None, None)]
    assert (project / "sebench.lock.json").read_text() == first_text
    (entry,) = load_lock(project / "sebench.lock.json").entries
    assert (entry.params, entry.input_shape) == (112, (1, 3, 32, 32))  # 4 x (3 x 3 x 3 + 1)


def test_without_a_model_the_locked_ones_are_counted_again(project, locked, first_text):
    (project / "nets.py").write_text(f'print("importing"){NETS}')
    again = lock("--format json")
    assert (again.exit_code, json.loads(again.stdout)["status"]) == (0, "unchanged")
    assert locked.read_text() == first_text
    assert again.stderr == ""  # what a network prints stays in the process that counts it


def test_a_difference_is_shown_and_only_update_accepts_it(project, locked, first_text):
    (project / "nets.py").write_text(WIDER)
    refused = lock()
    assert refused.exit_code == 3
    # 5 instead of 4 channels: 28 parameters each, and 27 MACs on 30 x 30 positions; both + 25 %
    shown = [line.split() for line in refused.stdout.splitlines()]
    assert ["params", "112", "140", "+25.00", "%"] in shown
    assert ["macs", "97,200", "121,500", "+25.00", "%"] in shown
    assert refused.stderr == (
        "sebench: error: sebench.lock.json differs from what is counted now; "
        "if this is intended, accept it with --update\n"
    )
    assert locked.read_text() == first_text
    accepted = lock("--update --format json")
    assert accepted.exit_code == 0
    assert ("nets.py:net", "changed", "params", 112, 140) in changes(accepted)
    assert load_lock(locked).entries[0].params == 140


@pytest.fixture
def locked_elsewhere(locked):
    """A lock as a colleague with another torch release would have left it."""
    locked.write_text(locked.read_text().replace(f'"{torch_minor()}"', '"2.9"'))
    return locked


def test_figures_of_other_torch_versions_stay(locked_elsewhere):
    added = lock("--update --format json")
    assert changes(added) == [("nets.py:net", "torch-added", None, None, None)]
    assert set(load_lock(locked_elsewhere).entries[0].torch) == {"2.9", torch_minor()}


def test_figures_of_other_torch_versions_go_when_the_network_changes(project, locked_elsewhere):
    (project / "nets.py").write_text(WIDER)
    shown = [line.split() for line in lock("--update").stdout.splitlines()]
    assert ["torch", "2.9", "locked", "dropped"] in shown
    assert ["torch", torch_minor(), "-", "added"] in shown
    assert set(load_lock(locked_elsewhere).entries[0].torch) == {torch_minor()}


@pytest.mark.slow
def test_the_configuration_names_the_models_and_the_file(project):
    (project / "pyproject.toml").write_text(
        "[tool.sebench.lock]\n"
        'file = "exact/costs.json"\nmodels = ["cifar_wrn16_8", "nets.py:net"]\nvariants = ["se(r=8)"]\n'
    )
    assert lock().exit_code == 0
    entries = load_lock(project / "exact" / "costs.json").entries
    assert [(entry.model, entry.variant) for entry in entries] == [
        ("cifar_wrn16_8", "plain"),
        ("cifar_wrn16_8", "se(r=8)"),
        ("nets.py:net", "asis"),
    ]
    assert lock("-v plain --output other.json").exit_code == 0
    assert [entry.variant for entry in load_lock(project / "other.json").entries] == ["plain", "plain"]


def test_another_selection_is_a_difference(locked):
    found = lock("-m cifar_wrn16_8 --format json")
    assert found.exit_code == 3
    assert [change[:2] for change in changes(found)] == [
        ("cifar_wrn16_8", "network-added"),
        ("cifar_wrn16_8", "network-added"),
        ("nets.py:net", "network-removed"),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("", 2, "nothing to lock: no --model, none in the configuration, none in sebench.lock.json"),
        ("--image-size 96", 2, "the other options do not select a network; name at least one --model"),
        ("-m resnet5", 2, "unknown model 'resnet5'; did you mean 'resnet50'"),
        ("-m nets.py:nt", 2, "has no function 'nt'; did you mean 'net'"),
        (
            "-m nets.py:net -v se(position=pre)",
            2,
            "position is for sebench's own networks",
        ),
        ("-m resnet50 -o -", 2, "--output - is not a file"),
        ("-m resnet50 -o .", 1, "cannot write .: it is a directory"),
        ("-m resnet50 -o nets.py", 1, "nets.py is damaged"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(project, arguments, code, message):
    result = lock(arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (project / "sebench.lock.json").exists()
    assert (project / "nets.py").read_text() == NETS


def test_a_configuration_that_cannot_be_meant_is_refused_first(project):
    (project / "sebench.toml").write_text("[lock]\nmodles = []\n")
    result = lock("-m resnet50")
    assert result.exit_code == 1
    assert "sebench.toml: [lock] unknown key 'modles'; did you mean 'models'?" in result.stderr


def test_configuration_lock_and_help_need_no_torch(sebench, locked):
    code = (
        "import sys, sebench.analysis.lock_check\n"
        "from pathlib import Path\n"
        "from sebench.configuration import load_configuration\n"
        "from sebench.lockfile import load_lock\n"
        "assert load_lock(load_configuration(Path()).lock_file).entries\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([FRESH, "-c", code], check=True)
    assert "Example: sebench lock --model resnet50 --variant se" in sebench("lock --help").stdout
