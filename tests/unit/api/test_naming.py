"""Functions and classes of modules have names that worker processes find; nothing else has."""

import functools
import importlib.util
import sys

import pytest

from sebench.api.naming import network_name
from sebench.errors import UsageError

NETS = """
import functools
from torch import nn

def net():
    return nn.Conv2d(3, 4, 3)

class Net(nn.Module):
    def make(self): ...
    @staticmethod
    def build(): ...

@functools.cache
def cached():
    return net()

def outer():
    def inner(): ...
    return inner

short = lambda: net()
renamed = net
"""


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """A module of the user's, imported as a test module would be."""
    path = tmp_path / "own" / "nets_to_name.py"
    path.parent.mkdir()
    path.write_text(NETS)
    spec = importlib.util.spec_from_file_location("nets_to_name", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "nets_to_name", module)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    return module


def test_names_are_taken_as_they_are():
    assert network_name("resnet50") == "resnet50"
    assert network_name("nets.py:net") == "nets.py:net"


def test_functions_and_classes_are_named_by_their_file(nets, tmp_path, monkeypatch):
    assert network_name(nets.net) == "own/nets_to_name.py:net"
    assert network_name(nets.Net) == "own/nets_to_name.py:Net"
    assert network_name(nets.cached) == "own/nets_to_name.py:cached"
    assert network_name(nets.renamed) == "own/nets_to_name.py:net"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert network_name(nets.net) == f"{tmp_path}/own/nets_to_name.py:net"


def test_what_is_installed_is_named_by_its_module():
    from torchvision.models import resnet18

    assert network_name(resnet18) == "torchvision.models.resnet:resnet18"


@pytest.mark.parametrize(
    ("pick", "message"),
    [
        (lambda nets: nets.short, "a lambda has no name"),
        (lambda nets: nets.outer(), "'inner' is defined inside a function"),
        (lambda nets: nets.Net.build, "'Net.build' belongs to a class"),
        (lambda nets: nets.Net().make, "'Net.make' belongs to a class"),
        (lambda nets: nets.net(), "a Conv2d object is not the name of a network"),
        (lambda nets: functools.partial(nets.net), "a partial object is not the name of a network"),
        (lambda nets: 3, "a int object is not the name"),
    ],
)
def test_what_a_worker_would_not_find(nets, pick, message):
    with pytest.raises(UsageError) as refusal:
        network_name(pick(nets))
    assert message in str(refusal.value)
    assert "worker processes build the network again" in str(refusal.value)
    assert "pass a function or class at the top of a module" in str(refusal.value)


def test_a_function_that_was_replaced_is_not_found(nets, monkeypatch):
    function = nets.net
    monkeypatch.setattr(nets, "net", None)
    with pytest.raises(UsageError, match="is not what module nets_to_name has under that name"):
        network_name(function)


def test_code_in_no_file(nets, monkeypatch):
    monkeypatch.setattr(nets, "__file__", "<stdin>")
    with pytest.raises(UsageError, match="'net' is in no file"):
        network_name(nets.net)
