"""From the name of a device to one that is there."""

from types import SimpleNamespace

import pytest
import torch

from sebench.errors import DeviceError, UsageError
from sebench.profilers import selection
from sebench.profilers.selection import resolve_device


@pytest.fixture
def gpus(monkeypatch):
    def install(count, kind="cuda"):
        present = SimpleNamespace(type=kind) if count else None
        monkeypatch.setattr(torch.accelerator, "is_available", lambda: bool(count))
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: present)
        monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)

    return install


@pytest.mark.parametrize(
    ("name", "resolved"),
    [("cpu", "cpu"), ("auto", "cuda:0"), ("cuda", "cuda:0"), ("cuda:0", "cuda:0"), ("cuda:1", "cuda:1")],
)
def test_with_two_gpus(gpus, name, resolved):
    gpus(2)
    assert resolve_device(name, worth_asking=lambda: True) == resolved


def test_auto_is_whatever_torch_finds_or_the_cpu(gpus):
    gpus(1, "xpu")
    assert resolve_device("auto", worth_asking=lambda: True) == "xpu:0"
    assert resolve_device("auto", worth_asking=lambda: False) == "cpu"
    gpus(0)
    assert resolve_device("auto", worth_asking=lambda: True) == "cpu"


@pytest.mark.parametrize(
    ("count", "kind", "name", "message"),
    [
        (0, "cuda", "cuda", "--device cuda: torch .* sees no CUDA device here; use --device cpu"),
        (1, "cuda", "cuda:1", "--device cuda:1: there are 1, from cuda:0 to cuda:0"),
        (1, "xpu", "cuda", "sees no CUDA device here"),
    ],
)
def test_devices_that_are_not_there(gpus, count, kind, name, message):
    gpus(count, kind)
    with pytest.raises(DeviceError, match=message):
        resolve_device(name)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CUDA", ""])
def test_what_is_no_device(name):
    with pytest.raises(UsageError, match="is not a device; use auto, cpu, cuda or cuda:N"):
        resolve_device(name)


def test_ranks_have_an_accelerator_each_from_the_first_on(gpus):
    gpus(2)
    assert resolve_device("cuda", world_size=2) == "cuda:0"
    with pytest.raises(DeviceError, match="--world-size 4: there are 2 CUDA devices; use --world-size 2"):
        resolve_device("cuda", world_size=4)
    with pytest.raises(UsageError, match="--world-size 2 uses cuda:0 to cuda:1; use --device cuda"):
        resolve_device("cuda:1", world_size=2)
    gpus(1)
    with pytest.raises(DeviceError, match="--world-size 2: there is 1 CUDA device; use --device cpu"):
        resolve_device("auto", world_size=2, worth_asking=lambda: True)


def test_ranks_on_the_cpu_have_one_each_at_least(monkeypatch):
    monkeypatch.setattr(selection, "allowed_cpus", lambda host: (0, 1, 4))
    assert resolve_device("cpu", world_size=3) == "cpu"
    with pytest.raises(DeviceError, match="--world-size 4: this process may use 3 CPUs; use --world-size 3"):
        resolve_device("cpu", world_size=4)
