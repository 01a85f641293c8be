"""What is known of torchvision's and timm's networks without building one."""

import subprocess

import pytest

from sebench.errors import UnknownModelError
from sebench.models import list_sources, near_names, source_of
from sebench.models.sources.libraries import registered_names
from tests.interpreter import FRESH


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("torchvision:resnet18", (3, 224, 224)),
        ("torchvision:efficientnet_b4", (3, 380, 380)),
        ("torchvision:inception_v3", (3, 299, 299)),
        ("torchvision:regnet_y_128gf", (3, 224, 224)),  # it has weights at 384 as well
        ("torchvision:vit_h_14", (3, 224, 224)),  # the default weights are at 518, the network is not
        ("torchvision:deeplabv3_resnet50", (3, 520, 520)),  # images are scaled and not cropped
        ("torchvision:fasterrcnn_resnet50_fpn", (3, 224, 224)),  # says nothing
        ("timm:tf_efficientnet_b4", (3, 380, 380)),
        ("timm:inception_v3", (3, 299, 299)),
        ("timm:vit_base_patch16_384", (3, 384, 384)),
        ("timm:resnet50.a1_in1k", (3, 224, 224)),
        ("inception_v3", (3, 299, 299)),
        ("fasterrcnn_resnet50_fpn", (3, 800, 1333)),
        ("nets.py:net", (3, 224, 224)),
    ],
)
def test_the_input_that_a_network_was_made_for(name, size):
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    assert source_of(name).input_size(name) == size


def test_networks_that_do_not_say_their_input():
    names = ("resnet50", "torchvision:efficientnet_b4", "torchvision:ssd300_vgg16", "nets.py:net")
    assert [source_of(name).published_input(name) is not None for name in names] == [True, True, False, False]


def test_names_are_those_that_the_library_registers():
    from torchvision import models

    assert sorted(registered_names("torchvision")) == sorted(models.list_models())
    timm = pytest.importorskip("timm")
    assert set(timm.list_models()) <= set(registered_names("timm"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("resnet18", "did you mean 'torchvision:resnet18' or 'timm:resnet18'?"),
        ("mobilenet_v2", "did you mean 'torchvision:mobilenet_v2'?"),
        ("seresnet50", "did you mean 'timm:seresnet50'?"),
        ("torchvision:senet154", "did you mean 'senet154' or 'timm:senet154'?"),
        ("timm:bn_inception", "did you mean 'bn_inception'?"),
        ("banana", None),
    ],
)
def test_a_name_that_others_have_is_suggested(name, hint):
    pytest.importorskip("timm")
    assert near_names(name, list_sources()) == hint


def test_near_matches_come_from_where_the_name_was_looked_for():
    assert near_names("torchvision:resnet19", list_sources()).startswith(
        "did you mean 'torchvision:resnet18'"
    )
    assert near_names("resnet5", list_sources()).startswith("did you mean 'resnet50'")


def test_names_are_read_without_importing_a_library():
    code = (
        "import sys\n"
        "from sebench.models import model_info\n"
        "from sebench.errors import UnknownModelError\n"
        "try:\n    model_info('resnet18')\n"
        "except UnknownModelError as error:\n    assert 'torchvision:resnet18' in str(error)\n"
        "assert not {'torch', 'torchvision', 'timm'} & set(sys.modules)\n"
    )
    done = subprocess.run([FRESH, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torchvision:nope", "unknown model 'torchvision:nope'; see torchvision.models.list_models()"),
        ("torchvision:resnet19", "did you mean 'torchvision:resnet18'"),
        (
            "timm:resnet50.nope",
            "unknown model 'timm:resnet50.nope': Invalid pretrained tag (nope) for resnet50",
        ),
        ("torchvison:resnet50", "No module named 'torchvison'; did you mean 'torchvision'?"),
    ],
)
def test_names_that_a_library_does_not_know(name, message):
    from sebench.models import build
    from sebench.schema import ModelSpec

    if name.startswith("timm:"):
        pytest.importorskip("timm")
    with pytest.raises(UnknownModelError) as error:
        build(ModelSpec(model=name), device="meta")
    assert message in str(error.value)
