"""What a network does, as other counters see it: calls of modules, and calls of torch functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from sebench.counters.dispatch import CountingMode
from sebench.counters.memo import Price
from sebench.counters.scope import Frame, Scope
from sebench.counters.work import tensors
from sebench.schema import OpCost, StaticCost

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModuleCall:
    """One call of one module."""

    path: str
    module: nn.Module
    input_shape: Shape
    output_shape: Shape

    @property
    def kind(self) -> str:
        """Name of its class."""
        return type(self.module).__name__


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """One call of a torch function or tensor method, made from Python."""

    name: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    input_shape: Shape
    output_shape: Shape
    macs: int = 0
    """Ours, of all ops that the call is made of."""


@dataclass(frozen=True)
class Observation:
    """Our own count of a network, and everything that happened in one forward pass."""

    cost: StaticCost
    module_calls: tuple[ModuleCall, ...]
    function_calls: tuple[FunctionCall, ...]
    classes: Mapping[str, str]
    """Class of every module by its path."""
    occurrences: Mapping[int, int]
    """How often a module hangs in the tree, by its id: a shared one hangs in it more than once."""

    @cached_property
    def forward_ops(self) -> tuple[OpCost, ...]:
        """Our rows of the forward pass."""
        return tuple(op for op in self.cost.ops if op.phase == "forward")

    def macs_by_module(self) -> Counter[str]:
        """Our forward MACs by the path of the innermost module."""
        found: Counter[str] = Counter()
        for op in self.forward_ops:
            found[op.module] += op.macs
        return found


def observe(model: nn.Module, batch: torch.Tensor, cost: StaticCost) -> Observation:
    """Run `model` once in evaluation mode and watch it; its hooks are removed again.

    Args:
        model: a copy made for this.
        batch: one input batch on the model's device.
        cost: our count at the same input.
    """
    calls: list[ModuleCall] = []
    work = _Work()
    functions = _FunctionLog(work)
    handles = list(_hooks(model, calls))
    model.eval()
    try:
        with torch.no_grad(), work, functions:
            model(batch)
    finally:
        for handle in handles:
            handle.remove()
    return Observation(
        cost=cost,
        module_calls=tuple(calls),
        function_calls=tuple(functions.calls),
        classes={path: type(module).__name__ for path, module in model.named_modules()},
        occurrences=_occurrences(model),
    )


def _hooks(model: nn.Module, calls: list[ModuleCall]) -> Iterator[RemovableHandle]:
    for path, module in model.named_modules():

        def record(module: nn.Module, inputs: Any, output: Any, path: str = path) -> None:  # noqa: ANN401
            shapes = (_first_shape(inputs), _first_shape(output))
            calls.append(ModuleCall(path, module, *shapes))

        yield module.register_forward_hook(record)


def _occurrences(model: nn.Module) -> Counter[int]:
    found: Counter[int] = Counter()
    for module in model.modules():
        for child in module.children():
            found[id(child)] += 1
    return found


def _first_shape(value: object) -> Shape:
    tensor = next(tensors(value), None)
    return () if tensor is None else tuple(tensor.shape)


class _Work(CountingMode):  # type: ignore[no-untyped-call]
    """Our MACs so far, whatever runs."""

    def __init__(self) -> None:
        super().__init__(Scope(Frame(module="", stage="", site=None)), frozenset())
        self.macs = 0

    def _charge(self, price: Price) -> None:
        self.macs += price.macs


class _FunctionLog(TorchFunctionMode):
    def __init__(self, work: _Work) -> None:
        super().__init__()
        self.calls: list[FunctionCall] = []
        self._work = work

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401 - torch calls it with anything
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        options = kwargs or {}
        before = self._work.macs
        result = func(*args, **options)
        self.calls.append(
            FunctionCall(
                name=getattr(func, "__name__", ""),
                arguments=args,
                options=options,
                input_shape=_first_shape((args, options)),
                output_shape=_first_shape(result),
                macs=self._work.macs - before,
            )
        )
        return result
