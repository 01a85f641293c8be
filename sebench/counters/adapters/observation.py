"""What a network does, as other counters see it: calls of modules, and calls of torch functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from sebench.counters.dispatch import CountingMode
from sebench.counters.prices import Price
from sebench.counters.scope import Frame, Scope
from sebench.counters.work import qualified_name, tensors
from sebench.schema import OpCost, StaticCost

if TYPE_CHECKING:
    from torch._ops import OpOverload

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
    functional: bool = False
    """A function of ``torch.nn.functional``: torch's namesake may order its arguments otherwise."""


@dataclass(frozen=True, slots=True)
class OpCall:
    """One op as a dispatch mode sees it: under ``inference_mode`` composites (``linear``) arrive whole."""

    op: str
    shapes: tuple[Shape, ...]
    """Of its tensor arguments."""
    macs: int
    """Ours, of all that it is made of."""
    flops: int


@dataclass(frozen=True)
class Observation:
    """Our own count of a network, and everything that happened in one forward pass."""

    cost: StaticCost
    module_calls: tuple[ModuleCall, ...]
    function_calls: tuple[FunctionCall, ...]
    op_calls: tuple[OpCall, ...]
    classes: Mapping[str, str]
    """Class of every module by its path."""
    occurrences: Mapping[int, int]
    """How many ways lead to a module, by its id: a shared one, and all within it, has more than one."""

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
        op_calls=tuple(work.op_calls),
        classes={path: type(module).__name__ for path, module in model.named_modules()},
        occurrences=_occurrences(model),
    )


def making_meta_tensors(model: nn.Module) -> nn.Module:
    """Let the forward of a network on the meta device make its tensors there, too."""
    forward = model.forward

    def on_meta(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any network
        with torch.device("meta"):
            return forward(*args, **kwargs)

    model.__dict__["forward"] = on_meta
    return model


def _hooks(model: nn.Module, calls: list[ModuleCall]) -> Iterator[RemovableHandle]:
    for path, module in model.named_modules():

        def record(module: nn.Module, inputs: Any, output: Any, path: str = path) -> None:  # noqa: ANN401
            shapes = (_first_shape(inputs), _first_shape(output))
            calls.append(ModuleCall(path, module, *shapes))

        yield module.register_forward_hook(record)


def _occurrences(model: nn.Module) -> Counter[int]:
    found: Counter[int] = Counter()
    model.apply(lambda module: found.update((id(module),)))  # once per way that leads to it
    return found


def _first_shape(value: object) -> Shape:
    tensor = next(tensors(value), None)
    return () if tensor is None else tuple(tensor.shape)


class _Work(CountingMode):  # type: ignore[no-untyped-call]
    """Our work so far, whatever runs, and every op as it arrives."""

    def __init__(self) -> None:
        super().__init__(Scope(Frame(module="", stage="", site=None)), frozenset())
        self.macs = self.flops = 0
        self.op_calls: list[OpCall] = []
        self._inside = False

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - an aten op returns anything
        if self._inside:  # a part of a composite
            return super().__torch_dispatch__(func, types, args, kwargs)
        self._inside, macs, flops = True, self.macs, self.flops
        try:
            result = super().__torch_dispatch__(func, types, args, kwargs)
        finally:
            self._inside = False
        shapes = tuple(tuple(tensor.shape) for tensor in tensors((args, kwargs or {})))
        self.op_calls.append(OpCall(qualified_name(func), shapes, self.macs - macs, self.flops - flops))
        return result

    def _charge(self, price: Price) -> None:
        self.macs += price.macs
        self.flops += price.flops


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
                functional=isinstance(func, FunctionType),
            )
        )
        return result
