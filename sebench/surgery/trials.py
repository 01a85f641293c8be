"""Runs of networks on the same random weights and inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from sebench.counters.placeholders import has_data, isolated_from_caller
from sebench.counters.twin import named_modules, twin_of
from sebench.errors import BuildError, SebenchError
from sebench.inputs import Inputs
from sebench.models.usercode import describe
from sebench.outputs import output_tensors

_HINT = "compare with `--baseline asis`, or name two factories, one of them without attention"


@contextmanager
def trials(network: nn.Module, inputs: Inputs, seed: int) -> Iterator[Trials]:
    """What is common to the runs of a network and its variants; nothing of them stays.

    Args:
        network: Gives the names and shapes of the weights.
        inputs: A batch. One tensor of floating-point numbers is drawn anew; several have the values that they
            are given, which may be lengths or masks.
        seed: Of the random weights and inputs.

    Raises:
        BuildError: The network has no data.
    """
    name = type(network).__name__
    if any(not has_data(tensor) for tensor in (*network.parameters(), *network.buffers())):
        raise refused(name, "has no weights here, so that it cannot be run")
    with isolated_from_caller(), torch.no_grad(), _plain_kernels():
        torch.manual_seed(seed)
        weights = _random_weights(network)
        yield Trials(name, weights, inputs if inputs.only is None else inputs.map(_random_like))


@dataclass(frozen=True, slots=True)
class Trials:
    """Forward passes on common weights and inputs."""

    name: str
    weights: Mapping[str, torch.Tensor]
    batch: Inputs

    def outputs(self, network: nn.Module, how: str) -> list[torch.Tensor]:
        """What a network returns; a copy of it runs, as some keep what they computed from their weights.

        Args:
            network: The one.
            how: What is special about this run, for the message.
        """
        try:
            drawn = {id(tensor): self.weights[name] for name, tensor in _state(network)}
            result = self.batch.map(torch.clone).passed_to(copy_of(network, drawn))
        except SebenchError:
            raise
        except Exception as error:
            raise refused(self.name, f"does not run {how}: {describe(error)}") from error
        return [tensor.clone() for tensor in output_tensors(result)]


def copy_of(network: nn.Module, weights: Mapping[int, torch.Tensor] | None = None) -> nn.Module:
    """A copy of a network in evaluation mode, whose modules can be replaced.

    Args:
        network: Only read.
        weights: Instead of its own, by their identity; it shares those of the network otherwise.
    """
    placeholders = _Given(weights or {})
    modules = named_modules(network)
    return twin_of(modules, dtype=torch.get_default_dtype(), training=False, placeholders=placeholders).root


class _Given:
    """What a copy of a network gets for its weights (`Placeholders`)."""

    keeps_values = True

    def __init__(self, weights: Mapping[int, torch.Tensor]) -> None:
        self._weights = weights

    def empty(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """The weight that is given, or its own; in the precision of the network, whatever `dtype` says."""
        return self._weights.get(id(tensor), tensor).detach()

    def batch(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """An input."""
        return torch.randn(shape, dtype=dtype)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Nothing has to be done."""
        yield


def _state(network: nn.Module) -> tuple[tuple[str, torch.Tensor], ...]:
    """Parameters and buffers under each of their names."""
    return (
        *network.named_parameters(remove_duplicate=False),
        *network.named_buffers(remove_duplicate=False),
    )


def apart(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> float:
    """Largest difference as a share of the largest value; infinite where they cannot be compared."""
    if not one or [tensor.shape for tensor in one] != [tensor.shape for tensor in other]:
        return math.inf
    pairs = zip(one, other, strict=True)
    return max((_apart_in(a.double(), b.double()) for a, b in pairs if a.numel()), default=0.0)


def _apart_in(one: torch.Tensor, other: torch.Tensor) -> float:
    largest = one.abs().max().item()
    apart = (one - other).abs().max().item()
    if not (math.isfinite(largest) and math.isfinite(apart)):
        return math.inf
    return apart / largest if largest else apart


def _random_weights(network: nn.Module) -> dict[str, torch.Tensor]:
    """Weights and statistics under which every layer matters, by each of their names."""
    drawn: dict[int, torch.Tensor] = {}
    found: dict[str, torch.Tensor] = {}
    for name, tensor in _state(network):
        if id(tensor) not in drawn:
            drawn[id(tensor)] = _random_weight(name.rpartition(".")[2], tensor)
        found[name] = drawn[id(tensor)]
    return found


def _random_weight(name: str, tensor: torch.Tensor) -> torch.Tensor:
    bare = tensor.detach()
    if not bare.is_floating_point():
        return bare.clone()
    if name == "running_mean" or (isinstance(tensor, nn.Parameter) and name.endswith("bias")):
        return torch.randn_like(bare) * 0.1
    if name == "running_var":
        return torch.rand_like(bare) + 0.5
    if not isinstance(tensor, nn.Parameter):
        return bare.clone()
    if bare.dim() < 2:
        return torch.rand_like(bare) + 0.5
    return torch.randn_like(bare) * math.sqrt(2 / math.prod(bare.shape[1:]))


def _random_like(tensor: torch.Tensor) -> torch.Tensor:
    return torch.randn_like(tensor) if tensor.is_floating_point() else tensor.clone()


@contextmanager
def _plain_kernels() -> Iterator[None]:
    """Without the fused kernel of a transformer's layers, which hides their ops."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def refused(name: str, why: str) -> BuildError:
    """What to say of a network with which a trial has failed."""
    return BuildError(f"{name} {why}", hint=_HINT)
