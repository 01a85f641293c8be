"""A network that runs on real data, and what some of its ops are given; a recording says which ops.

The network itself runs, and is left as it was; ops are called as in `sebench.counters.record`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from sebench.counters.arguments import signature_of, tensors_among
from sebench.counters.scope import OpKey, OpNumbers, Scope, frames_of
from sebench.counters.traffic import is_scalar_bookkeeping
from sebench.counters.twin import Twin, named_modules, traced
from sebench.counters.whole_ops import RunningMode

if TYPE_CHECKING:
    from torch import nn
    from torch._ops import OpOverload

Take = Callable[[OpKey, Sequence[torch.Tensor]], object]
"""Told the tensors that an op is given, in the order of its schema, before it runs."""


@contextmanager
def watched(network: nn.Module, keys: Collection[OpKey], take: Take) -> Iterator[None]:
    """Within, one forward pass of a network may run, of which `take` is told some ops.

    Args:
        network: any eager module, in evaluation mode.
        keys: of the ops, from a recording of the same network.
        take: what it is given must not be kept: the op may write to it.

    Raises:
        BuildError: TorchScript.
    """
    modules = named_modules(network)
    frames = frames_of(modules, (), {})
    scope = Scope(frames[""])
    traced_modules = traced(Twin(modules[""], modules, (), (), ()), frames, scope)
    with traced_modules, torch.no_grad(), _Watching(scope, frozenset(keys), take):
        yield


class _Watching(RunningMode):
    def __init__(self, scope: Scope, keys: frozenset[OpKey], take: Take) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._scope, self._keys, self._take = scope, keys, take
        self._numbers = OpNumbers()

    def run(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - as the op
        signature = signature_of(func)
        if not signature.is_view:
            given = tensors_among(args, kwargs)
            if not (given and is_scalar_bookkeeping(given)):
                key = self._numbers.key(self._scope.current().module, signature.plain_name)
                if key in self._keys:
                    self._take(key, given)
        return func(*args, **kwargs)
