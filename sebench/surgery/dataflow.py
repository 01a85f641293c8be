"""Questions about a recorded forward pass: what depends on what, and on which positions of the input."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sebench.counters.recording import ModuleCall, Op, Recording, Value

REDUCTIONS = {
    **dict.fromkeys(
        ("mean", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "avg_pool2d", "avg_pool3d"), "mean"
    ),
    **dict.fromkeys(("amax", "max", "adaptive_max_pool2d", "adaptive_max_pool3d"), "max"),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool3d_with_indices"), "max"),
    **dict.fromkeys(("var", "std", "var_mean", "std_mean", "linalg_vector_norm"), "std"),
    **dict.fromkeys(("bmm", "baddbmm"), "attention"),
    "sum": "sum",
    "logsumexp": "logsumexp",
}
"""Ops that can reduce a feature map to one value per channel, and what that is called."""
_ATTENTION_POOLING = "attention"
_HALVED = 2
_SEQUENCE = 3


@dataclass(frozen=True)
class Dataflow:
    """A recording, with what follows from it worked out once."""

    recording: Recording

    def value(self, value: int) -> Value:
        """A value by its number."""
        return self.recording.values[value]

    def op(self, index: int) -> Op:
        """An op by its index."""
        return self.recording.ops[index]

    def producer(self, value: int) -> Op | None:
        """The op that made a value; None for inputs, weights and constants."""
        index = self.recording.values[value].producer
        return None if index is None else self.recording.ops[index]

    def activations(self, op: Op) -> list[int]:
        """Tensors that an op takes and that depend on the input: no weights, nor what is made of them."""
        return [value for value in op.inputs if value in self._fed]

    def is_fed(self, index: int) -> bool:
        """Whether what an op makes depends on the input."""
        return not self._fed.isdisjoint(self.op(index).outputs)

    def is_weight(self, value: int) -> bool:
        """Whether a value is a parameter or buffer of the network."""
        return self.value(value).name is not None

    @cached_property
    def _fed(self) -> set[int]:
        """The values that depend on the network's input."""
        fed = {number for number, value in enumerate(self.recording.values) if value.is_input}
        for op in self.recording.ops:
            if not fed.isdisjoint(op.inputs):
                fed.update(op.outputs)
        return fed

    @cached_property
    def _input(self) -> tuple[int, ...]:
        return next((value.shape for value in self.recording.values if value.is_input), ())

    @cached_property
    def batch_size(self) -> int:
        """Samples in the (first) input."""
        return self._input[0] if self._input else 1

    @cached_property
    def extents(self) -> tuple[int, ...]:
        """Positions in the (first) input, by axis: height and width of an image; frames of a sequence."""
        if len(self._input) > _SEQUENCE:
            return self._input[2:]
        return (max(self._input[1:]),) if len(self._input) > 1 else ()

    @cached_property
    def spatial(self) -> tuple[bool, ...]:
        """For each value, whether it may depend on the position in the input: no reduction lies between."""
        values = self.recording.values
        spatial = {number for number, value in enumerate(values) if value.is_input}
        for op in self.recording.ops:
            if spatial.isdisjoint(op.inputs):
                continue
            reduces = op.plain_name in REDUCTIONS
            spatial.update(
                output
                for output in op.outputs
                if not (reduces and self._leaves_one_value_per_channel(op, output))
            )
        return tuple(number in spatial for number in range(len(values)))

    def _leaves_one_value_per_channel(self, op: Op, output: int) -> bool:
        taken = self.activations(op)
        if REDUCTIONS[op.plain_name] == _ATTENTION_POOLING and len(taken) != len(op.inputs):
            return False
        shape = self.value(output).shape
        if op.window is not None and not self._covers(op.window, self.value(taken[0]).shape):
            return False
        largest = max(math.prod(self.value(value).shape) for value in taken)
        return sum(size > 1 for size in shape[1:]) <= 1 and math.prod(shape) <= largest

    def _covers(self, window: tuple[int, ...], shape: tuple[int, ...]) -> bool:
        """Whether a pooling takes a whole feature map; one of 2 x 2 is taken for one that halves it."""
        extents = shape[-len(window) :]
        return window == extents and (max(extents) > _HALVED or math.prod(extents) == 1)

    def is_reduction(self, op: Op) -> bool:
        """Whether it takes a feature map and leaves one value per channel."""
        return any(self.spatial[value] for value in op.inputs) and not any(
            self.spatial[value] for value in op.outputs
        )

    def calls_around(self, index: int) -> Iterator[ModuleCall]:
        """Calls of modules in which an op runs, the innermost first."""
        inner, outer = self._nesting
        call = inner[index]
        while call is not None:
            yield self.recording.calls[call]
            call = outer[call]

    @cached_property
    def _nesting(self) -> tuple[list[int | None], list[int | None]]:
        """By op the innermost call around it, and by call the one around that."""
        inner: list[int | None] = [None] * len(self.recording.ops)
        outer: list[int | None] = [None] * len(self.recording.calls)
        for number in range(len(outer) - 1, -1, -1):  # parents before their children
            call = self.recording.calls[number]
            if call.first < call.last:
                outer[number] = inner[call.first]
                inner[call.first : call.last] = [number] * (call.last - call.first)
        return inner, outer

    def body(self, value: int) -> frozenset[int]:
        """The ops that compute a value without extent, back to its reductions, which belong to it."""
        found: set[int] = set()
        pending = [value]
        while pending:
            index = self.value(pending.pop()).producer
            if index is None or index in found:
                continue
            found.add(index)
            if not self.is_reduction(self.op(index)):
                pending += self.op(index).inputs
        return frozenset(found)

    def only_for(self, ops: frozenset[int]) -> frozenset[int]:
        """Those ops, and all before them whose results nothing else takes."""
        found = set(ops)
        for index in range(max(ops, default=-1), -1, -1):
            takers = {taker for output in self.op(index).outputs for taker in self._taken_by.get(output, ())}
            takers.discard(index)
            returned = self._returned.intersection(self.op(index).outputs)
            if takers and takers <= found and not returned:
                found.add(index)
        return frozenset(found)

    @cached_property
    def _returned(self) -> frozenset[int]:
        return frozenset(self.recording.outputs)

    def behind_views(self, value: int) -> int:
        """The value that others are only views of."""
        op = self.producer(value)
        while op is not None and op.is_view and op.inputs:  # an allocation takes nothing
            value = op.inputs[0]
            op = self.producer(value)
        return value

    def consumers(self, value: int) -> Iterator[Op]:
        """Ops that take a value or a view of it, in order of execution."""
        views = {value}
        for index in sorted(self._taken_by.get(value, ())):
            yield from self._behind(index, views)

    def _behind(self, index: int, views: set[int]) -> Iterator[Op]:
        op = self.op(index)
        if not op.is_view:
            yield op
            return
        for output in op.outputs:
            if output not in views:
                views.add(output)
                for taker in sorted(self._taken_by.get(output, ())):
                    yield from self._behind(taker, views)

    @cached_property
    def _taken_by(self) -> dict[int, list[int]]:
        taken: dict[int, list[int]] = {}
        for index, op in enumerate(self.recording.ops):
            for value in dict.fromkeys(op.inputs):
                taken.setdefault(value, []).append(index)
        return taken
