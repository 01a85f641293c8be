"""One forward pass of a meta twin as a graph: every op in order, what it takes and gives, in whose call.

A count adds ops up; a recording keeps how they hang together, which is what finding attention needs. It has
thousands of parts, none of which is in a cycle: the garbage collector need not visit them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import torch

from sebench.counters.arguments import signature_of, tensors_among
from sebench.counters.scope import OpKey, OpNumbers
from sebench.counters.work import plain_name
from sebench.outputs import output_tensors

if TYPE_CHECKING:
    from torch._ops import OpOverload

    from sebench.counters.prices import Price
    from sebench.counters.scope import Scope
    from sebench.counters.twin import Twin


class Value(msgspec.Struct, frozen=True, gc=False):
    """A tensor at one point of the pass; written in place, it becomes another value."""

    shape: tuple[int, ...]
    producer: int | None
    """Index of the op that made it; None for an input, a parameter, a buffer or a constant."""
    name: str | None = None
    """Of the parameter or buffer."""
    is_parameter: bool = False
    is_input: bool = False
    """Whether it is an input of the network."""


class Op(msgspec.Struct, frozen=True, gc=False):
    """One aten call."""

    name: str
    """As in the schema, without the namespace: ``convolution``, ``add_``."""
    module: str
    """The innermost running module."""
    inputs: tuple[int, ...]
    """Values, in the order of the schema; an omitted optional tensor is left out."""
    outputs: tuple[int, ...]
    """Values, tensors that share memory with one written in place included."""
    macs: int
    is_view: bool
    """Whether it moves no data."""
    has_bias: bool
    key: OpKey | None = None
    """What finds it in another pass over the network; None where it is not counted."""
    window: tuple[int, ...] | None = None
    """Of a pooling without padding."""

    @property
    def plain_name(self) -> str:
        """In-place ops under the name of the others."""
        return plain_name(self.name)


class ModuleCall(msgspec.Struct, frozen=True, gc=False):
    """One call of a module's forward; ops ``first`` to ``last`` (exclusive) are its own or its children's."""

    path: str
    first: int
    last: int
    arguments: Mapping[int | str, int]
    """Value of each argument that is a tensor, by position or keyword."""
    outputs: tuple[int, ...]
    is_bare: bool = True
    """Whether it returns a tensor, and not a container of tensors."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A forward pass of a network in evaluation mode."""

    ops: tuple[Op, ...]
    values: tuple[Value, ...]
    calls: tuple[ModuleCall, ...]
    """In order of their end: children before their parents."""
    outputs: tuple[int, ...]
    """Values that the network returns."""


NOTHING_RECORDED = Recording(ops=(), values=(), calls=(), outputs=())


