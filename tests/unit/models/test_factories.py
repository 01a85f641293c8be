"""Code of the user's own: found where it would find itself, kept apart, and blamed by line."""

import sys
from types import ModuleType

import pytest

from sebench.errors import BuildError, UnknownModelError
from sebench.models import build, factory_running, source_of
from sebench.models.neighbours import origin
from sebench.schema import ModelSpec

NETS = """
from __future__ import annotations
from dataclasses import dataclass
from layers_of_mine import WIDTH
from torch import nn

print("words")

@dataclass
class Config:  # with postponed annotations, dataclasses look their module up by name
    width: int = WIDTH

def net():
    return nn.Conv2d(3, Config().width, 3)
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Write files below the working directory."""
    path = list(sys.path)
    monkeypatch.chdir(tmp_path)

    def write(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)

    yield write
    assert sys.path == path


def own_function(name):
    return source_of(name).factory(name)


def width(name):
    return build(ModelSpec(model=name), device="meta").module.out_channels


def test_a_file_finds_what_lies_beside_it(tree, capsys):
    tree({"old/nets.py": NETS, "old/layers_of_mine.py": "WIDTH = 8"})
    assert width("old/nets.py:net") == 8
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "words\n")  # standard output is not the network's


def test_two_folders_with_modules_of_the_same_name(tree, capsys):
    tree(
        {
            "old/nets.py": NETS,
            "old/layers_of_mine.py": "WIDTH = 8",
            "new/nets.py": NETS,
            "new/layers_of_mine/__init__.py": "from .width import WIDTH",
            "new/layers_of_mine/width.py": "WIDTH = 16",
            "third/nets.py": NETS,
            "third/layers_of_mine.py": "WIDTH = 24",
        }
    )
    names = ["old/nets.py:net", "new/nets.py:net", "third/nets.py:net"]
    assert [width(name) for name in (*names, *reversed(names))] == [8, 16, 24, 24, 16, 8]
    assert capsys.readouterr().err == "words\n" * 3  # each file is executed once


def test_imports_inside_the_factory_find_their_folder_too(tree):
    late = "def net():\n    from layers_of_mine import WIDTH\n    from torch import nn\n"
    late += "    return nn.Conv2d(3, WIDTH, 3)\n"
    tree(
        {
            "old/nets.py": late,
            "old/layers_of_mine.py": "WIDTH = 8",
            "new/nets.py": late,
            "new/layers_of_mine.py": "WIDTH = 16",
        }
    )
    assert [width("old/nets.py:net"), width("new/nets.py:net"), width("old/nets.py:net")] == [8, 16, 8]


def test_a_file_in_a_package_is_a_part_of_it(tree):
    tree(
        {
            "lib/pack_of_mine/__init__.py": "",
            "lib/pack_of_mine/types.py": "raise RuntimeError('not the types that Python means')",
            "lib/pack_of_mine/layers.py": "WIDTH = 8",
            "lib/pack_of_mine/beside_me.py": "",
            "lib/pack_of_mine/nets.py": "import types, beside_me\nfrom torch import nn\n"
            "from .layers import WIDTH\ndef net():\n    return nn.Conv2d(3, WIDTH, 3)\n",
        }
    )
    assert width("lib/pack_of_mine/nets.py:net") == 8
    assert "pack_of_mine.nets" in sys.modules


@pytest.mark.parametrize("place", ["", "src/"])
def test_modules_are_found_from_the_working_directory_and_its_src(tree, place):
    name = f"pack{len(place)}_of_mine"
    tree(
        {
            f"{place}{name}/__init__.py": "",
            f"{place}{name}/nets.py": "from torch import nn\ndef net():\n    return nn.Conv2d(3, 4, 3)\n",
            "scripts/nets.py": f"from {name}.nets import net\n",
        }
    )
    assert width(f"{name}.nets:net") == 4
    assert width("scripts/nets.py:net") == 4


def test_names_that_belong_to_others_are_left_to_them(tree):
    import random

    plain = "from torch import nn\ndef net():\n    return nn.Conv2d(3, 4, 3)\n"
    tree({"random.py": plain, "torch.py": plain, "two.words.py": plain})
    assert width("random.py:net") == 4
    assert width("torch.py:net") == 4
    assert width("two.words.py:net") == 4
    assert sys.modules["random"] is random
    assert "words" not in sys.modules


