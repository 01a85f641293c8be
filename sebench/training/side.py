"""One network of a run: its step, its sums, its test, its state."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sebench import models
from sebench.errors import BuildError, WorkerError
from sebench.schema import ModelSpec
from sebench.schema.training import Epoch, Recipe
from sebench.training.checkpoint import SideState
from sebench.training.clock import StepClock
from sebench.training.draws import derived_seed

TOP = 5
KEPT_STEPS = 10_000
"""So many of the last steps keep their times."""
_LOGITS_RANK = 2


@dataclass(frozen=True, slots=True)
class Means:
    """Of images that were seen."""

    loss: float
    top1_error: float
    top5_error: float
    images: int


class Sums:
    """Loss and errors added up where the network is, so that no step waits to be read."""

    def __init__(self, device: torch.device) -> None:
        exact = torch.float32 if device.type == "mps" else torch.float64  # which has no float64
        self.values = torch.zeros(4, dtype=exact, device=device)

    def add(self, loss: Tensor, ranks: Tensor) -> None:
        """Add a batch.

        Args:
            loss: its mean.
            ranks: place of the true class of each image.
        """
        images = torch.full_like(self.values[0], len(ranks))
        wrong = [(ranks > place).sum().to(images) for place in (1, TOP)]
        self.values += torch.stack([loss.detach().to(images) * images, *wrong, images])

    def means(self) -> Means:
        """Of what has been added; of all ranks, if there are several."""
        values = self.values.clone()
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(values)
        loss, first, fifth, images = values.tolist()
        seen = max(images, 1.0)
        return Means(loss / seen, first / seen, fifth / seen, int(images))

    def clear(self) -> None:
        """Begin anew."""
        self.values.zero_()


@dataclass(eq=False)
class TrainingSide:
    """A network that is being trained.

    Args:
        spec: what it is.
        network: itself, on its device.
        parallel: what a training step calls: the network, or its data-parallel form.
    """

    spec: ModelSpec
    network: nn.Module
    parallel: nn.Module
    recipe: Recipe
    device: torch.device
    optimizer: torch.optim.SGD
    average: AveragedModel | None
    clock: StepClock
    epoch_sums: Sums
    row_sums: Sums
    epochs: list[Epoch] = field(default_factory=list)
    steps_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_STEPS))

    @classmethod
    def of(cls, spec: ModelSpec, network: nn.Module, recipe: Recipe, device: torch.device) -> TrainingSide:
        """A network made ready for its first step."""
        network = network.to(device).train()
        parallel: nn.Module = network
        if torch.distributed.is_initialized():
            parallel = DistributedDataParallel(
                network, device_ids=None if device.type == "cpu" else [device.index]
            )
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        if not trained:
            raise BuildError(f"{spec.label} has nothing to train: no parameter requires a gradient")
        optimizer = torch.optim.SGD(
            trained, lr=recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
        )
        average = None
        if recipe.ema is not None:
            average = AveragedModel(
                network,
                multi_avg_fn=get_ema_multi_avg_fn(recipe.ema),  # type: ignore[no-untyped-call]
                use_buffers=True,
            )
        return cls(
            spec, network, parallel, recipe, device, optimizer, average,
            StepClock(device), Sums(device), Sums(device),
        )  # fmt: skip

    @property
    def variant(self) -> str:
        """By which it is told from the others."""
        return self.spec.variant

    @property
    def tested(self) -> nn.Module:
        """The network that is tested and kept: the moving average, where there is one."""
        return self.network if self.average is None else self.average.module

    def step(self, images: Tensor, labels: Tensor, *, seed: int) -> None:
        """Zero the gradients, forward, loss, backward, update.

        Args:
            images: of shape (N, 3, H, W), on its device.
            labels: class of each, likewise.
            seed: of whatever the network draws.
        """
        seed_everything(seed)
        with self.clock:
            self.optimizer.zero_grad(set_to_none=True)
            with torch.autocast(
                self.device.type, torch.bfloat16, enabled=self.recipe.dtype == "amp-bfloat16"
            ):
                logits = _logits(self.spec, self.parallel(images))
                loss = functional.cross_entropy(logits.float(), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.network)
        ranks = ranks_of(logits.detach(), labels)
        for sums in (self.epoch_sums, self.row_sums):
            sums.add(loss, ranks)

    def set_learning_rate(self, rate: float) -> None:
        """From now on."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def require_finite(self, means: Means) -> None:
        """Stop a run that has nothing to learn from any more.

        Raises:
            WorkerError: the loss is NaN or infinite.
        """
        if not np.isfinite(means.loss):
            raise WorkerError(
                f"{self.spec.label}: the loss became NaN or infinite", hint="try a lower --learning-rate"
            )

    def state(self) -> SideState:
        """All that the next step depends on; it shares memory with the network."""
        return SideState(
            network=self.network.state_dict(),
            optimizer=self.optimizer.state_dict(),
            average=None if self.average is None else self.average.state_dict(),
            sums={"epoch": self.epoch_sums.values, "row": self.row_sums.values},
            epochs=tuple(self.epochs),
        )

    def restore(self, state: SideState) -> None:
        """Go on from there."""
        self.network.load_state_dict(state.network)
        self.optimizer.load_state_dict(dict(state.optimizer))
        if self.average is not None and state.average is not None:
            self.average.load_state_dict(state.average)
        self.epoch_sums.values.copy_(state.sums["epoch"])
        self.row_sums.values.copy_(state.sums["row"])
        self.epochs = list(state.epochs)

    def take_times(self) -> float:
        """Seconds of the steps since it was asked last, which are kept; waits for the device."""
        times = self.clock.drain()
        self.steps_s.extend(times)
        return sum(times)


def _logits(spec: ModelSpec, output: object) -> Tensor:
    if isinstance(output, Tensor) and output.dim() == _LOGITS_RANK:
        return output
    found = (
        f"a tensor of shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
    )
    raise BuildError(
        f"{spec.label} returns {found} in training, but a classifier's scores (N, classes) are needed",
        hint="leave out auxiliary classifiers, e.g. --model-arg aux_logits=false",
    )


def require_classes(spec: ModelSpec, network: nn.Module, classes: int, image_size: tuple[int, int]) -> None:
    """Refuse a network that tells another number of classes apart.

    Raises:
        BuildError: it does, or it returns no scores.
    """
    network.eval()
    device = next(network.parameters()).device
    with torch.inference_mode():
        scores = _logits(spec, network(torch.zeros((2, 3, *image_size), device=device)))
    if scores.shape[1] != classes:
        raise BuildError(
            f"{spec.label} tells {scores.shape[1]} classes apart, and the data has {classes}",
            hint=f"build it with {classes}: --num-classes {classes}, or --model-arg"
            if models.is_users_own(spec)
            else "leave --num-classes out: it is then that of the data",
        )


def ranks_of(logits: Tensor, labels: Tensor) -> Tensor:
    """Place of the true class among the scores, from 1; of equal scores the true one comes last.

    Args:
        logits: of shape (N, classes). Where one is NaN, the place is the last.
        labels: of shape (N).
    """
    own = logits.gather(1, labels[:, None])
    return (~(logits < own)).sum(1)


def seed_everything(seed: int) -> None:
    """Of every generator that a network may draw from."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def step_seed(seed: int, epoch: int, step: int) -> int:
    """Of what networks draw in one step, the same for all sides."""
    return derived_seed(seed, "step", epoch, step)
