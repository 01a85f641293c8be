"""The worker of one side: steps on demand, and no code of the other side."""

import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
import torch

import sebench
from sebench.errors import BuildError
from sebench.worker.protocol import Run
from sebench.worker.side import answer, check_origin
from tests.fakes import FakeDevice


def test_steps_run_on_demand_until_the_other_end_closes():
    device = FakeDevice()
    lines = [msgspec.json.encode(Run(count=2)), msgspec.json.encode(Run(count=1)), b""]
    replies = list(answer(lambda: lines.pop(0), device.step("A", 0.25), device))
    assert [reply.steps_s for reply in replies] == [(0.25, 0.25), (0.25,)]
    assert device.log == ["sync", "A", "A", "sync", "A"]


@pytest.fixture
def trees(tmp_path, monkeypatch):
    """The working tree and the checked-out one, which is where this process is."""
    head, base = tmp_path / "head", tmp_path / "base"
    for tree in (head, base):
        (tree / ".git").mkdir(parents=True)
        (tree / "src").mkdir()
    monkeypatch.chdir(base / "src")
    return head, base


@pytest.fixture
def loaded(monkeypatch):
    def load(name, file):
        module = ModuleType(name)
        module.__file__ = None if file is None else str(file)
        monkeypatch.setitem(sys.modules, name, module)

    return load


def test_a_module_of_the_working_tree_is_refused(trees, loaded):
    head, _ = trees
    loaded("layers", head / "layers.py")
    expected = f"module layers was imported from the working tree \\({head / 'layers.py'}\\).*PYTHONPATH"
    with pytest.raises(BuildError, match=expected):
        check_origin("nets.py:net", str(head))
    check_origin("nets.py:net", None)  # the working tree itself


def test_what_belongs_to_the_checked_out_tree_or_is_installed_is_fine(trees, loaded):
    head, base = trees
    loaded("layers", base / "layers.py")
    loaded("namespace", None)
    loaded("dependency", head / ".venv" / "lib" / "python3" / "site-packages" / "dependency.py")
    loaded("system", head / "usr" / "lib" / "python3" / "dist-packages" / "system.py")
    loaded("sebench.extra", Path(sebench.__file__).parent / "extra.py")
    check_origin("layers:net", str(head))


def test_one_tree_may_lie_in_the_other(trees, loaded, tmp_path):
    # TMPDIR within the repository, or a repository at the root of the file system
    _, base = trees
    loaded("layers", base / "layers.py")
    check_origin("layers:net", str(tmp_path))
    loaded("other", tmp_path / "other.py")
    with pytest.raises(BuildError, match="module other was imported from the working tree"):
        check_origin("layers:net", str(tmp_path))


def test_python_and_torch_may_lie_in_the_repository(trees, tmp_path):
    # conda environments do; every module of this process is checked
    check_origin("nets.py:net", torch.__path__[0])
    check_origin("nets.py:net", str(Path(msgspec.__file__).parents[2]))


def test_an_installed_network_is_the_same_at_every_commit(trees, loaded, tmp_path):
    head, base = trees
    loaded("net.models", tmp_path / "lib" / "site-packages" / "net" / "models.py")
    with pytest.raises(BuildError, match="net.models was imported from .* same code for every commit"):
        check_origin("net.models:tiny", str(head))
    loaded("net.models", base / "src" / "net" / "models.py")
    check_origin("net.models:tiny", str(head))
