"""Every aten call of a meta forward or backward pass, priced and charged to the module that runs.

Only ops that their schema declares functional, or in-place on their first argument, are answered from the
memo; views and everything else always run.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sebench.counters.attention import DECOMPOSITIONS
from sebench.counters.formulas import is_free, rule_for
from sebench.counters.memo import FIRST_ARGUMENT, Answer, Key, Price, blank, describe, fresh, recall, remember
from sebench.counters.paper import is_add, residual_elements, squeezed_elements
from sebench.counters.traffic import storage_id, traffic
from sebench.counters.work import Call, is_composite, qualified_name, tensors

if TYPE_CHECKING:
    from torch._ops import OpOverload

    from sebench.counters.scope import Frame, Scope


class _Kind(NamedTuple):
    """What the schema says about an op, worked out once."""

    free: bool
    memoised: bool
    in_place: bool
    composite: bool
    is_add: bool


@cache
def _kind_of(func: OpOverload) -> _Kind:
    op, schema = qualified_name(func), func._schema
    aliased = [argument for argument in schema.arguments if argument.alias_info is not None]
    functional = not aliased and all(value.alias_info is None for value in schema.returns)
    in_place = (
        op.endswith("_")
        and aliased == schema.arguments[:1]
        and len(schema.returns) == 1
        and schema.returns[0].alias_info is not None
    )
    has_rule = rule_for(op) is not None
    return _Kind(
        free=is_free(op),
        memoised=functional or (in_place and has_rule),  # those with a rule never resize their argument
        in_place=in_place,
        composite=not has_rule and is_composite(func),
        is_add=is_add(op),
    )


class CountingMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Charges every aten call to the frame that is running."""

    def __init__(self, scope: Scope, state: frozenset[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: dict[tuple[Frame, Price], int] = {}
        self._scope = scope
        self._state = state

    def __torch_dispatch__(
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
        answer = None if key is None else recall(key)
        if answer is None:
            return self._first_call(kind, key, func, args, kwargs)
        if answer.price is not None:
            self._charge(answer.price)
        return args[0] if answer.result is FIRST_ARGUMENT else fresh(answer.result)

    def _signature(
        self, kind: _Kind, func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Key | None:
        parts: list[Any] = [func, torch.get_default_dtype()]
        if not describe(args, parts) or (kwargs and not describe(tuple(kwargs.items()), parts)):
            return None
        if kind.is_add:  # adding a stored position embedding is no residual add
            parts += [storage_id(tensor) in self._state for tensor in tensors(args)]
        return tuple(parts)

    def _first_call(
        self,
        kind: _Kind,
        key: Key | None,
        func: OpOverload,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:  # noqa: ANN401 - an aten op returns anything
        if kind.composite:  # under inference_mode composites arrive whole
            with self:
                return DECOMPOSITIONS.get(func, func.decompose)(*args, **kwargs)
        args, kwargs = _on_one_device(args, kwargs)
        result = func(*args, **kwargs)
        price = self._price(func, Call.bind(func, args, kwargs, result))
        if price is not None:
            self._charge(price)
        if key is not None and all(tensor.is_meta for tensor in tensors(result)):
            remember(key, Answer(price, FIRST_ARGUMENT if kind.in_place else blank(result)))
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
