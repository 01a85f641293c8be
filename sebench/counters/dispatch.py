"""Every aten call of a meta forward or backward pass, priced once per signature.

Deep networks repeat few distinct calls. A signature (op, shapes, strides, dtypes, scalars) is run on meta
tensors and priced the first time it is seen in this process; later calls cost a dictionary look-up and
fresh empty meta tensors. Only ops that their schema declares functional, or in-place on their first
argument, are answered from the memo; views and everything else always run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sebench.counters.formulas import is_free, rule_for
from sebench.counters.paper import is_add, residual_elements, squeezed_elements
from sebench.counters.traffic import traffic
from sebench.counters.work import Call, qualified_name, tensors

if TYPE_CHECKING:
    from torch._ops import OpOverload

    from sebench.counters.scope import Frame, Scope

_MEMO_LIMIT = 65_536
_SCALARS = frozenset((int, bool, float, str))
_TENSOR_TYPES = (torch.Tensor, torch.nn.Parameter)


@dataclass(frozen=True, slots=True, eq=False)
class Price:
    """What one call of a signature costs; compared by identity."""

    op: str
    counted: bool
    macs: int = 0
    flops: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    residual_elements: int = 0
    """Elements, if the call adds two same-shaped activations."""
    squeezed_elements: int = 0
    """Input elements, if the call reduces over space."""


class _Blank(NamedTuple):
    """A meta tensor to be made."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    def make(self) -> torch.Tensor:
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device="meta")


class _Answer(NamedTuple):
    """A memoised call: its price (None: free) and how to make its result without running it."""

    price: Price | None
    result: Any
    """A `_Blank`, a tuple or list of them and constants, or `_FIRST_ARGUMENT`."""


_FIRST_ARGUMENT = object()
_MEMO: dict[tuple[Any, ...], _Answer] = {}


