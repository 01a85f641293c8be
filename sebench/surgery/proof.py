"""The test that decides whether attention was taken out: forced to one, the network is the stripped one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from sebench import counters
from sebench.counters.backward import output_tensors
from sebench.counters.placeholders import has_data, isolated_from_caller
from sebench.counters.recording import Recording
from sebench.counters.twin import named_modules, twin_of
from sebench.errors import BuildError, SebenchError
from sebench.inputs import Inputs
from sebench.models.usercode import describe
from sebench.surgery.forcing import GatesForcedToOne
from sebench.surgery.gates import FoundGate
from sebench.surgery.liveness import drop_of

TOLERANCE = 1e-5
"""Largest difference that rounding may make, as a share of the largest output."""
_HINT = "compare with `--baseline asis`, or name two factories, one of them without attention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What showed that a network was stripped of its attention and of nothing else."""

    difference: float
    """Largest difference between the outputs, as a share of the largest one."""
    effect: float
    """The same between the network as it is and with its gates forced to one: what the test can tell."""
    params: int
    """That went with the gates."""
    macs: int


def prove(
    asis: nn.Module,
    stripped: nn.Module,
    inputs: Inputs,
    recording: Recording,
    gates: Sequence[FoundGate],
    *,
    captured: nn.Module | None = None,
    seed: int = 0,
) -> Proof:
    """Show that a stripped network computes what the network does with every gate forced to one.

    Both run on the same random weights and inputs, which leave the networks as they are: freshly built ones
    often begin as the identity, where taking anything out would go unnoticed.

    Args:
        asis: The network as its author wrote it, in evaluation mode, with real weights.
        stripped: The network without its gates.
        inputs: A batch; only its shapes and, for integers, its values count.
        recording: The forward pass of `asis` on these shapes.
        gates: What was found in it, and taken out.
        captured: The graph of `asis` in evaluation mode, where that takes its place; shown to be the same.
        seed: Of the weights and inputs.

    Raises:
        BuildError: It is not so, or it cannot be tried.
    """
    name = type(asis).__name__
    if any(not has_data(tensor) for tensor in (*asis.parameters(), *asis.buffers())):
        raise _refused(name, "has no weights here, so that it cannot be run")
    drop = drop_of(recording, gates)
    with isolated_from_caller(), torch.no_grad(), _plain_kernels():
        torch.manual_seed(seed)
        weights = _random_weights(asis)
        batch = inputs.map(_random_like)
        runs = _Runs(name, weights, batch)
        forcing = GatesForcedToOne(recording, gates)
        with forcing:
            forced = runs.outputs(asis, "with its gates at one")
        if not forcing.ran_as_recorded:
            raise _refused(
                name, "runs otherwise than without data, so that its gates cannot be forced to one"
            )
        untouched = runs.outputs(asis, "on random weights")
        if not all(tensor.isfinite().all() for tensor in (*forced, *untouched)):
            raise _refused(name, "gives infinite outputs on random weights, which cannot be compared")
        if captured is not None and not _same(untouched, runs.outputs(captured, "as a captured graph")):
            raise _refused(name, "computes something else when it is captured")
        difference = _apart(forced, runs.outputs(stripped, "without its attention"))
        effect = _apart(forced, untouched)
    if not effect > 100 * TOLERANCE:
        raise _refused(
            name, "gives the same outputs whatever its gates say, so that taking them out proves nothing"
        )
    if not difference <= TOLERANCE:
        raise _refused(
            name, f"without its attention is not the network with every gate at one (off by {difference:.1%})"
        )
    left = counters.record(stripped, tuple(next(inputs.tensors()).shape), inputs)
    lost = (_params(asis) - _params(stripped), _macs(recording) - _macs(left))
    if lost != (drop.params, drop.macs):
        raise _refused(
            name,
            f"lost {lost[0]:,} parameters and {lost[1]:,} MACs with its attention, which has"
            f" {drop.params:,} and {drop.macs:,}",
        )
    return Proof(difference=difference, effect=effect, params=drop.params, macs=drop.macs)


@dataclass(frozen=True, slots=True)
class _Runs:
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
            drawn = _Drawn({id(tensor): self.weights[name] for name, tensor in _state(network)})
            modules = named_modules(network)
            copied = twin_of(
                modules, dtype=torch.get_default_dtype(), training=False, placeholders=drawn
            ).root
            result = self.batch.map(torch.clone).passed_to(copied)
        except SebenchError:
            raise
        except Exception as error:
            raise _refused(self.name, f"does not run {how}: {describe(error)}") from error
        return [tensor.clone() for tensor in output_tensors(result)]


class _Drawn:
    """Gives a copy of a network the weights that were drawn instead of its own (`Placeholders`)."""

    keeps_values = True

    def __init__(self, weights: Mapping[int, torch.Tensor]) -> None:
        self._weights = weights

    def empty(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """The weight that was drawn; in the precision of the network, whatever `dtype` says."""
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


def _apart(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> float:
    """Largest difference as a share of the largest value; infinite where they cannot be compared."""
    if not one or [tensor.shape for tensor in one] != [tensor.shape for tensor in other]:
        return math.inf
    return max(_apart_in(a.double(), b.double()) for a, b in zip(one, other, strict=True) if a.numel())


def _same(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> bool:
    return _apart(one, other) <= TOLERANCE


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


def _params(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _macs(recording: Recording) -> int:
    return sum(op.macs for op in recording.ops)


def _refused(name: str, why: str) -> BuildError:
    return BuildError(f"{name} {why}", hint=_HINT)
