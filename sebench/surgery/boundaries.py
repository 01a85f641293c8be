"""Which module hands a value on, and whether attention can be made part of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FunctionType

import torch
from torch import nn

from sebench.counters.recording import ModuleCall
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.residuals import behind_scaling

NAME = "attention"
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_WALKS = frozenset({"children", "named_children", "modules", "named_modules", "_modules"})


@dataclass(frozen=True, slots=True)
class Boundary:
    """A module after which attention goes."""

    path: str
    site: str
    """Path that the attention gets; that of the module itself where it only stands in for the attention."""


@dataclass(frozen=True)
class Boundaries:
    """Finds the module whose only output is a value.

    Args:
        flow: The recording.
        modules: The network's modules by path.
    """

    flow: Dataflow
    modules: Mapping[str, nn.Module]

    def after(self, value: int, block: ModuleCall, *, alone: bool) -> Boundary | None:
        """The module within a block, or the block itself, after which attention sees a value.

        The innermost one that computes it: mostly a normalisation or convolution without children, in which
        an additional child disturbs nothing, and before dropped paths. Else one that passes it on (a dropped
        path, ``Identity``), else the one before the value was scaled (layer scale): attention costs the same
        on both sides of a scaling.

        Args:
            value: What attention is to see.
            block: The call in which to look.
            alone: Whether exactly one op may take the value, as before an add.
        """
        for each in dict.fromkeys((value, behind_scaling(self.flow, value) if alone else value)):
            if alone and sum(1 for _ in self.flow.consumers(each)) != 1:
                continue
            for call in self._calls(each, block):
                boundary = self.at(call.path)
                if boundary is not None:
                    return boundary
        return None

    def at(self, path: str) -> Boundary | None:
        """The boundary behind a module that runs once.

        Attention becomes a child of the module, or its successor in an `nn.Sequential` where the module's
        forward runs over its children; None where neither can be.
        """
        module = self.modules[path]
        parent = path.rpartition(".")[0]
        if not path or self._runs[path] != 1 or "forward" in vars(module):
            return None
        if isinstance(module, torch.jit.ScriptModule):
            return None
        if not _walks_children(module):
            free = next(each for each in (NAME, f"inserted_{NAME}") if not hasattr(module, each))
            return Boundary(path, f"{path}.{free}")
        outer = self.modules[parent]
        if type(outer).forward is nn.Sequential.forward and self._runs[parent] == 1:
            return Boundary(path, f"{path}_{NAME}")
        return None

    def _calls(self, value: int, block: ModuleCall) -> Iterator[ModuleCall]:
        producer = self.flow.value(value).producer
        inside = [
            call
            for call in self._returning.get(value, ())
            if block.first <= call.first and call.last <= block.last
        ]
        computing = [call for call in inside if producer is not None and call.first <= producer < call.last]
        yield from computing
        yield from (call for call in inside if call not in computing and value in call.arguments.values())

    @cached_property
    def _returning(self) -> dict[int, list[ModuleCall]]:
        returning: dict[int, list[ModuleCall]] = {}
        for call in self.flow.recording.calls:
            if call.is_bare:
                returning.setdefault(call.outputs[0], []).append(call)
        return returning

    @cached_property
    def _runs(self) -> Counter[str]:
        return Counter(call.path for call in self.flow.recording.calls)


def _walks_children(module: nn.Module) -> bool:
    """Whether a module's own code runs over its children, so that one more would be run by it."""
    if isinstance(module, _CONTAINERS):
        return True
    if next(module.children(), None) is None:
        return False
    methods = (
        method
        for owner in type(module).__mro__
        if not owner.__module__.startswith("torch.")
        for method in vars(owner).values()
        if isinstance(method, FunctionType) and method.__name__ != "__init__"
    )
    return any(_WALKS.intersection(_names(method.__code__)) for method in methods)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
