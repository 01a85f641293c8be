"""Networks by name, counted twice; the networks are small and the counts are real."""

import sys

import pytest
import torch

from sebench.errors import BuildError, DeterminismError, UsageError, VariantError, WorkerError
from sebench.runner.counting.locking import check_lock, count_lock, locked_networks, torch_minor
from sebench.schema import Lock, LockedNetwork, NetworkOptions

NETS = """
import os
from torch import nn

def net():
    print("building")
    return nn.Sequential(nn.Conv2d(3, 4, 3), getattr(nn, os.environ.get("ACTIVATION", "ReLU"))())

def by_process():
    return nn.Sequential(nn.Conv2d(3, 1 + os.getpid(), 1))

def normalised():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4))

def broken():
    raise RuntimeError("no such weights")
"""
# A worker that answers at once, with words or with a failure.
SILENT = (sys.executable, "-c", "import sys; sys.exit('out of luck')")


@pytest.fixture
def nets(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text(NETS)
    return path


def foreign(path, name="net", side=32):
    return locked_networks([f"{path}:{name}"], [], image_size=side)


def test_networks_are_every_model_plain_and_in_every_variant_once(nets):
    names = ["resnet50", f"{nets}:net", "resnet50"]
    networks = locked_networks(names, ["se(r=16)", "plain", "se"])
    assert [(n.model, n.variant, n.input_shape) for n in networks] == [
        ("resnet50", "plain", (1, 3, 224, 224)),
        ("resnet50", "se", (1, 3, 224, 224)),
        (f"{nets}:net", "plain", (1, 3, 224, 224)),
        (f"{nets}:net", "se", (1, 3, 224, 224)),
    ]
    assert networks[1].spec.variant == "se"


def test_options_are_part_of_the_network(tmp_path):
    weights = tmp_path / "weights.pt"
    torch.save({"head.fc.bias": torch.zeros(10)}, weights)
    (network, _) = locked_networks(
        ["resnet50"],
        ["se"],
        image_size=96,
        options=NetworkOptions(num_classes=10, stride_in="3x3", weights=str(weights)),
    )
    assert network == LockedNetwork(
        model="resnet50", num_classes=10, stride_in="3x3", input_shape=(1, 3, 96, 96)
    )


def test_names_that_cannot_be_meant(nets):
    with pytest.raises(UsageError, match="did you mean 'resnet50'"):
        locked_networks(["resnet5"], ["se"])
    with pytest.raises(VariantError, match="unknown attention 'es'"):
        locked_networks(["resnet50"], ["es"])
    with pytest.raises(UsageError, match="built by its own factory: no --stride-in"):
        locked_networks([f"{nets}:net"], [], options=NetworkOptions(stride_in="3x3"))


def test_two_processes_agree_and_the_lock_passes_its_own_check(nets):
    lock, findings = count_lock([*foreign(nets), *locked_networks(["cifar_wrn16_8"], ["se"])])
    assert findings == ()
    mine, plain, se = lock.entries  # sorted by model, and this one is a path
    assert (plain.variant, se.variant) == ("plain", "se")
    # tests/unit/models/test_costs.py: convolutions 1,548,140,544 MACs, classifier 512 * 10
    assert (plain.params, plain.macs) == (10_961_370, 1_548_145_664)
    assert set(plain.torch) == {torch_minor()}
    assert plain.torch[torch_minor()].ops["aten.convolution"] == 16  # stem, 3 x 2 x 2, 3 projections
    assert se.torch[torch_minor()].saved_bytes > plain.torch[torch_minor()].saved_bytes
    # 3 x 3 x 3 weights and a bias for 4 channels, on 30 x 30 positions; convolution and ReLU
    assert (mine.params, mine.macs) == (112, 27 * 4 * 900)
    assert mine.torch[torch_minor()].ops == {"aten.convolution": 1, "aten.relu": 1}
    checks = check_lock(lock, cache=None)
    assert {check.status for check in checks} == {"passed"}
    assert len(checks) == 3 * 9


def test_a_network_that_changed_fails_its_check(nets, monkeypatch):
    lock, _ = count_lock(foreign(nets))
    monkeypatch.setenv("ACTIVATION", "Sigmoid")
    failed = [check.reason.message for check in check_lock(lock, cache=None) if check.status == "failed"]
    # a sigmoid saves its output as a ReLU does, and costs as much: only the op tells them apart
    assert failed == ["ops 2 -> 2: aten.relu 1 -> 0, aten.sigmoid 0 -> 1"]
    nets.unlink()
    (gone,) = check_lock(lock, cache=None)
    assert (gone.status, gone.reason.code) == ("failed", "lock-not-built")
    assert "there is no file" in gone.reason.message


def test_an_empty_lock_has_no_checks():
    assert check_lock(Lock(), cache=None) == ()


def test_a_network_that_differs_between_processes_is_refused(nets):
    with pytest.raises(
        DeterminismError, match=r"by_process asis is counted differently by two processes: params \d+ and"
    ):
        count_lock(foreign(nets, "by_process"))


@pytest.mark.slow
def test_a_network_that_cannot_train_is_locked_without_saved_bytes_and_said_so(nets):
    lock, (finding,) = count_lock(foreign(nets, "normalised"))
    assert lock.entries[0].torch[torch_minor()].saved_bytes is None
    assert (finding.code, finding.severity) == ("lock-no-saved-bytes", "warning")
    assert "Expected more than 1 value per channel" in finding.message
    assert {check.status for check in check_lock(lock, cache=None)} == {"passed"}


def test_a_network_that_cannot_be_built_ends_the_second_process_too(nets):
    with pytest.raises(BuildError, match="no such weights"):
        count_lock(foreign(nets, "broken"))


def test_a_second_process_that_fails_is_reported(nets):
    with pytest.raises(WorkerError, match="a worker process ended with status 1: out of luck"):
        count_lock(foreign(nets), command=SILENT)