class Recorder:
    """Writes down what passes."""

    def __init__(self, twin: Twin, scope: Scope, inputs: Iterable[torch.Tensor]) -> None:
        self._twin, self._scope = twin, scope
        self._ops: list[Op] = []
        self._values: list[Value] = []
        self._calls: list[ModuleCall] = []
        self._current: dict[int, int] = {}
        self._alive: list[torch.Tensor] = []  # an identity must not be used again while the pass lasts
        self._base: dict[int, torch.Tensor] = {}
        self._views: dict[int, list[torch.Tensor]] = {}
        self._shapes: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._keys = OpNumbers()
        for name, tensor, is_parameter in _state(twin):
            self._add(tensor, Value(self._shape(tensor), None, name, is_parameter))
        for tensor in inputs:
            self._add(tensor, Value(self._shape(tensor), None, is_input=True))

    def note(
        self,
        func: OpOverload,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: object,
        price: Price | None,
    ) -> None:
        """Write an op down; to be told of each, in order."""
        index, signature, module = len(self._ops), signature_of(func), self._scope.current().module
        given = tensors_among(args, kwargs)
        results = [result] if isinstance(result, torch.Tensor) else tensors_among((result,), {})
        inputs = self._numbers_of(given)
        outputs = tuple([self._made(tensor, index) for tensor in results])
        if signature.shares and given:
            self._share(given[0], results)
        if signature.writes:
            outputs = self._rewritten(outputs, signature.written(args, kwargs), index)
        self._ops.append(
            Op(
                signature.name,
                module,
                inputs,
                outputs,
                0 if price is None else price.macs,
                signature.is_view,
                signature.has_bias(args, kwargs),
                None if price is None else self._keys.key(module, signature.plain_name),
                signature.window(args, kwargs),
            )
        )

    @contextmanager
    def watching_modules(self) -> Iterator[None]:
        """Note each call of a module; inside of what announces them to the scope."""
        for name, module in self._twin.modules.items():
            module.__dict__["forward"] = self._noted(module.forward, name)
        yield

    def recording(self, result: object) -> Recording:
        """The pass, given what the network returned."""
        outputs = self._numbers_of(output_tensors(result))
        return Recording(tuple(self._ops), tuple(self._values), tuple(self._calls), outputs)

    def _noted(self, forward: Callable[..., Any], path: str) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any module
            named: Iterable[tuple[int | str, Any]] = (*enumerate(args), *kwargs.items())
            arguments = {key: self._value(value) for key, value in named if isinstance(value, torch.Tensor)}
            first = len(self._ops)
            result = forward(*args, **kwargs)
            outputs = self._numbers_of(output_tensors(result))
            is_bare = isinstance(result, torch.Tensor)
            self._calls.append(ModuleCall(path, first, len(self._ops), arguments, outputs, is_bare))
            return result

        return noted

    def _share(self, viewed: torch.Tensor, results: Sequence[torch.Tensor]) -> None:
        base = self._base.get(id(viewed), viewed)
        for view in results:
            if view is not base and id(view) not in self._base:
                self._base[id(view)] = base
                self._views.setdefault(id(base), []).append(view)

    def _rewritten(
        self, outputs: tuple[int, ...], written: Iterator[torch.Tensor], index: int
    ) -> tuple[int, ...]:
        """The outputs of an op, with what else its writes change."""
        others = [self._made(other, index) for tensor in written for other in self._on_same_memory(tensor)]
        return tuple(dict.fromkeys((*outputs, *others)))

    def _on_same_memory(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """What a write to a tensor changes: itself, what it is a view of, and the other views of that."""
        base = self._base.get(id(tensor), tensor)
        return [base, *self._views.get(id(base), ())]

    def _numbers_of(self, given: Iterable[torch.Tensor]) -> tuple[int, ...]:
        current = self._current
        return tuple([current[id(each)] if id(each) in current else self._value(each) for each in given])

    def _value(self, tensor: torch.Tensor) -> int:
        known = self._current.get(id(tensor))
        return self._add(tensor, Value(self._shape(tensor), None)) if known is None else known

    def _made(self, tensor: torch.Tensor, index: int) -> int:
        known = self._current.get(id(tensor))
        if known is not None and self._values[known].producer == index:
            return known
        return self._add(tensor, Value(self._shape(tensor), index))

    def _shape(self, tensor: torch.Tensor) -> tuple[int, ...]:
        """Few are different, and each is kept once."""
        shape = tuple(tensor.shape)
        return self._shapes.setdefault(shape, shape)

    def _add(self, tensor: torch.Tensor, value: Value) -> int:
        self._current[id(tensor)] = number = len(self._values)
        self._alive.append(tensor)
        self._values.append(value)
        return number


def _state(twin: Twin) -> Iterator[tuple[str, torch.Tensor, bool]]:
    """Name and tensor of each parameter and buffer, and whether it is a parameter."""
    seen: set[int] = set()
    for path, module in twin.modules.items():
        for kind in (module._parameters, module._buffers):
            for name, tensor in kind.items():
                if tensor is not None and id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield f"{path}.{name}" if path else name, tensor, kind is module._parameters
