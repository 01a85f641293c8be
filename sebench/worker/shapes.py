"""Counts of native networks from shapes alone, without torch: what it would count, in a tenth of the time."""

from __future__ import annotations

from typing import Any

from sebench import models, shapes
from sebench.models.sources.native import Native, assemble
from sebench.schema import ModelSpec, SiteCost, StaticCost, parse_variant

KINDS = frozenset({"se"})
"""Of attention, that `sebench.shapes` has the layers of."""


def count_on_shapes(spec: ModelSpec, shape: tuple[int, ...], dtype: str) -> StaticCost | None:
    """Count an inference step of a native network; None where only torch can.

    Formulas, prices and rows are those of a count on torch's meta tensors.

    Args:
        spec: a resolved spec.
        shape: of the input, batch in front.
        dtype: sets the bytes per element.

    Raises:
        VariantError: the variant leaves out what is not there, or all.
    """
    source, variant, number = (
        models.source_of(spec.model),
        parse_variant(spec.variant),
        shapes.DTYPES.get(dtype),
    )
    if not isinstance(source, Native) or spec.weights is not None or spec.model_args or variant.forms:
        return None
    if variant.kind is not None and variant.kind.name not in KINDS:
        return None
    if number is None or min(shape, default=0) < 1:
        return None
    try:
        return _counted(spec, shape, dtype, number)
    except shapes.NotShapedError:
        return None


def _counted(spec: ModelSpec, shape: tuple[int, ...], dtype: str, number: shapes.Dtype) -> StaticCost:
    prices, scope = shapes.load("sebench.counters.prices"), shapes.load("sebench.counters.scope")
    network = assemble(spec, models.model_info(spec.model), shapes.load)
    names = {id(module): name for name, module in network.module.named_modules()}
    frames = scope.frames_of(names.values(), network.sites, network.stages)
    parameters, buffers = (
        {id(each): each for each in each_of}.values()
        for each_of in (network.module.parameters(), network.module.buffers())
    )
    for tensor in (*parameters, *buffers):
        if tensor.is_floating_point():
            tensor.dtype = number
    watcher = _Watcher(
        {key: frames[name] for key, name in names.items()},
        scope.Scope(frames[""]),
        {*map(id, (*parameters, *buffers))},
    )
    with shapes.watched_by(watcher):
        network.module(shapes.Tensor(shape, number))
    ops, uncounted = prices.rows_of(watcher.calls)
    return StaticCost(
        input_shape=shape,
        dtype=dtype,
        params=sum(each.numel() for each in parameters),
        buffers=sum(each.numel() for each in buffers),
        sites=tuple(
            SiteCost(
                path=path,
                stage=frames[path].stage,
                params=sum(each.numel() for each in network.module.get_submodule(path).parameters()),
            )
            for path in network.sites
        ),
        ops=ops,
        uncounted=uncounted,
    )


class _Watcher:
    """Charges every op to the module that runs.

    Args:
        frames: by identity of the module.
        scope: knows which of them runs.
        state: identities of parameters and buffers.
    """

    def __init__(self, frames: dict[int, Any], scope: Any, state: set[int]) -> None:  # noqa: ANN401 - executed twice
        self._frames, self._scope, self._state = frames, scope, state
        self._price_of = shapes.load("sebench.counters.prices").price_of
        self._bind = shapes.load("sebench.counters.work").Call.bind
        self._name_of = shapes.load("sebench.counters.work").qualified_name
        self._is_free = shapes.load("sebench.counters.formulas").is_free
        self.calls: dict[tuple[Any, Any], int] = {}

    def enter(self, module: object) -> object:
        if id(module) not in self._frames:
            raise shapes.NotShapedError("a module that is not registered")
        return self._scope.enter(self._frames[id(module)])

    def leave(self, outer: object) -> None:
        self._scope.enter(outer)

    def note(self, op: shapes.Op, arguments: tuple[Any, ...], result: object) -> None:
        if self._is_free(self._name_of(op)):
            return
        call = self._bind(op, arguments, {}, result)
        price = self._price_of(op, call, is_state=lambda tensor: id(tensor) in self._state)
        if price is None:
            return
        line = (self._scope.charged(price.op), price)
        self.calls[line] = self.calls.get(line, 0) + 1
