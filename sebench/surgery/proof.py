"""The test that decides whether attention was taken out: forced to one, the network is the stripped one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from sebench import counters
from sebench.counters.recording import Recording
from sebench.inputs import Inputs
from sebench.outputs import output_tensors
from sebench.surgery.forcing import GatesForcedToOne
from sebench.surgery.gates import FoundGate
from sebench.surgery.liveness import drop_of
from sebench.surgery.trials import apart, refused, trials

TOLERANCE = 1e-5
"""Largest difference that rounding may make, as a share of the largest output."""
EXACT_TOLERANCE = 1e-9
"""The same in double precision."""
_AS_GRAPH = "as a captured graph"


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
        inputs: A batch; see `trials`.
        recording: The forward pass of `asis` on these shapes.
        gates: What was found in it, and taken out.
        captured: The graph of `asis` in evaluation mode, where that takes its place; shown to be the same.
        seed: Of the weights and inputs.

    Raises:
        BuildError: It is not so, or it cannot be tried.
    """
    name = type(asis).__name__
    drop = drop_of(recording, gates)
    with trials(asis, inputs, seed) as runs:
        forcing = GatesForcedToOne(recording, gates)
        with forcing:
            forced = runs.outputs(asis, "with its gates at one")
        if not forcing.ran_as_recorded:
            raise refused(name, "runs otherwise than without data, so that its gates cannot be forced to one")
        untouched = _finite(name, runs.outputs(asis, "on random weights"))
        _finite(name, forced)
        if captured is not None:
            _require_same(name, untouched, runs.outputs(captured, _AS_GRAPH))
        difference = apart(forced, runs.outputs(stripped, "without its attention"))
        effect = apart(forced, untouched)
    if not effect > 100 * TOLERANCE:
        raise refused(
            name, "gives the same outputs whatever its gates say, so that taking them out proves nothing"
        )
    if not difference <= TOLERANCE:
        raise refused(
            name, f"without its attention is not the network with every gate at one (off by {difference:.1%})"
        )
    left = counters.record(stripped, tuple(next(inputs.tensors()).shape), inputs)
    lost = (_params(asis) - _params(stripped), _macs(recording) - _macs(left))
    if lost != (drop.params, drop.macs):
        raise refused(
            name,
            f"lost {lost[0]:,} parameters and {lost[1]:,} MACs with its attention, which has"
            f" {drop.params:,} and {drop.macs:,}",
        )
    return Proof(difference=difference, effect=effect, params=drop.params, macs=drop.macs)


def prove_captured(
    asis: nn.Module,
    captured: nn.Module,
    passing: nn.Module,
    inputs: Inputs,
    *,
    seed: int = 0,
) -> None:
    """Show that a captured graph is the network, and stays it where attention goes that changes nothing.

    Args:
        asis: The network as its author wrote it, in evaluation mode, with real weights.
        captured: Its graph.
        passing: The graph with a `Passthrough` in each place for attention.
        inputs: A batch; see `trials`.
        seed: Of the random weights and inputs.

    Raises:
        BuildError: It is not so, or it cannot be tried.
    """
    name = type(asis).__name__
    with trials(asis, inputs, seed) as runs:
        untouched = _finite(name, runs.outputs(asis, "on random weights"))
        graph = runs.outputs(captured, _AS_GRAPH)
        _require_same(name, untouched, graph)
        if apart(graph, runs.outputs(passing, "with places for attention")):
            raise refused(name, "changes when its graph is opened where attention belongs")


def prove_same(
    written: nn.Module, inputs: Inputs, respell: Callable[[nn.Module, Inputs], nn.Module], *, seed: int = 0
) -> None:
    """Show that a network spelt otherwise computes the same.

    In double precision, so that rounding is not taken for a difference, and on random weights under which
    every layer matters.

    Args:
        written: The network as it is; gets these weights, and that precision.
        inputs: A batch; see `trials`.
        respell: Makes of it the network to be compared.
        seed: Of the random weights and inputs.

    Raises:
        BuildError: It is not so, or it cannot be tried.
    """
    name = type(written).__name__
    drawn = inputs.map(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)
    written.double()
    with trials(written, drawn, seed) as runs:
        for key, tensor in (*written.named_parameters(), *written.named_buffers()):
            tensor.copy_(runs.weights[key])
        before = output_tensors(runs.batch.map(torch.clone).passed_to(written))
        after = output_tensors(runs.batch.map(torch.clone).passed_to(respell(written, runs.batch)))
        difference = apart(_finite(name, list(before)), list(after))
    if not difference <= EXACT_TOLERANCE:
        raise refused(
            name, f"computes something else when its gates are spelt otherwise (off by {difference:.1e})"
        )


def _finite(name: str, outputs: list[torch.Tensor]) -> list[torch.Tensor]:
    if not all(tensor.isfinite().all() for tensor in outputs):
        raise refused(name, "gives infinite outputs on random weights, which cannot be compared")
    return outputs


def _require_same(name: str, written: list[torch.Tensor], graph: list[torch.Tensor]) -> None:
    if not apart(written, graph) <= TOLERANCE:
        raise refused(name, "computes something else when it is captured")


def _params(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _macs(recording: Recording) -> int:
    return sum(op.macs for op in recording.ops)
