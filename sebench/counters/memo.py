"""The memo of priced calls: a signature's cost, and how to answer it without running it.

Deep networks repeat few distinct calls. The memo lives as long as the process, so that the second model of
a pair finds most of its calls priced; it is a cache of a pure function of its key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

LIMIT = 65_536
_TENSORS = (torch.Tensor, torch.nn.Parameter)
_SCALARS = frozenset((int, bool, float, str))
_ATOMS = _SCALARS | {complex, type(None), torch.dtype, torch.layout, torch.device, torch.memory_format}

Key = tuple[Any, ...]


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


class BlankTensor(NamedTuple):
    """A meta tensor to be made."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


FIRST_ARGUMENT = object()
"""The result of an in-place op."""


class Answer(NamedTuple):
    """A priced call and its result."""

    price: Price | None
    """None where the call is free."""
    result: Any
    """A `BlankTensor`, a tuple or list of them and constants, or `FIRST_ARGUMENT`."""


_ANSWERS: dict[Key, Answer] = {}
recall = _ANSWERS.get


def remember(key: Key, answer: Answer, *, limit: int = LIMIT) -> None:
    """Keep an answer; a memo that holds `limit` of them starts afresh."""
    if len(_ANSWERS) >= limit:
        _ANSWERS.clear()
    _ANSWERS[key] = answer


def forget() -> None:
    """Empty the memo, as in a fresh process."""
    _ANSWERS.clear()


def describe(values: tuple[Any, ...] | list[Any], parts: list[Any]) -> bool:
    """Append a hashable description of op arguments; False where the call must not be memoised.

    Only plain strided meta tensors qualify: others may carry values, or behaviour of their own, and so may
    generators and objects of custom classes.
    """
    for value in values:
        kind = value.__class__
        if kind in _TENSORS:
            if not value.is_meta or value.is_complex():
                return False
            parts += (value.shape, value.stride(), value.dtype)
        elif kind is list or kind is tuple:
            kinds = tuple(map(type, value))
            parts.append(kinds)  # the classes tell 1, 1.0 and True apart
            if _SCALARS.issuperset(kinds):
                parts.append(tuple(value))
            elif not describe(value, parts):
                return False
        elif kind in _ATOMS:
            parts += (kind, value)
        else:
            return False
    return True


def blank(result: Any) -> Any:  # noqa: ANN401 - an aten op returns anything
    """Replace the tensors of a result by `BlankTensor`."""
    if isinstance(result, torch.Tensor):
        return BlankTensor(tuple(result.shape), result.stride(), result.dtype)
    if isinstance(result, (list, tuple)):
        return type(result)([blank(item) for item in result])
    return result


def fresh(result: Any) -> Any:  # noqa: ANN401 - an aten op returns anything
    """Make a result from its blanks."""
    kind = result.__class__
    if kind is BlankTensor:
        return torch.empty_strided(result.shape, result.stride, dtype=result.dtype, device="meta")
    if kind is tuple:
        return tuple([fresh(item) for item in result])
    return [fresh(item) for item in result] if kind is list else result
