"""Networks that are not native are measured as built; what cannot be loaded is said in one line."""

import subprocess

import pytest

from sebench.errors import BuildError, UnknownModelError, UsageError, VariantError
from sebench.models import build, names_network, resolve, source_of
from sebench.schema import ModelSpec
from tests.interpreter import FRESH

NETS = """
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))

NUMBER = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "own_nets.py").write_text(NETS)
    (tmp_path / "broken_nets.py").write_text("raise ValueError('half finished')")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_colon_tells_a_network_from_a_variant():
    assert names_network("torchvision:resnet18")
    assert names_network("nets.py:net")
    assert not names_network("resnet50")
    assert not names_network("se(r=8)")


def test_a_factory_in_a_file(folder):
    built = build(ModelSpec(model="own_nets.py:net"), seed=1)
    assert (built.sites, built.stages, built.input_shape) == ((), {}, (1, 3, 224, 224))
    assert not built.module.training
    again = build(ModelSpec(model="own_nets.py:net"), seed=1)
    assert (built.module[0].weight == again.module[0].weight).all()


def test_a_factory_in_a_module_of_the_working_directory(folder):
    assert build(ModelSpec(model="own_nets:net"), device="meta").module[0].weight.is_meta


def test_torchvision_by_name():
    built = build(ModelSpec(model="torchvision:resnet18"), device="meta")
    assert sum(p.numel() for p in built.module.parameters()) == 11_689_512


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("own_nets.py:nte", UnknownModelError, "has no function 'nte'; did you mean 'net'"),
        ("own_nets.py:NUMBER", UnknownModelError, "has no function 'NUMBER'"),
        ("broken_nets.py:net", BuildError, "cannot be imported: ValueError: half finished"),
        ("nowhere.py:net", UnknownModelError, "there is no file nowhere.py"),
        ("no_such_module:net", UnknownModelError, "No module named 'no_such_module'"),
        (":net", UnknownModelError, "unknown model ':net'"),
        ("torchvision:resnet81", UnknownModelError, "unknown model 'torchvision:resnet81'; did you mean"),
    ],
)
def test_what_cannot_be_loaded(folder, name, error, message):
    with pytest.raises(error, match=message):
        build(ModelSpec(model=name))


@pytest.mark.parametrize("name", ["nowhere.py:net", "no_such_module.nets:net"])
def test_a_source_that_is_not_there_is_refused_without_torch(tmp_path, name):
    code = (
        "import sys\n"
        "from sebench.errors import UnknownModelError\n"
        "from sebench.models import build\n"
        "from sebench.schema import ModelSpec\n"
        "try:\n    build(ModelSpec(model=sys.argv[1]))\n"
        "except UnknownModelError:\n    assert 'torch' not in sys.modules\n"
        "else:\n    raise AssertionError\n"
    )
    done = subprocess.run(
        [FRESH, "-c", code, name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_timm_is_an_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(
        UnknownModelError, match=r"needs timm, which is not installed; pip install 'sebench-torch\[timm\]'"
    ):
        build(ModelSpec(model="timm:resnet18"))


def test_options_of_native_networks_are_refused():
    with pytest.raises(VariantError, match="position is for sebench's own networks"):
        resolve(ModelSpec(model="torchvision:resnet18", variant="se(position=pre)"))
    with pytest.raises(UsageError, match="no --stride-in"):
        resolve(ModelSpec(model="torchvision:resnet18", stride_in="1x1"))


def test_image_sizes_of_foreign_networks_are_only_checked_for_sense():
    name = "torchvision:resnet18"
    source = source_of(name)
    assert source.smallest_image(name) is None
    source.check_image_size(name, 8)
    with pytest.raises(UsageError, match="image size 0 is not positive"):
        source.check_image_size(name, 0)
