"""Nothing is downloaded while a network is built, and nobody is asked for pretrained weights."""

import socket
import urllib.request
from enum import Enum

import pytest

from sebench.errors import BuildError
from sebench.models import build
from sebench.models.offline import offline, untrained
from sebench.schema import ModelSpec


class Weights(Enum):
    V1 = "https://example.org/weights"


@pytest.mark.parametrize(
    ("factory", "arguments"),
    [
        (lambda: None, {}),
        (lambda pretrained=True: None, {"pretrained": False}),
        (
            lambda *, weights=Weights.V1, weights_backbone=Weights.V1: None,
            {"weights": None, "weights_backbone": None},
        ),
        (lambda encoder_weights="imagenet": None, {"encoder_weights": None}),
        # a file of the user's own is read as the factory says
        (lambda weights="weights/net.pt": None, {}),
        (lambda pretrained="imagenet": None, {"pretrained": None}),
        (lambda weights=None, pretrained=False: None, {}),
        # of classes, not of the network
        (lambda weights=(0.5, 0.5): None, {}),
        (lambda weights, /: None, {}),
        (int, {}),
    ],
)
def test_factories_are_asked_for_no_weights(factory, arguments):
    assert untrained(factory) == arguments


def fetch():
    urllib.request.urlopen("http://weights.example.org/net.pt")


def connect():
    socket.create_connection(("192.0.2.1", 80), timeout=0.01)


def connect_at_once():
    with socket.socket() as one:
        one.settimeout(0.01)
        one.connect(("192.0.2.1", 80))


def in_other_words():
    try:
        fetch()
    except Exception as error:
        raise ValueError("no connection") from error


@pytest.mark.parametrize(
    ("code", "host"),
    [
        (fetch, "weights.example.org"),
        (connect, "192.0.2.1"),
        (connect_at_once, "192.0.2.1"),
        (in_other_words, "weights.example.org"),
    ],
)
def test_connections_are_refused_in_one_line(code, host):
    before = (socket.getaddrinfo, socket.socket.connect)
    with pytest.raises(BuildError) as error, offline("nets.py:net"):
        code()
    assert str(error.value) == (
        f"nets.py:net would download something from {host}, but sebench downloads nothing; "
        "build it without pretrained weights, or from files on this machine"
    )
    assert (socket.getaddrinfo, socket.socket.connect) == before


def test_code_may_go_on_without(tmp_path):
    with offline("nets.py:net"):
        with pytest.raises(BuildError):
            fetch()
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(str(tmp_path / "socket"))
            server.listen()
            client.connect(str(tmp_path / "socket"))


NETS = """
from torch import hub, nn

def net(pretrained=True):
    if pretrained:
        raise RuntimeError("it was asked for weights")
    return nn.Conv2d(3, 4, 3)

def stubborn():
    hub.load_state_dict_from_url("https://weights.example.org/net.pt", model_dir="here")
"""


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_factories_of_the_users_own(tmp_path, monkeypatch, device):
    (tmp_path / "nets_of_mine.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    assert build(ModelSpec(model="nets_of_mine.py:net"), device=device).module.out_channels == 4
    with pytest.raises(
        BuildError, match=r"^nets_of_mine.py:stubborn would download .* weights.example.org, but"
    ):
        build(ModelSpec(model="nets_of_mine.py:stubborn"), device=device)


@pytest.mark.parametrize("name", ["lraspp_mobilenet_v3_large", "fcos_resnet50_fpn"])
def test_backbones_of_torchvision_are_not_trained_either(name):
    module = build(ModelSpec(model=f"torchvision:{name}"), device="meta").module
    assert all(parameter.is_meta and parameter.requires_grad for parameter in module.parameters())
