"""A network and data so small that a step of training takes a millisecond."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from sebench.schema import ModelSpec
from sebench.schema.training import RecipeRequest, TrainingJob
from sebench.training.seed import train_seed
from tests.image_folders import write_folder

SIZE = 8
PLAIN = ModelSpec(model="net.py:tiny", variant="plain")
WIDE = ModelSpec(model="net.py:tiny", variant="wide")
NETWORK = """
from torch import nn

def tiny():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )
"""


class Tiny(nn.Sequential):
    """With a batch norm and dropout: state and draws that a resumed run must have again."""

    def __init__(self, channels, classes):
        super().__init__(
            nn.Conv2d(3, channels, 3, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(channels, classes),
        )


def build(spec, classes):
    torch.manual_seed(0)
    return spec, Tiny(4 if spec == PLAIN else 8, classes)


def build_watched(seen):
    """Like `build`; `seen` has, by variant, a list that takes the images of each training step."""

    def watched(spec, classes):
        spec, network = build(spec, classes)
        network.register_forward_pre_hook(
            lambda module, inputs: seen[spec.variant].append(inputs[0].clone()) if module.training else None
        )
        return spec, network

    return watched


def write_data(root: Path, *, train=8, test=4, size=(SIZE, SIZE)) -> Path:
    """Three classes."""
    for part, count in (("train", train), ("val", test)):
        write_folder(root / part, dict.fromkeys(("a", "b", "c"), count), size=size)
    return root


def job(data, *, specs=(PLAIN, WIDE), epochs=2, batch_size=4, ema=None, **options):
    return TrainingJob(
        specs=specs,
        data=str(data),
        seeds=(0,),
        recipe=RecipeRequest(epochs=epochs, batch_size=batch_size, learning_rate=0.1, ema=ema),
        image_size=(SIZE, SIZE),
        device="cpu",
        threads=1,
        **options,
    )


@dataclass
class StopAfter:
    """Asks to stop after so many steps."""

    steps: int

    def __call__(self):
        self.steps -= 1
        return self.steps <= 0


def trained(asked, folder, *, stop_after=None, build=build):
    """Whether training came to its end."""
    folder.mkdir(exist_ok=True)
    stopped = (lambda: False) if stop_after is None else StopAfter(stop_after)
    return train_seed(asked, 0, folder, build, stopped=stopped)


def weights(folder, variant):
    return torch.load(folder / f"{variant}.pt", weights_only=True)


def assert_same_state(one, other):
    assert one.keys() == other.keys()
    assert [key for key in one if not torch.equal(one[key], other[key])] == []


def without_speed(folder):
    """Rows of the curves, but for what was timed."""
    lines = (folder / "curves.csv").read_text(encoding="utf-8").splitlines()
    return [line.rpartition(",")[0] for line in lines]