class CountingMode(TorchDispatchMode):
    """Charges every aten call to the frame that is running."""

    def __init__(self, scope: Scope, state: frozenset[int]) -> None:
        super().__init__()
        self.calls: dict[tuple[Frame, Price], int] = {}
        self._scope = scope
        self._state = state

    def __torch_dispatch__(  # noqa: D105
        self,
        func: OpOverload,
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - an aten op returns anything
        kwargs = kwargs or {}
        kind = _kind_of(func)
        if kind.free:
            return func(*args, **kwargs)
        key = self._signature(kind, func, args, kwargs) if kind.memoised else None
        answer = None if key is None else _MEMO.get(key)
        if answer is None:
            return self._first_call(kind, key, func, args, kwargs)
        if answer.price is not None:
            self._charge(answer.price)
        return args[0] if answer.result is _FIRST_ARGUMENT else _make(answer.result)

    def _signature(
        self, kind: _Kind, func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Any, ...] | None:
        parts: list[Any] = [func, torch.get_default_dtype()]
        if not _describe(args, parts) or (kwargs and not _describe(tuple(kwargs.items()), parts)):
            return None
        if kind.is_add:  # adding a stored position embedding is no residual add
            parts += [storage_id(tensor) in self._state for tensor in tensors(args)]
        return tuple(parts)

    def _first_call(
        self,
        kind: _Kind,
        key: tuple[Any, ...] | None,
        func: OpOverload,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:  # noqa: ANN401 - an aten op returns anything
        if kind.composite:  # under inference_mode composites arrive whole
            with self:
                return func.decompose(*args, **kwargs)
        args, kwargs = _on_one_device(args, kwargs)
        result = func(*args, **kwargs)
        price = self._price(func, Call.bind(func, args, kwargs, result))
        if price is not None:
            self._charge(price)
        if key is not None and all(tensor.is_meta for tensor in tensors(result)):
            _remember(key, _Answer(price, _FIRST_ARGUMENT if kind.in_place else _blanks(result)))
        return result

    def _price(self, func: OpOverload, call: Call) -> Price | None:
        rule = rule_for(call.op)
        if rule is None:
            return Price(op=call.op, counted=False)
        if _is_scalar_bookkeeping(call):
            return None
        involves_state = any(storage_id(tensor) in self._state for tensor in tensors(call.arguments))
        return Price(
            op=call.op,
            counted=True,
            residual_elements=0 if involves_state else residual_elements(call),
            squeezed_elements=squeezed_elements(call),
            **rule.formula(call)._asdict(),
            **traffic(func, call)._asdict(),
        )

    def _charge(self, price: Price) -> None:
        line = (self._scope.current(), price)
        self.calls[line] = self.calls.get(line, 0) + 1


class _Kind(NamedTuple):
    """What the schema says about an op, worked out once."""

    free: bool
    memoised: bool
    in_place: bool
    composite: bool
    is_add: bool


@lru_cache(maxsize=None)
def _kind_of(func: OpOverload) -> _Kind:
    op = qualified_name(func)
    schema = func._schema
    aliased = [argument for argument in schema.arguments if argument.alias_info is not None]
    functional = not aliased and all(value.alias_info is None for value in schema.returns)
    in_place = (
        schema.name.endswith("_")
        and aliased == schema.arguments[:1]
        and len(schema.returns) == 1
        and schema.returns[0].alias_info is not None
    )
    has_rule = rule_for(op) is not None
    composite = torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")
    return _Kind(
        free=is_free(op),
        memoised=functional or (in_place and has_rule),  # those with a rule never resize their argument
        in_place=in_place,
        composite=composite and not has_rule,
        is_add=is_add(op),
    )


def storage_id(tensor: torch.Tensor) -> int:
    """Identity of the memory behind a tensor; meta storages have no address but are distinct objects."""
    return tensor.untyped_storage()._cdata


def _describe(values: tuple[Any, ...] | list[Any], parts: list[Any]) -> bool:
    """Append a hashable description of op arguments; False where a call must not be memoised."""
    for value in values:
        kind = value.__class__
        if kind in _TENSOR_TYPES:
            if not value.is_meta or value.is_complex():
                return False
            parts += (value.shape, value.stride(), value.dtype)
        elif kind is list or kind is tuple:
            kinds = tuple(map(type, value))
            parts.append(kinds)
            if _SCALARS.issuperset(kinds):
                parts.append(tuple(value))
            elif not _describe(value, parts):
                return False
        elif isinstance(value, (torch.Tensor, torch.Generator)):
            return False
        else:
            parts += (kind, value)  # the class tells 1, 1.0 and True apart
    return True


def _remember(key: tuple[Any, ...], answer: _Answer) -> None:
    if len(_MEMO) >= _MEMO_LIMIT:
        _MEMO.clear()
    _MEMO[key] = answer


def _blanks(result: Any) -> Any:  # noqa: ANN401 - an aten op returns anything
    if isinstance(result, torch.Tensor):
        return _Blank(tuple(result.shape), result.stride(), result.dtype)
    if isinstance(result, (list, tuple)):
        return type(result)([_blanks(item) for item in result])
    return result


def _make(blank: Any) -> Any:  # noqa: ANN401 - an aten op returns anything
    kind = blank.__class__
    if kind is _Blank:
        return blank.make()
    if kind is tuple:
        return tuple([_make(item) for item in blank])
    return [_make(item) for item in blank] if kind is list else blank


def _is_scalar_bookkeeping(call: Call) -> bool:
    """Integer scalars, such as batch norm's batch counter, are no tensor arithmetic."""
    return all(
        tensor.dim() == 0 and not tensor.is_floating_point() and not tensor.is_complex()
        for tensor in tensors([call.arguments, call.result])
    )


def _on_one_device(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Real tensors that a forward makes itself keep their values until they meet a meta tensor."""
    met = {tensor.is_meta for tensor in tensors([args, kwargs])}
    if len(met) < 2:
        return args, kwargs
    return _to_meta(args), _to_meta(kwargs)


def _to_meta(value: Any) -> Any:  # noqa: ANN401 - op arguments nest freely
    if isinstance(value, torch.Tensor):
        return value.to("meta")
    if isinstance(value, (list, tuple)):
        return type(value)(_to_meta(item) for item in value)
    return {key: _to_meta(item) for key, item in value.items()} if isinstance(value, dict) else value
