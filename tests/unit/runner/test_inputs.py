"""A library is asked for a network's input once, and again when another version of it is installed."""

import pytest

from sebench.models.sources.libraries import Torchvision
from sebench.runner.planning.inputs import input_size


@pytest.fixture
def asked(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    names = []

    def size(self, name):
        names.append(name)
        return 3, 380, 380

    monkeypatch.setattr(Torchvision, "input_size", size)
    return names


def test_the_answer_is_kept(asked):
    assert [input_size("torchvision:a"), input_size("torchvision:a")] == [(3, 380, 380)] * 2
    assert asked == ["torchvision:a"]
    input_size("torchvision:b")
    assert asked == ["torchvision:a", "torchvision:b"]


@pytest.mark.parametrize("edition", ["torchvision-9", None])
def test_another_version_or_one_that_may_change_is_asked_again(asked, monkeypatch, edition):
    input_size("torchvision:a")
    monkeypatch.setattr(Torchvision, "edition", lambda self, name: edition)
    input_size("torchvision:a")
    assert len(asked) == 2


def test_native_networks_are_not_looked_up(asked):
    assert input_size("resnet50") == (3, 224, 224)
    assert asked == []
