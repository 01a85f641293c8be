# ruff: noqa: D102, D103 - methods and functions are those of torch
"""Tensors that are a shape, and the ops on them: each says what it gives, and tells the watcher."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple, Protocol, TypeVar

Shape = tuple[int, ...]
R = TypeVar("R")


class NotShapedError(Exception):
    """Something that only torch can do, or that does not fit."""


class Dtype(NamedTuple):
    """A number format."""

    name: str
    itemsize: int
    """Bytes per element."""
    is_floating_point: bool = True


FLOAT32 = Dtype("float32", 4)
INT64 = Dtype("int64", 8, is_floating_point=False)
DTYPES = {
    "float32": FLOAT32,
    "tf32": FLOAT32,
    "bfloat16": Dtype("bfloat16", 2),
    "float16": Dtype("float16", 2),
}
"""By the names that a count takes."""


class _Alias(NamedTuple):
    is_write: bool = True


class _Argument(NamedTuple):
    name: str
    alias_info: _Alias | None
    default_value: object = None
    is_out: bool = False


class _Schema(NamedTuple):
    name: str
    arguments: tuple[_Argument, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """An aten op, as far as formulas look at the `OpOverload` of torch."""

    _schema: _Schema


def _op(name: str, arguments: str) -> Op:
    """An op by its name, aten's where no other library is said, and the names of its arguments.

    ``!`` marks one that it writes to.
    """
    schema = (_Argument(each.rstrip("!"), _Alias() if "!" in each else None) for each in arguments.split())
    return Op(_Schema(name if "::" in name else f"aten::{name}", tuple(schema)))


class Watcher(Protocol):
    """Told of all that a network does."""

    def enter(self, module: object) -> object:
        """A module is called; what is returned goes to `leave`."""

    def leave(self, outer: object) -> None:
        """Its call is over."""

    def note(self, op: Op, arguments: tuple[Any, ...], result: object) -> None:
        """An op has run; some that are free are left out."""


class _Nobody:
    def enter(self, module: object) -> object:
        return None

    def leave(self, outer: object) -> None:
        pass

    def note(self, op: Op, arguments: tuple[Any, ...], result: object) -> None:
        pass


_NOBODY = _Nobody()
_watcher: ContextVar[Watcher] = ContextVar("watcher", default=_NOBODY)
watcher = _watcher.get


@contextmanager
def watched_by(one: Watcher) -> Iterator[None]:
    """Within, a watcher is told of what runs."""
    token = _watcher.set(one)
    try:
        yield
    finally:
        _watcher.reset(token)


class Tensor:
    """A shape with strides and a number format; methods as those of `torch.Tensor`."""

    __slots__ = ("_strides", "dtype", "shape")

    def __init__(self, shape: Sequence[int], dtype: Dtype = FLOAT32, strides: Shape | None = None) -> None:
        self.shape: Shape = tuple(shape)
        self.dtype = dtype
        self._strides = _contiguous(self.shape) if strides is None else strides

    device = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - never returns
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotShapedError(f"Tensor.{name}")

    def numel(self) -> int:
        return prod(self.shape)

    def dim(self) -> int:
        return len(self.shape)

    def stride(self) -> Shape:
        return self._strides

    def element_size(self) -> int:
        return self.dtype.itemsize

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        return False

    def mean(self, dim: Sequence[int], *, keepdim: bool = False) -> Tensor:
        return _reduced(MEAN, self, dim, keepdim=keepdim)

    def amax(self, dim: Sequence[int], *, keepdim: bool = False) -> Tensor:
        return _reduced(AMAX, self, dim, keepdim=keepdim)

    def to(self, dtype: Dtype) -> Tensor:
        return self if dtype == self.dtype else ran(TO_COPY, (self,), Tensor(self.shape, dtype))

    def repeat(self, times: int) -> Tensor:
        require(self.dim() == 1, "repeat")
        return ran(REPEAT, (self, [times]), Tensor((times * self.numel(),), self.dtype))

    def repeat_interleave(self, times: int, *, output_size: int) -> Tensor:
        require(self.dim() == 1 and output_size == times * self.numel(), "repeat_interleave")
        expanded = Tensor((self.numel(), times), self.dtype, (1, 0))
        return ran(CLONE, (expanded,), Tensor(expanded.shape, self.dtype)).view(output_size)

    def __add__(self, other: Tensor | float) -> Tensor:
        return add(self, other)

    def __iadd__(self, other: Tensor | float) -> Tensor:
        require(_broadcast(self, other) == self.shape, "add_")
        return ran(ADD_, (self, other), self)

    def __mul__(self, other: Tensor | float) -> Tensor:
        return ran(MUL, (self, other), Tensor(_broadcast(self, other), self.dtype))

    def view(self, *shape: int) -> Tensor:
        require(self._is_contiguous() and prod(shape) == self.numel(), "view")
        return Tensor(shape, self.dtype)

    def reshape(self, *shape: int) -> Tensor:
        if self._is_contiguous():
            return self.view(*shape)
        return ran(CLONE, (self,), Tensor(self.shape, self.dtype)).view(*shape)

    def flatten(self, start_dim: int) -> Tensor:
        return self.reshape(*self.shape[:start_dim], prod(self.shape[start_dim:]))

    def transpose(self, one: int, other: int) -> Tensor:
        order = list(range(self.dim()))
        order[one], order[other] = order[other], order[one]
        shape, strides = (tuple(values[place] for place in order) for values in (self.shape, self._strides))
        return Tensor(shape, self.dtype, strides)

    def unsqueeze(self, dim: int) -> Tensor:
        require(dim == -1, "unsqueeze")
        return Tensor((*self.shape, 1), self.dtype, (*self._strides, 1))

    def _is_contiguous(self) -> bool:
        expected = zip(self.shape, self._strides, _contiguous(self.shape), strict=True)
        return all(size == 1 or stride == usual for size, stride, usual in expected)


class Parameter(Tensor):
    """A tensor that a module registers."""

    __slots__ = ()


def require(fits: bool, op: str) -> None:
    """Leave to torch what does not fit, so that it says why.

    Raises:
        NotShapedError: it does not.
    """
    if not fits:
        raise NotShapedError(op)


def ran(op: Op, arguments: tuple[Any, ...], result: R) -> R:
    """The result of an op, once the watcher has been told."""
    watcher().note(op, arguments, result)
    return result


def add(one: Tensor, other: Tensor | float) -> Tensor:
    return ran(ADD, (one, other), Tensor(_broadcast(one, other), one.dtype))


def cat(parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    first = parts[0].shape
    require(all(len(part.shape) == len(first) for part in parts), "cat")
    beside = {part.shape[:dim] + part.shape[dim + 1 :] for part in parts}
    require(len(beside) == 1, "cat")
    shape = (*first[:dim], sum(part.shape[dim] for part in parts), *first[dim + 1 :])
    return ran(CAT, (list(parts), dim), Tensor(shape, parts[0].dtype))


def stack(parts: Sequence[Tensor], dim: int) -> Tensor:
    first = parts[0]
    require(len({(part.shape, part.dtype) for part in parts}) == 1, "stack")
    shape = (*first.shape[:dim], len(parts), *first.shape[dim:])
    return ran(STACK, (list(parts), dim), Tensor(shape, first.dtype))


def linspace(start: float, end: float, steps: int, *, device: object) -> Tensor:
    return ran(LINSPACE, (start, end, steps), Tensor((steps,)))


def arange(end: int, *, device: object) -> Tensor:
    return ran(ARANGE, (end,), Tensor((end,), INT64))


def _reduced(op: Op, x: Tensor, dims: Sequence[int], *, keepdim: bool) -> Tensor:
    gone = {dim % x.dim() for dim in dims}
    kept = enumerate(x.shape)
    shape = [1 if place in gone else size for place, size in kept if keepdim or place not in gone]
    return ran(op, (x, list(dims), keepdim), Tensor(shape, x.dtype))


def _contiguous(shape: Shape) -> Shape:
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def _broadcast(one: Tensor, other: Tensor | float) -> Shape:
    if not isinstance(other, Tensor):
        return one.shape
    require(one.dim() == other.dim(), "broadcast")
    pairs = list(zip(one.shape, other.shape, strict=True))
    require(all(a == b or 1 in {a, b} for a, b in pairs), "broadcast")
    return tuple(max(pair) for pair in pairs)


ADD = _op("add", "self other")
ADD_ = _op("add_", "self! other")
ADDMM = _op("addmm", "self mat1 mat2")
ADAPTIVE_AVG_POOL = _op("_adaptive_avg_pool2d", "self output_size")
AMAX = _op("amax", "self dim keepdim")
AVG_POOL = _op("avg_pool2d", "self kernel_size stride padding")
BATCH_NORM = _op("native_batch_norm", "input weight bias running_mean running_var training")
CAT = _op("cat", "tensors dim")
CLONE = _op("clone", "self")
CONVOLUTION = _op("convolution", "input weight bias stride padding dilation transposed output_padding groups")
MAX_POOL = _op("max_pool2d_with_indices", "self kernel_size stride padding")
MEAN = _op("mean", "self dim keepdim")
MM = _op("mm", "self mat2")
MUL = _op("mul", "self other")
PAD = _op("constant_pad_nd", "self pad value")
RELU_ = _op("relu_", "self!")
LINSPACE = _op("linspace", "start end steps")
ARANGE = _op("arange", "end")
REPEAT = _op("repeat", "self repeats")
ROI_ALIGN = _op(
    "torchvision::roi_align",
    "input rois spatial_scale pooled_height pooled_width sampling_ratio aligned",
)
STACK = _op("stack", "tensors dim")
TO_COPY = _op("_to_copy", "self")
UPSAMPLE = _op("upsample_nearest2d", "input output_size")
ELEMENTWISE = {name: _op(name, "self") for name in ("relu", "sigmoid", "tanh", "hardsigmoid")}
