"""Residual branches of a recorded forward pass: which adds join a branch with its shortcut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sebench.counters.recording import Op
from sebench.surgery.dataflow import Dataflow

CONVOLUTIONS = frozenset({"convolution", "_convolution"})
_LAYERS = ("native_batch_norm", "native_layer_norm", "native_group_norm", "linear", "addmm", "mm")
_POOLS = ("mean", "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d")
_MAXIMA = ("max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d")
_MOVES = ("constant_pad_nd", "reflection_pad2d", "replication_pad2d", "clone", "copy", "_to_copy", "repeat")
_SHUFFLES = ("roll", "cat", "stack", "channel_shuffle", "pixel_shuffle", "pixel_unshuffle")
_SUMS = ("add", "sub", "rsub", "sum")
_LINEAR = CONVOLUTIONS.union(_LAYERS, _POOLS, _MAXIMA, _MOVES, _SHUFFLES, _SUMS)
"""Without an activation. Pooling by the maximum is among them, because shortcuts may be pooled."""
_SCALINGS = frozenset({"mul", "div"})
_FEATURE_MAP = 3
"""Fewest dimensions of a feature map: batch, channels, positions."""


@dataclass(frozen=True, slots=True)
class Residual:
    """One branch and the add that ends it."""

    add: int
    """Index of the op."""
    branch: int
    """The value that comes from the convolutions."""
    ops: tuple[int, ...]
    """Indices of the ops between the fork and the end of the branch, in order of execution."""


@dataclass(frozen=True)
class Branches:
    """Finds residual branches."""

    flow: Dataflow

    @cached_property
    def residuals(self) -> tuple[Residual, ...]:
        """Every residual branch, in order of execution.

        Of the terms of a sum, a shortcut is one that comes without an activation and with at most one
        convolution from a value that another term is computed from: that value itself, or a projection of
        it. The other term is a residual branch if it takes convolutions and an activation to get there. So
        parallel branches without activations, which could be one convolution (RepVGG, MobileOne), a position
        embedding by a convolution, and an add of a constant are none. A branch holds no residual add of its
        own and does not end with upsampling: what skips whole blocks (a feature pyramid, an hourglass) is
        none. Convolutions of a branch work on the dimensions of its end: a transformer's branches over
        tokens are none.
        """
        found: list[Residual] = []
        for index, op in enumerate(self.flow.recording.ops):
            if op.plain_name == "add" and not self._is_term(op):
                adds = {residual.add for residual in found}
                found += self._of_sum(index, adds)
        return tuple(found)

    def is_feature_map(self, value: int) -> bool:
        """Whether a value has channels and positions that depend on those of the input."""
        return len(self.flow.value(value).shape) >= _FEATURE_MAP and self.flow.spatial[value]

    def single_source(self, op: Op) -> int | None:
        """The one value that a linear op works on; None for other ops."""
        if not (op.is_view or self._is_linear(op)):
            return None
        spatial = [value for value in self.flow.activations(op) if self.flow.spatial[value]]
        return spatial[0] if len(set(spatial)) == 1 else None

    def _of_sum(self, index: int, adds: set[int]) -> Iterator[Residual]:
        terms = dict(self._terms(index))
        for branch, add in terms.items():
            if self.flow.value(branch).shape[1] == 1:  # a map of positions, within spatial attention
                continue
            forks = [fork for other in terms if other != branch and (fork := self._fork(other, branch))]
            if not forks or self._is_upsampled(branch):
                continue
            ops = self._between(max(fork.value for fork in forks), branch)  # from the nearest one
            own = [self.flow.op(each) for each in ops]
            if (
                not adds.intersection(ops)
                and any(convolves(self.flow, each, branch) for each in own)
                and not all(each.is_view or self._is_linear(each) for each in own)
            ):
                yield Residual(add, branch, ops)

    def _terms(self, index: int) -> Iterator[tuple[int, int]]:
        """Feature maps that a sum adds up, those of inner sums included, each with the add that takes it."""
        for value in self.flow.activations(self.flow.op(index)):
            if not self.is_feature_map(value):
                continue
            inner = self.flow.value(behind_scaling(self.flow, value)).producer
            if inner is not None and self._is_term(self.flow.op(inner)):
                yield from self._terms(inner)
            else:
                yield value, index

    def _is_term(self, op: Op) -> bool:
        """Whether a sum does nothing but enter a larger sum."""
        if op.plain_name != "add" or sum(map(self.is_feature_map, self.flow.activations(op))) != 2:
            return False
        takers = [taker for output in op.outputs for taker in self.flow.consumers(output)]
        while len(takers) == 1 and takers[0].plain_name in _SCALINGS:
            if len(self.flow.activations(takers[0])) != 1:
                return False
            takers = [taker for output in takers[0].outputs for taker in self.flow.consumers(output)]
        if len(takers) != 1 or takers[0].plain_name != "add":
            return False
        return sum(map(self.is_feature_map, self.flow.activations(takers[0]))) == 2

    def _fork(self, shortcut: int, branch: int) -> _Fork | None:
        """Where a shortcut leaves the way to the branch; None if it is no shortcut of it."""
        value, convolutions = shortcut, 0
        while not self.computed_from(branch, value):
            op = self.flow.producer(value)
            source = None if op is None else self.single_source(op)
            if op is None or source is None or self._is_part(source, value):
                return None
            convolutions += op.plain_name in CONVOLUTIONS
            if convolutions > 1:
                return None
            value = source
        return None if value == branch else _Fork(value)

    def _is_part(self, whole: int, value: int) -> bool:
        """Whether a value is some of the channels of another."""
        op = self.flow.producer(value)
        one, other = self.flow.value(whole).shape, self.flow.value(value).shape
        return op is not None and op.is_view and (len(one) != len(other) or other[1] < one[1])

    def _is_upsampled(self, value: int) -> bool:
        """Whether the end of a branch, back to its last activation, gets finer on the way."""
        op = self.flow.producer(value)
        while op is not None and (source := self.single_source(op)) is not None:
            before, after = self.flow.value(source).shape, self.flow.value(value).shape
            if not op.is_view and len(before) == len(after) and after[-1] > before[-1] + 2:
                return True
            value, op = source, self.flow.producer(source)
        return False

    def _between(self, fork: int, end: int) -> tuple[int, ...]:
        first = self.flow.value(fork).producer
        last = self.flow.value(end).producer
        return tuple(
            index
            for index in range(0 if first is None else first + 1, 0 if last is None else last + 1)
            if any(
                self.computed_from(value, fork) and self.computed_from(end, value) and value != fork
                for value in self.flow.op(index).outputs
            )
        )

    def _is_linear(self, op: Op) -> bool:
        if op.plain_name in _SCALINGS:
            return len(self.flow.activations(op)) < 2
        return op.plain_name in _LINEAR or op.plain_name.startswith(("upsample", "_upsample"))

    def computed_from(self, value: int, ancestor: int) -> bool:
        """Whether a value is computed from another, or is that one."""
        return bool(self._ancestors[value] >> ancestor & 1)

    @cached_property
    def _ancestors(self) -> list[int]:
        """For each value, the values that it is computed from as bits of a number."""
        ancestors = [1 << value for value in range(len(self.flow.recording.values))]
        for op in self.flow.recording.ops:
            before = 0
            for value in self.flow.activations(op):
                before |= ancestors[value]
            for output in op.outputs:
                ancestors[output] |= before
        return ancestors


@dataclass(frozen=True, slots=True)
class _Fork:
    """A value; a type of its own because 0 is a value, too."""

    value: int


def convolves(flow: Dataflow, op: Op, value: int) -> bool:
    """Whether an op is a convolution of the channels or over the positions of a value."""
    if op.plain_name not in CONVOLUTIONS:
        return False
    made, end = flow.value(op.outputs[0]).shape, flow.value(value).shape
    return len(made) == len(end) and (made[1] == end[1] or made[2:] == end[2:])


def behind_scaling(flow: Dataflow, value: int) -> int:
    """A value before it was multiplied by numbers or weights (layer scale)."""
    op = flow.producer(value)
    while op is not None and op.plain_name in _SCALINGS and len(flow.activations(op)) == 1:
        value = flow.activations(op)[0]
        op = flow.producer(value)
    return value
