"""What a formula is: the arithmetic of one aten call, from its arguments and its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from torch._ops import OpOverload


class Work(NamedTuple):
    """Arithmetic of one call: multiply-accumulates, and floating-point operations (2 x MACs + the rest)."""

    macs: int
    flops: int


NO_WORK = Work(0, 0)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an op: its name without overload (``aten.add_``), arguments by schema name, and result."""

    op: str
    arguments: Mapping[str, Any]
    result: Any

    @classmethod
    def bind(cls, func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> Call:  # noqa: ANN401 - an aten op returns anything
        """Match positional values and defaults to the names in the op's schema."""
        schema = func._schema.arguments
        bound = {argument.name: argument.default_value for argument in schema}
        bound.update((argument.name, value) for argument, value in zip(schema, args, strict=False))
        bound.update(kwargs)
        return cls(op=qualified_name(func), arguments=bound, result=result)

    @property
    def name(self) -> str:
        """The op as formulas know it: no namespace, and in-place ops under their plain name."""
        return plain_name(self.op)

    @property
    def output(self) -> torch.Tensor:
        """The result, or the first tensor of several."""
        return next(tensors(self.result))

    @property
    def input(self) -> torch.Tensor:
        """The first tensor among the arguments."""
        return next(tensors(self.arguments))

    def tensor(self, name: str) -> torch.Tensor:
        """A tensor argument by its schema name."""
        value: torch.Tensor = self.arguments[name]
        return value

    def has(self, name: str) -> bool:
        """Whether an optional argument was given."""
        return self.arguments.get(name) is not None


@dataclass(frozen=True, slots=True)
class Rule:
    """A formula for a family of ops, with the text that docs/counting.md prints for it."""

    ops: tuple[str, ...]
    macs: str
    flops: str
    formula: Callable[[Call], Work]


def qualified_name(func: OpOverload) -> str:
    """``aten::add_.Tensor`` -> ``aten.add_``."""
    return func._schema.name.replace("::", ".")


@cache
def plain_name(op: str) -> str:
    """``aten.add_`` -> ``add``; other namespaces keep theirs (``torchvision.nms``)."""
    name = op.removeprefix("aten.")
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name


def is_composite(func: OpOverload) -> bool:
    """Whether an op is made of other ops; a dispatch mode only meets it under ``inference_mode``."""
    name = ".".join(filter(None, (func._schema.name, func._schema.overload_name)))
    return torch._C._dispatch_has_kernel_for_dispatch_key(name, "CompositeImplicitAutograd")


_TORCHS = (torch.dtype, torch.layout, torch.device, torch.memory_format)
ATOMS = frozenset((int, bool, float, complex, str, type(None), *_TORCHS))
"""Classes of arguments that hold no tensor."""


def tensors(value: object) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested lists, tuples and mappings, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            if item.__class__ not in ATOMS:
                yield from tensors(item)
    elif isinstance(value, Mapping):
        yield from tensors(list(value.values()))
