"""What one call costs: remembered by its signature, and added up by module, op and phase.

Deep networks repeat few distinct calls. The memo lives as long as the process, so that the second model of
a pair finds most of its calls priced; it is a cache of a pure function of its key.

The paper's "GFLOPs" add elements to the MACs (docs/counting.md, the axpy convention): one per residual-add
element and one per squeezed element; the scale is free, because the graphs the authors released fuse it with
the add ("Axpy").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from sebench.counters.formulas import rule_for
from sebench.counters.scope import Frame
from sebench.counters.traffic import is_scalar_bookkeeping, traffic
from sebench.counters.work import ATOMS, Call, tensors
from sebench.schema import OpCost, UncountedOp

if TYPE_CHECKING:
    from torch._ops import OpOverload

LIMIT = 65_536
_TENSORS = (torch.Tensor, torch.nn.Parameter)
_SCALARS = frozenset((int, bool, float, str))

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
        elif kind in ATOMS:
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


_REDUCTIONS = frozenset(
    ("mean", "sum", "amax", "amin", "max", "min", "var", "std", "var_mean", "std_mean", "linalg_vector_norm")
)
_ADAPTIVE = frozenset(f"{kind}_pool{rank}d" for kind in ("_adaptive_avg", "adaptive_max") for rank in (2, 3))
_POOLS = frozenset(("avg_pool2d", "avg_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices"))
_FIRST_SPATIAL = 2


def is_add(op: str) -> bool:
    """Whether an op may be a residual add."""
    return op in ("aten.add", "aten.add_")


def residual_elements(call: Call) -> int:
    """Elements of an add of two same-shaped activations ``(N, C, ...)``; 0 for any other op."""
    if not is_add(call.op):
        return 0
    one, other = call.arguments["self"], call.arguments["other"]
    if not isinstance(other, torch.Tensor) or one.shape != other.shape:
        return 0
    return one.numel() if one.dim() > _FIRST_SPATIAL and one.is_floating_point() else 0


def squeezed_elements(call: Call) -> int:
    """Input elements of a reduction over spatial dimensions of ``(N, C, ...)``; 0 for any other op."""
    if call.name in _REDUCTIONS:
        return call.input.numel() if _reduces_space(call) else 0
    if call.name in _ADAPTIVE:
        return call.input.numel()
    if call.name in _POOLS and all(size == 1 for size in call.output.shape[_FIRST_SPATIAL:]):
        return call.input.numel()
    return 0


def _reduces_space(call: Call) -> bool:
    rank, dims = call.input.dim(), call.arguments.get("dim")
    if dims is None or len(list(tensors(call.arguments))) > 1:  # all dimensions, or elementwise max(x, y)
        return False
    dims = [dims] if isinstance(dims, int) else dims
    return len(dims) > 0 and all(dim % rank >= _FIRST_SPATIAL for dim in dims)


def price_of(func: OpOverload, call: Call, *, is_state: Callable[[torch.Tensor], bool]) -> Price | None:
    """The price of a call; None where it is bookkeeping.

    Args:
        func: the op.
        call: what it was given, and its result.
        is_state: whether a tensor lies in the memory of a parameter or buffer.
    """
    rule = rule_for(call.op)
    if rule is None:
        return Price(op=call.op, counted=False)
    if is_scalar_bookkeeping(tensors([call.arguments, call.result])):
        return None
    involves_state = any(map(is_state, tensors(call.arguments)))
    return Price(
        op=call.op,
        counted=True,
        residual_elements=0 if involves_state else residual_elements(call),
        squeezed_elements=squeezed_elements(call),
        **rule.formula(call)._asdict(),
        **traffic(func, call)._asdict(),
    )


Calls = Mapping[tuple[Frame, Price], int]


def rows_of(calls: Calls) -> tuple[tuple[OpCost, ...], tuple[UncountedOp, ...]]:
    """Add calls up by (module, op, phase), first seen first."""
    rows: dict[tuple[Frame, str], list[int]] = {}
    uncounted: dict[str, int] = {}
    for (frame, price), count in calls.items():
        if not price.counted:
            uncounted[price.op] = uncounted.get(price.op, 0) + count
            continue
        row = rows.setdefault((frame, price.op), [0] * 6)
        row[:] = (total + count * value for total, value in zip(row, _values(frame, price), strict=True))
    return (
        tuple(_op_cost(frame, op, row) for (frame, op), row in rows.items()),
        tuple(UncountedOp(op=op, calls=count) for op, count in uncounted.items()),
    )


def _values(frame: Frame, price: Price) -> tuple[int, ...]:
    extra = 0
    if frame.phase == "forward":
        extra = price.residual_elements if frame.site is None else price.squeezed_elements
    return (1, price.macs, price.macs + extra, price.flops, price.bytes_read, price.bytes_written)


def _op_cost(frame: Frame, op: str, row: list[int]) -> OpCost:
    calls, macs, paper_macs, flops, bytes_read, bytes_written = row
    return OpCost(
        op=op,
        module=frame.module,
        stage=frame.stage,
        site=frame.site,
        part=frame.part,
        phase=frame.phase,
        calls=calls,
        macs=macs,
        paper_macs=paper_macs,
        flops=flops,
        bytes_read=bytes_read,
        bytes_written=bytes_written,
    )
