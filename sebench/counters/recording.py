"""One forward pass of a meta twin as a graph: every op in order, what it takes and gives, in whose call.

A count adds ops up; a recording keeps how they hang together, which is what finding attention needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sebench.counters.formulas import is_free, rule_for
from sebench.counters.scope import Scope
from sebench.counters.traffic import storage_id
from sebench.counters.twin import Twin
from sebench.counters.work import Call, plain_name, qualified_name, tensors

if TYPE_CHECKING:
    from torch._ops import OpOverload


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor at one point of the pass; written in place, it becomes another value."""

    shape: tuple[int, ...]
    producer: int | None
    """Index of the op that made it; None for an input, a parameter, a buffer or a constant."""
    name: str | None = None
    """Of the parameter or buffer."""
    is_parameter: bool = False
    is_input: bool = False
    """Whether it is an input of the network."""


@dataclass(frozen=True, slots=True)
class Op:
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

    @property
    def plain_name(self) -> str:
        """In-place ops under the name of the others."""
        return plain_name(self.name)


@dataclass(frozen=True, slots=True)
class ModuleCall:
    """One call of a module's forward; ops ``first`` to ``last`` (exclusive) are its own or its children's."""

    path: str
    first: int
    last: int
    arguments: Mapping[int | str, int]
    """Value of each argument that is a tensor, by position or keyword."""
    outputs: tuple[int, ...]


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


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down what passes; entered last, so that it sees each op before it is counted."""

    def __init__(self, twin: Twin, scope: Scope, batch: Sequence[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._twin, self._scope = twin, scope
        self._ops: list[Op] = []
        self._values: list[Value] = []
        self._calls: list[ModuleCall] = []
        self._current: dict[int, int] = {}
        self._alive: list[torch.Tensor] = []  # an identity must not be used again while the pass lasts
        self._sharing: dict[int, list[torch.Tensor]] = {}
        for name, tensor in _state(twin):
            is_parameter = isinstance(tensor, torch.nn.Parameter)
            self._add(tensor, Value(tuple(tensor.shape), None, name=name, is_parameter=is_parameter))
        for tensor in batch:
            self._add(tensor, Value(tuple(tensor.shape), None, is_input=True))

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - an aten op returns anything
        kwargs = kwargs or {}
        inputs = tuple(self._value(tensor) for tensor in tensors([args, kwargs]))
        result = func(*args, **kwargs)
        index = len(self._ops)
        written = _written(func, args, kwargs)
        outputs = [self._made(tensor, index) for tensor in tensors(result)]
        for tensor in written:
            outputs += [self._made(other, index) for other in tuple(self._sharing[storage_id(tensor)])]
        op = qualified_name(func)
        rule = rule_for(op)
        call = None if rule is None else Call.bind(func, args, kwargs, result)
        self._ops.append(
            Op(
                name=op.removeprefix("aten."),
                module=self._scope.current().module,
                inputs=inputs,
                outputs=tuple(dict.fromkeys(outputs)),
                macs=rule.formula(call).macs if rule is not None and call is not None else 0,
                is_view=is_free(op),
                has_bias=call is not None and _has_bias(call),
            )
        )
        return result

    @contextmanager
    def watching_modules(self) -> Iterator[None]:
        """Note each call of a module; inside of what announces them to the scope."""
        for name, module in self._twin.modules.items():
            module.__dict__["forward"] = self._noted(module.forward, name)
        yield

    def recording(self, result: object) -> Recording:
        """The pass, given what the network returned."""
        outputs = tuple(self._value(tensor) for tensor in _leaves(result))
        return Recording(tuple(self._ops), tuple(self._values), tuple(self._calls), outputs)

    def _noted(self, forward: Callable[..., Any], path: str) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any module
            given: list[tuple[int | str, Any]] = [*enumerate(args), *kwargs.items()]
            arguments = {key: self._value(value) for key, value in given if isinstance(value, torch.Tensor)}
            first = len(self._ops)
            result = forward(*args, **kwargs)
            outputs = tuple(self._value(tensor) for tensor in _leaves(result))
            self._calls.append(ModuleCall(path, first, len(self._ops), arguments, outputs))
            return result

        return noted

    def _value(self, tensor: torch.Tensor) -> int:
        known = self._current.get(id(tensor))
        return self._add(tensor, Value(tuple(tensor.shape), None)) if known is None else known

    def _made(self, tensor: torch.Tensor, index: int) -> int:
        known = self._current.get(id(tensor))
        if known is not None and self._values[known].producer == index:
            return known
        return self._add(tensor, Value(tuple(tensor.shape), index))

    def _add(self, tensor: torch.Tensor, value: Value) -> int:
        if id(tensor) not in self._current:
            self._alive.append(tensor)
            self._sharing.setdefault(storage_id(tensor), []).append(tensor)
        self._values.append(value)
        self._current[id(tensor)] = len(self._values) - 1
        return len(self._values) - 1


def _state(twin: Twin) -> Iterator[tuple[str, torch.Tensor]]:
    seen: set[int] = set()
    for path, module in twin.modules.items():
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                yield f"{path}.{name}" if path else name, tensor


def _written(func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """Arguments that the op writes to, by its schema."""
    if not func._schema.is_mutable:
        return []
    schema = func._schema.arguments
    bound = {argument.name: value for argument, value in zip(schema, args, strict=False)} | dict(kwargs)
    return [
        tensor
        for argument in schema
        if argument.alias_info is not None and argument.alias_info.is_write
        for tensor in tensors(bound.get(argument.name))
    ]


def _has_bias(call: Call) -> bool:
    return call.has("bias") or call.name in ("addmm", "baddbmm")


def _leaves(result: object) -> Iterator[torch.Tensor]:
    """Tensors in what a module returns, dataclasses and other containers that pytrees know included."""
    from torch.utils import _pytree  # noqa: PLC0415 - slow, and seldom needed

    leaves = _pytree.tree_leaves(result)
    yield from (leaf for leaf in leaves if isinstance(leaf, torch.Tensor))
