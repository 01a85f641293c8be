"""What a mode of torch's dispatcher needs to see the ops that a count sees, whatever the network runs in."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from torch._ops import OpOverload


class SwiftMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A mode that does not import torch's compiler."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: to skip its compiler, torch would import it first, which takes seconds."""
        return False


class RunningMode(SwiftMode):  # type: ignore[no-untyped-call]
    """Is handed each op of a network that runs on real data; in inference mode too, those of `no_grad`."""

    @abstractmethod
    def run(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - as the op
        """Run an op; return what it returns."""

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - an aten op returns anything
        kwargs = kwargs or {}
        if torch.is_inference_mode_enabled():  # composite ops would arrive whole
            with torch.inference_mode(mode=False), torch.no_grad(), self:
                return func(*args, **kwargs)
        return self.run(func, args, kwargs)
