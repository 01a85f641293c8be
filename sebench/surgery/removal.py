"""Modules that are gates, replaced by what hands their feature map on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import nn

from sebench.counters.recording import ModuleCall, Recording
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.gates import FoundGate
from sebench.surgery.liveness import drop_of, has_to_be_copied


class Passthrough(nn.Module):
    """What is left of a gate: it returns the feature map that it is given, whatever else comes with it.

    Args:
        argument: position or keyword of the feature map.
        copies: whether it returns a copy, where something later writes into one of the two while the other
            is still needed.
    """

    def __init__(self, argument: int | str = 0, *, copies: bool = False) -> None:
        super().__init__()
        self.argument = argument
        self.copies = copies

    def forward(self, *args: torch.Tensor, **kwargs: torch.Tensor) -> torch.Tensor:
        """Return the feature map."""
        feature = args[self.argument] if isinstance(self.argument, int) else kwargs[self.argument]
        return feature.clone() if self.copies else feature

    def extra_repr(self) -> str:
        """What is not the default."""
        argument = [] if self.argument == 0 else [f"argument={self.argument!r}"]
        return ", ".join([*argument, *(["copies=True"] if self.copies else [])])


def take_out(network: nn.Module, replaced: Mapping[str, Passthrough]) -> nn.Module:
    """Replace modules that are gates, in place.

    Args:
        network: The one; returned.
        replaced: What takes the place of each, see `replacements`.
    """
    modules = dict(network.named_modules())
    new = {id(modules[path]): passthrough for path, passthrough in replaced.items()}
    for module in modules.values():
        for name, child in module._modules.items():
            if id(child) in new:
                module._modules[name] = new[id(child)]
    return network


def replacements(recording: Recording, gates: Sequence[FoundGate]) -> Mapping[str, Passthrough] | None:
    """What replaces the gates, by module; None where modules alone cannot be replaced.

    That is where a gate is written inline, where one of several calls of a module is no gate, and where a
    part of a gate that depends on the input is computed outside of its module.
    """
    flow = Dataflow(recording)
    dropped = {index for index in drop_of(recording, gates).ops if not flow.op(index).is_view}
    features = {gate.product: gate.feature for gate in gates}
    gone = dropped | features.keys()
    calls: dict[str, list[tuple[ModuleCall, int | str]]] = {}
    copied = set()
    for gate in gates:
        found = next(_calls(flow, gate, gone, features), None)
        if found is None:
            return None
        calls.setdefault(found[0].path, []).append(found)
        if has_to_be_copied(flow, gate):
            copied.add(found[0].path)
    covered = {
        index for found in calls.values() for call, _ in found for index in range(call.first, call.last)
    }
    if any(flow.is_fed(index) for index in dropped - covered) or not _are_all_their_calls(recording, calls):
        return None
    return {
        path: Passthrough(argument, copies=path in copied) for path, ((_, argument), *_rest) in calls.items()
    }


def _calls(
    flow: Dataflow, gate: FoundGate, gone: set[int], features: Mapping[int, int]
) -> Iterator[tuple[ModuleCall, int | str]]:
    """Calls that compute this gate and nothing that stays, innermost first, with their feature argument."""
    for call in flow.recording.calls:
        inside = range(call.first, call.last)
        if gate.product not in inside or any(flow.is_fed(index) for index in gate.body.difference(inside)):
            continue
        if any(index not in gone and not flow.op(index).is_view for index in inside):
            continue
        argument = _feature_argument(flow, call, features)
        if argument is not None:
            yield call, argument


def _feature_argument(flow: Dataflow, call: ModuleCall, features: Mapping[int, int]) -> int | str | None:
    """Position or keyword of what a call returns once the products in it are the identity."""
    if not call.is_bare:
        return None
    shape = flow.value(call.outputs[0]).shape
    returned: int | None = call.outputs[0]
    while returned is not None:
        returned = flow.behind_views(returned)
        for key, given in call.arguments.items():
            if flow.behind_views(given) == returned and flow.value(given).shape == shape:
                return key
        producer = flow.value(returned).producer
        returned = None if producer is None else features.get(producer)
    return None


def _are_all_their_calls(
    recording: Recording, calls: Mapping[str, list[tuple[ModuleCall, int | str]]]
) -> bool:
    """Whether each of these modules is a gate in all its calls, and takes the feature map alike in them."""
    return all(
        len({id(call) for call, _ in found}) == sum(call.path == path for call in recording.calls)
        and len({argument for _, argument in found}) == 1
        for path, found in calls.items()
    )
