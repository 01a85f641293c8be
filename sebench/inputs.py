"""What a network is called with: tensors, alone or in containers, by position and by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Inputs:
    """The arguments of one forward pass; tensors may be nested in what torch's pytree knows."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    made_by: str | None = field(default=None, compare=False)
    """The user's function that made them, as ``FILE.py:NAME``; None where sebench did."""

    @classmethod
    def of(cls, value: object) -> Inputs:
        """As a function returns them: a tuple by position, a dict by name, anything else as one argument."""
        if isinstance(value, tuple):
            return cls(value)
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return cls((), dict(value))
        return cls((value,))

    @property
    def only(self) -> Tensor | None:
        """The tensor, where the network is called with one and nothing else."""
        import torch  # noqa: PLC0415 - what reads results does without it

        alone = len(self.args) == 1 and not self.kwargs and isinstance(self.args[0], torch.Tensor)
        return self.args[0] if alone else None

    def tensors(self) -> Iterator[Tensor]:
        """All tensors, in order."""
        import torch  # noqa: PLC0415
        from torch.utils import _pytree  # noqa: PLC0415

        for leaf in _pytree.tree_leaves((self.args, dict(self.kwargs))):
            if isinstance(leaf, torch.Tensor):
                yield leaf

    def map(self, change: Callable[[Tensor], Tensor]) -> Inputs:
        """The same arguments with another tensor for each."""
        import torch  # noqa: PLC0415
        from torch.utils import _pytree  # noqa: PLC0415

        if self.only is not None:
            return replace(self, args=(change(self.args[0]),))
        args, kwargs = _pytree.tree_map_only(torch.Tensor, change, (self.args, dict(self.kwargs)))
        return replace(self, args=args, kwargs=kwargs)

    def passed_to(self, network: Callable[..., Any]) -> Any:  # noqa: ANN401 - whatever the network returns
        """What a network returns for them."""
        return network(*self.args, **self.kwargs)

    def describe(self) -> str:
        """For messages: ``one tensor (1, 80, 300)``, ``(1, 12) and mask=(1, 12)``."""
        if self.only is not None:
            return f"one tensor {tuple(self.only.shape)}"
        parts = [_shape(value) for value in self.args]
        parts += [f"{name}={_shape(value)}" for name, value in self.kwargs.items()]
        return " and ".join(parts)


def _shape(value: object) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else str(tuple(shape))
