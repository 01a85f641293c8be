"""A copy of a module that runs on real data, and says what each op belongs to, by the rules of a count.

The ops, their names and their places are those that a count has; what is free there has no row here either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from sebench.counters.formulas import is_free
from sebench.counters.scope import AutogradScope, Frame, frames_of
from sebench.counters.static import require_known
from sebench.counters.traffic import is_scalar_bookkeeping
from sebench.counters.twin import named_modules, traced, twin_of
from sebench.counters.whole_ops import RunningMode
from sebench.counters.work import qualified_name, tensors
from sebench.schema import BESIDE_NETWORK, OpPlace

if TYPE_CHECKING:
    from torch import nn
    from torch._ops import OpOverload

During = Callable[[OpPlace], AbstractContextManager[object]]
"""Makes the context that one op runs in."""


class LiveCopy:
    """A copy that shares nothing with the caller's module, be it weights, buffers or what closures hold.

    Args:
        model: any eager module; it is only read.
        training: the mode of the copy.
        sites: names of its attention modules.
        stages: stage label by module name.

    Raises:
        UsageError: there is no module of such a name.
        BuildError: TorchScript, or a lazy module that has not seen an input yet.
    """

    def __init__(
        self, model: nn.Module, *, training: bool, sites: Sequence[str], stages: Mapping[str, str]
    ) -> None:
        modules = named_modules(model)
        require_known((*sites, *stages), modules)
        self._frames = frames_of(modules, sites, stages)
        self._twin = twin_of(modules, dtype=torch.float32, training=training, placeholders=_Clones())

    @property
    def module(self) -> nn.Module:
        """The copy, in float32 where it has floating-point numbers."""
        return self._twin.root

    @contextmanager
    def attributed(self, during: During) -> Iterator[None]:
        """Within, every op of a step of the copy runs in the context that `during` makes of its place."""
        scope = AutogradScope(Frame(module="", stage=BESIDE_NETWORK, site=None))
        with traced(self._twin, self._frames, scope), _Attributing(scope, during):
            yield


class _Clones:
    """Tensors with the values of the caller's."""

    keeps_values = True

    def empty(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        return tensor.detach().to(dtype, copy=True)

    def batch(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        return torch.zeros(shape, dtype=dtype)

    @contextmanager
    def active(self) -> Iterator[None]:
        yield


@cache
def _described(func: OpOverload) -> tuple[str, bool]:
    """The name of an op, and whether a count has no row of it."""
    op = qualified_name(func)
    return op, is_free(op)


class _Attributing(RunningMode):
    def __init__(self, scope: AutogradScope, during: During) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._scope, self._during = scope, during

    def run(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - as the op
        op, free = _described(func)
        given = list(tensors([args, kwargs]))
        if free or (given and is_scalar_bookkeeping(given)):
            return func(*args, **kwargs)
        with self._during(self._place(op)):
            return func(*args, **kwargs)

    def _place(self, op: str) -> OpPlace:
        self._scope.in_backward = torch._C._current_autograd_node() is not None
        frame = self._scope.current()
        return OpPlace(op=op, module=frame.module, stage=frame.stage, site=frame.site, phase=frame.phase)
