"""Every aten call of a meta forward or backward pass, priced and charged to the module that runs.

Only ops that their schema declares functional, or in-place on their first argument, are answered from the
memo; views and everything else always run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from sebench.counters.attention import DECOMPOSITIONS
from sebench.counters.formulas import is_free, rule_for
from sebench.counters.placeholders import has_data, leaves_inference
from sebench.counters.prices import (
    FIRST_ARGUMENT,
    Answer,
    Key,
    Price,
    blank,
    describe,
    fresh,
    is_add,
    price_of,
    recall,
    remember,
)
from sebench.counters.traffic import storage_id
from sebench.counters.whole_ops import SwiftMode
from sebench.counters.work import Call, is_composite, qualified_name, tensors
from sebench.errors import BuildError

if TYPE_CHECKING:
    from torch._ops import OpOverload

    from sebench.counters.scope import Frame, Scope

_in_inference_mode: Callable[[], bool] = torch.is_inference_mode_enabled
_grad_enabled: Callable[[], bool] = torch.is_grad_enabled
_is_meta = attrgetter("is_meta")
Observer = Callable[["OpOverload", tuple[Any, ...], Mapping[str, Any], object, Price | None], None]


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
    has_rule, free = rule_for(op) is not None, is_free(op)
    return _Kind(
        free=free,
        memoised=functional or (in_place and has_rule),  # those with a rule never resize their argument
        in_place=in_place,
        composite=not (has_rule or free) and is_composite(func),
        is_add=is_add(op),
    )


class CountingMode(SwiftMode):
    """Charges every aten call to the frame that is running.

    Args:
        scope: knows the frame.
        state: storages of the twin's parameters and buffers.
        refuse_original: given a tensor with data, raises if it is one of the caller's model.
        forward_only: whether it runs in `without_gradients`.
        observe: told of each call, what it was given, its result, and its price; None where it has none.
    """

    def __init__(
        self,
        scope: Scope,
        state: frozenset[int],
        refuse_original: Callable[[torch.Tensor], None] = lambda _: None,
        *,
        forward_only: bool = False,
        observe: Observer | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: dict[tuple[Frame, Price], int] = {}
        self.casts = False
        """Whether anything ran in an autocast region of the network, which does nothing to meta tensors."""
        self._depth = _autocast_depth()
        self._untrackable: dict[int, torch.UntypedStorage] = {}
        self._scope = scope
        self._state = state
        self._forward_only = forward_only
        self._refuse_original = refuse_original
        self._observe = observe

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - an aten op returns anything
        kwargs = kwargs or {}
        if _in_inference_mode():  # composite ops would arrive whole: count what no_grad makes of them
            with torch.inference_mode(mode=False), torch.no_grad(), self:
                result = func(*args, **kwargs)
            self._remember_untrackable(result, (args, kwargs))
            return result
        if self._forward_only and _grad_enabled() and leaves_inference():
            torch._C._set_grad_enabled(False)  # until that region ends
        if _autocast_depth() > self._depth:
            self.casts = True
        kind = _kind_of(func)
        result, price = self._answered(kind, func, args, kwargs)
        if self._observe is not None and not kind.composite:
            self._observe(func, args, kwargs, result, price)
        return result

    def _answered(
        self, kind: _Kind, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, Price | None]:
        if kind.free:
            return func(*args, **kwargs), None
        if kind.composite:  # below autograd composites arrive whole
            with self:
                return DECOMPOSITIONS.get(func, func.decompose)(*args, **kwargs), None
        key = self._signature(kind, func, args, kwargs) if kind.memoised else None
        answer = None if key is None else recall(key)
        if answer is None:
            return self._first_call(kind, key, func, args, kwargs)
        if answer.price is not None:
            self._charge(answer.price)
        result = args[0] if answer.result is FIRST_ARGUMENT else fresh(answer.result)
        return result, answer.price

    def require_trackable(self, tensor: torch.Tensor) -> None:
        """Refuse what autograd does: to save a tensor that was made under inference_mode.

        Raises:
            BuildError: it was.
        """
        if storage_id(tensor) in self._untrackable:
            raise BuildError(
                "tensors made under torch.inference_mode cannot be saved for the backward pass",
                hint="count inference, or let the forward use torch.no_grad",
            )

    def _remember_untrackable(self, result: object, given: object) -> None:
        """Autograd must not save these results, unless they are views of what was given."""
        known = {storage_id(tensor) for tensor in tensors(given)}
        storages = {storage_id(tensor): tensor.untyped_storage() for tensor in tensors(result)}
        self._untrackable |= {key: storage for key, storage in storages.items() if key not in known}

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
    ) -> tuple[Any, Price | None]:
        args, kwargs = self._on_one_device(func, args, kwargs)
        result = func(*args, **kwargs)
        call = Call.bind(func, args, kwargs, result)
        price = price_of(func, call, is_state=lambda tensor: storage_id(tensor) in self._state)
        if price is not None:
            self._charge(price)
        if key is not None and all(tensor.is_meta for tensor in tensors(result)):
            remember(key, Answer(price, FIRST_ARGUMENT if kind.in_place else blank(result)))
        return result, price

    def _on_one_device(
        self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Real tensors that a forward makes itself keep their values until they meet one without data."""
        given = list(tensors([args, kwargs]))
        real = [tensor for tensor in given if has_data(tensor)]
        if not real:
            return args, kwargs
        for tensor in real:
            self._refuse_original(tensor)
        if len(real) == len(given):
            return args, kwargs
        _require_unwritten(func, args, kwargs)
        return (_to_meta(args), _to_meta(kwargs)) if any(map(_is_meta, given)) else (args, kwargs)

    def _charge(self, price: Price) -> None:
        line = (self._scope.charged(price.op), price)
        self.calls[line] = self.calls.get(line, 0) + 1


def _autocast_depth() -> int:
    """How many autocast regions this is in; whether one is enabled is not to be seen during a dispatch."""
    depth: int = torch.autocast_increment_nesting()
    torch.autocast_decrement_nesting()
    return depth


def _require_unwritten(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse to write what has no data into a tensor that has: the values it keeps would be wrong."""
    schema = func._schema.arguments
    bound = {argument.name: value for argument, value in zip(schema, args, strict=False)} | kwargs
    for argument in schema:
        written = argument.alias_info is not None and argument.alias_info.is_write
        if written and any(map(has_data, tensors(bound.get(argument.name)))):
            raise RuntimeError(f"{qualified_name(func)} writes to a tensor on another device")


def _to_meta(value: Any) -> Any:  # noqa: ANN401 - op arguments nest freely
    if isinstance(value, torch.Tensor):
        return value.to("meta")
    if isinstance(value, (list, tuple)):
        return type(value)(_to_meta(item) for item in value)
    return {key: _to_meta(item) for key, item in value.items()} if isinstance(value, dict) else value