def test_a_module_that_the_program_has_already_is_used(tree):
    import importlib.util

    tree({"tests_of_mine.py": "from torch import nn\ndef net():\n    return nn.Conv2d(3, 4, 3)\n"})
    spec = importlib.util.spec_from_file_location("as_a_test_module", "tests_of_mine.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["as_a_test_module"] = module
    spec.loader.exec_module(module)
    assert own_function("tests_of_mine.py:net") is module.net


@pytest.mark.parametrize(
    ("files", "name", "message"),
    [
        (
            {"nets.py": "def net():\n    return part()\ndef part():\n    raise ValueError('two\\nlines')\n"},
            "nets.py:net",
            "nets.py:net cannot be built: ValueError: two lines (nets.py:4)",
        ),
        (
            {"nets.py": "def net():\n    import json\n    json.loads('{')\n"},
            "nets.py:net",
            # the deepest frame of the user's, not of the library that it called
            "nets.py:net cannot be built: JSONDecodeError: Expecting property name enclosed in double "
            "quotes: line 1 column 2 (char 1) (nets.py:3)",
        ),
        (
            {"nets.py": "import layers_of_mine\n", "layers_of_mine.py": "\nraise KeyError('x')"},
            "nets.py:net",
            "nets.py cannot be imported: KeyError: 'x' (layers_of_mine.py:2)",
        ),
        (
            {"nets.py": "import layers_of_mine\n", "layers_of_mine.py": "\ndef broken(:\n"},
            "nets.py:net",
            "nets.py cannot be imported: SyntaxError: invalid syntax (layers_of_mine.py:2)",
        ),
        (
            {"pack_of_mine/__init__.py": "", "pack_of_mine/nets.py": "\nimport gone_for_ever\n"},
            "pack_of_mine.nets:net",
            "pack_of_mine.nets cannot be imported: "
            "ModuleNotFoundError: No module named 'gone_for_ever' (pack_of_mine/nets.py:2)",
        ),
        (
            {"nets.py": "import sys\nsys.exit(0)\n"},
            "nets.py:net",
            "nets.py cannot be imported: SystemExit: 0 (nets.py:2)",
        ),
        (
            {"nets.py": "def net(): ...\n"},
            "nets.py:net",
            "nets.py:net returned NoneType, not a torch.nn.Module",
        ),
    ],
)
def test_errors_in_the_users_code_are_one_line_with_its_place(tree, files, name, message):
    tree(files)
    with pytest.raises(BuildError) as error:
        build(ModelSpec(model=name))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert factory_running() is None


def test_a_module_that_failed_is_tried_again(tree):
    tree({"nets.py": "raise ValueError('half finished')"})
    with pytest.raises(BuildError, match="half finished"):
        width("nets.py:net")
    assert "nets" not in sys.modules
    tree({"nets.py": "from torch import nn\ndef net():\n    return nn.Conv2d(3, 32, 3)\n"})
    assert width("nets.py:net") == 32


@pytest.mark.parametrize("name", ["pack_of_nobody.nets:net", "os.nets:net"])
def test_modules_that_are_not_there(tree, name):
    with pytest.raises(UnknownModelError, match=r"No module named .*; check the module's name"):
        build(ModelSpec(model=name))


def test_building_leaves_the_random_numbers_of_the_program_alone(tree):
    import torch

    tree({"nets.py": "from torch import nn\ndef net():\n    return nn.Conv2d(3, 4, 3)\n"})
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    first = build(ModelSpec(model="nets.py:net"), seed=7).module.weight
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(build(ModelSpec(model="nets.py:net"), seed=7).module.weight, first)


def test_tensors_at_the_top_of_a_module_are_no_meta_tensors(tree):
    tree({"nets.py": "import torch\nMEAN = torch.ones(3)\ndef net():\n    return torch.nn.Flatten()"})
    build(ModelSpec(model="nets.py:net"), device="meta")
    assert not own_function("nets.py:net").__globals__["MEAN"].is_meta


def test_a_module_that_loads_itself_when_it_is_asked_is_not_asked():
    class Lazy(ModuleType):
        def __getattr__(self, name):
            raise ImportError(f"{name} needs what is not installed")

    assert origin(Lazy("lazy")) is None
    assert origin("no module") is None
