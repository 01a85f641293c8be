"""Pairs whose networks write to their input: each has its own, and both find theirs as it was."""

import pytest
import torch
from torch import nn

from sebench.profilers.device import RestoredStep
from sebench.schema import ModelSpec, Pair, TimingPolicy, Workload
from sebench.worker.channel import Fatal, guarded
from sebench.worker.preparing import prepare, timed_steps
from sebench.worker.protocol import Request
from tests.fakes import FakeDevice

SHAPE = (2, 3, 4, 4)
CHANGES = {
    "same": lambda x: x * 1.0,
    "relu": torch.relu_,
    "normalise": lambda x: x.sub_(0.5).div_(0.25),
    "grow": lambda x: x.mul_(2.0),
    "shrink": lambda x: x.mul_(0.5),
    "seen": lambda x: x + 0,
}


class Net(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.name, self.calls, self.seen = name, 0, []
        self.fc = nn.Linear(48, 5)

    def forward(self, x):
        self.calls += 1
        self.seen.append(x.clone())
        if self.name == "late" and self.calls > 2:
            return self.fc(x.sub_(1.0).flatten(1))
        if self.name == "decays" and self.calls > 3:
            return self.fc(x.flatten(1)) / 0.0
        return self.fc(CHANGES.get(self.name, CHANGES["same"])(x).flatten(1))


def prepared(baseline, candidate="same", **workload):
    nets = {}

    def build(spec, seed, workload, beside):
        torch.manual_seed(seed)
        return nets.setdefault(spec.model, Net(spec.model))

    said = []
    request = Request(
        pair=Pair(baseline=ModelSpec(model=baseline), candidate=ModelSpec(model=candidate)),
        workload=Workload(batch_size=2, input_shape=SHAPE, **workload),
        policy=TimingPolicy(),
        build_order=("candidate", "baseline"),
        weight_seed=1,
        process_seed=1,
    )
    return prepare(request, build, FakeDevice(), about=said.append), nets, said


@pytest.mark.parametrize("phase", ["inference", "training"])
@pytest.mark.parametrize("name", ["relu", "normalise", "grow", "shrink"])
def test_one_network_that_writes_to_its_input_changes_nothing_for_anybody(name, phase):
    sides, nets, _ = prepared(name, phase=phase)
    steps = timed_steps(sides)
    assert [side.writes_input for side in sides.values()] == [False, True]  # in the order of building
    assert all(isinstance(step, RestoredStep) for step in steps.values())
    for _ in range(3):
        for step in steps.values():
            step()
    (first, *others) = [*nets[name].seen, *nets["same"].seen]
    assert all(torch.equal(first, other) for other in others)


def test_where_none_writes_nothing_is_brought_back():
    sides, _, said = prepared("seen")
    steps = timed_steps(sides)
    assert steps == {side: prepared.step for side, prepared in sides.items()}
    assert sides["baseline"].input.tensors[0].data_ptr() != sides["candidate"].input.tensors[0].data_ptr()
    for side in sides.values():
        side.require_sound(1)
    assert said == ["same", "seen", ""]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("late", "late plain began to write to its input after it had been run; let it work on a copy"),
        ("decays", "decays plain returned NaN or infinity in 10 of 10 outputs"),  # 2 x 5
    ],
)
def test_what_changes_later_is_found_at_the_end(name, message):
    sides, _, _ = prepared(name)
    for _ in range(3):
        timed_steps(sides)["baseline"]()
    with pytest.raises(Fatal) as refused:
        sides["baseline"].require_sound(1)
    assert str(refused.value).startswith(message)
    assert refused.value.code == "output"


def test_gradients_are_looked_at_when_training_ends():
    sides, nets, _ = prepared("same", "seen", phase="training")
    sides["baseline"].require_sound(1)
    nets["same"].fc.bias.grad.fill_(float("inf"))
    with pytest.raises(Fatal, match="same plain: the gradient of fc.bias became NaN or infinite"):
        sides["baseline"].require_sound(1)


class OddError(Exception):
    def __str__(self):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError(""), "the network does not run on this input: RuntimeError"),
        (RuntimeError("\n two\nlines"), "the network does not run on this input: two"),
        (OddError(), "the network does not run on this input: OddError"),
        (KeyboardInterrupt(), "the network does not run on this input: KeyboardInterrupt"),
        (SystemExit(0), "the network does not run on this input: SystemExit: 0"),
        (GeneratorExit(), "the network does not run on this input: GeneratorExit"),
    ],
)
def test_whatever_a_network_raises_is_one_line(error, message):
    def raising():
        raise error

    with pytest.raises(Fatal) as refused:
        guarded(raising)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_a_network_that_changes_the_folder_changes_it_for_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    guarded(lambda: monkeypatch.chdir(tmp_path / "below"))
    assert tmp_path.samefile(".")
