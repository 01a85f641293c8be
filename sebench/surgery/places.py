"""Where attention goes into a network: by the paper's rule, or after modules that the user names."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import nn

from sebench.counters.recording import ModuleCall, Recording
from sebench.counters.twin import named_modules
from sebench.errors import UsageError, near_matches
from sebench.surgery.blocks import residual_blocks, siblings
from sebench.surgery.boundaries import Boundaries, Boundary
from sebench.surgery.calls import Calls, Ending
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.repeats import chained_blocks, concatenating_blocks
from sebench.surgery.stages import stage_of

_FEATURE_MAP = 3
_MOST_CANDIDATES = 4
WRITE_BOTH = "write both networks: --baseline FILE.py:without --candidate FILE.py:with_attention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place for attention."""

    block: str
    """Path of the block."""
    boundary: Boundary | None
    """The module after which attention goes, the innermost whose only output is what attention sees.

    None where no module's output is that value: the branch ends in a function, or its last module runs
    several times. Then attention can only go into the captured graph.
    """
    value: int
    """What attention sees, by its number in the recording."""
    add: int | None
    """Index of the add that takes it; None at the output of a block."""
    shape: tuple[int, ...]
    """Of what attention sees, as recorded."""
    stage: str
    """Resolution as the stride from the input: ``stride 8``."""

    @property
    def path(self) -> str | None:
        """Of the module after which attention goes."""
        return None if self.boundary is None else self.boundary.path

    @property
    def channels(self) -> int:
        """Width of what attention sees."""
        return self.shape[1]

    @property
    def dimensions(self) -> int:
        """Spatial ones: 2 for images."""
        return len(self.shape) - 2

    @property
    def stage_number(self) -> int | None:
        """The stage in the paper's numbering, k at a stride of 2**k, to which ``stages=`` refers.

        Strides between two powers count as the nearer one: Inception-v3 has stages 3, 4 and 5 at strides
        of 8.5, 17.6 and 37. None where the place has no stride.
        """
        stride = re.fullmatch(r"stride (\d+)", self.stage)
        return None if stride is None else round(math.log2(int(stride[1])))


def find_places(network: nn.Module, recording: Recording) -> tuple[Place, ...]:
    """Find where the paper puts attention, in order of execution; empty where its rule names no place.

    1. The end of each residual branch before its add, see `Branches.residuals` and `residual_blocks`, and the
       same position in blocks of the same kind without an add, see `siblings`.
    2. In networks without residual branches, the output of each block that ends with a concatenation, see
       `concatenating_blocks`.
    3. Else the output of each block of a chain of blocks, see `chained_blocks`.

    Args:
        network: The network of the recording.
        recording: Its forward pass; gates should have been taken out.
    """
    return _Finder(Dataflow(recording), named_modules(network)).places()


def insert_after(network: nn.Module, recording: Recording, pattern: str) -> tuple[Place, ...]:
    """Find the places after modules that the user names (``--insert-after``).

    Args:
        network: The network of the recording.
        recording: Its forward pass.
        pattern: A regular expression that matches whole paths of modules.

    Raises:
        UsageError: It is none, matches no module or one after which no attention can go.
    """
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--insert-after {pattern!r} is no regular expression: {error}") from error
    finder = _Finder(Dataflow(recording), named_modules(network))
    matched = [call for call in recording.calls if wanted.fullmatch(call.path)]
    if not matched:
        raise UsageError(
            f"--insert-after {pattern!r} matches no module of {type(network).__name__}",
            hint=near_matches(pattern, (call.path for call in recording.calls)) or finder.candidates(),
        )
    return tuple(finder.place_after(call) for call in sorted(matched, key=lambda call: call.last))


def calls_of_class(network: nn.Module, recording: Recording, name: str) -> tuple[ModuleCall, ...]:
    """Calls of the modules of a class that the user says is a gate (``--attention-class``).

    Args:
        network: The network of the recording.
        recording: Its forward pass.
        name: Of the class, alone or with its module: ``SEBlock``, ``nets.layers.SEBlock``.

    Raises:
        UsageError: The network runs no module of that class.
    """
    modules = named_modules(network)
    calls = tuple(call for call in recording.calls if name in _class_names(modules[call.path]))
    if not calls:
        known = dict.fromkeys(type(modules[call.path]).__name__ for call in recording.calls)
        raise UsageError(
            f"{type(network).__name__} runs no module of class {name!r}",
            hint=near_matches(name, known) or f"its classes are {', '.join(known)}",
        )
    return calls


def no_place(network: nn.Module, recording: Recording) -> UsageError:
    """What to say where `find_places` finds nothing, and what else can be done."""
    named = _Finder(Dataflow(recording), named_modules(network)).named_candidates()
    return UsageError(
        f"no place for attention found in {type(network).__name__}: it has no residual branches with"
        " convolutions, no concatenations and no repeated blocks",
        hint=f"{named}, or {WRITE_BOTH}" if named else WRITE_BOTH,
    )


@dataclass(frozen=True)
class _Finder:
    flow: Dataflow
    modules: Mapping[str, nn.Module]

    def places(self) -> tuple[Place, ...]:
        calls = Calls(self.flow, self.modules)
        ends = residual_blocks(calls)
        places = [self._place(end, self._after(end)) for end in ends]
        if not places:
            ends = concatenating_blocks(calls) or chained_blocks(calls)
            return tuple(self._place(end, self._after(end)) for end in ends)
        positions = _positions(places)
        for block in siblings(calls, (end.block for end in ends)):
            places += self._in_sibling(block, positions)
        return tuple(sorted(places, key=lambda place: self.flow.value(place.value).producer or 0))

    def place_after(self, call: ModuleCall) -> Place:
        what = f"--insert-after: {call.path or 'the network itself'!r}"
        if not call.is_bare or not self._is_feature_map(call.outputs[0]):
            raise UsageError(f"{what} does not return one feature map", hint=self.candidates())
        boundary = self._boundaries.at(call.path)
        if boundary is None:
            raise UsageError(f"{what} runs several times, or over its children", hint=self.candidates())
        return self._place(Ending(call, call.outputs[0]), boundary)

    def candidates(self) -> str:
        """A hint that names modules, or says that there are none."""
        return self.named_candidates() or "it has no feature maps"

    def named_candidates(self) -> str:
        """A hint that names modules by patterns, those that hold most modules first; empty without any."""
        patterns: Counter[str] = Counter()
        for call in self.flow.recording.calls:
            has_weights = next(self.modules[call.path].parameters(), None) is not None
            if has_weights and call.path and call.is_bare and self._is_feature_map(call.outputs[0]):
                patterns[re.sub(r"\d+", r"\\d+", call.path.replace(".", r"\."))] += 1
        named = " or ".join(f"'{pattern}'" for pattern, _ in patterns.most_common(_MOST_CANDIDATES))
        return f"name modules with --insert-after, e.g. {named}" if named else ""

    @cached_property
    def _boundaries(self) -> Boundaries:
        return Boundaries(self.flow, self.modules)

    def _after(self, end: Ending) -> Boundary | None:
        return self._boundaries.after(end.value, end.block, alone=end.add is not None)

    def _in_sibling(self, block: ModuleCall, positions: Sequence[Sequence[str]]) -> Iterator[Place]:
        """At the positions of another block; where the module lacks these, at its output."""
        inside = {
            call.path: call
            for call in self.flow.recording.calls
            if block.first <= call.first and call.last <= block.last
        }
        for each in positions:
            calls = [inside.get(f"{block.path}.{position}") for position in each]
            places = [place for call in calls if call is not None for place in self._at(block, call)]
            if len(places) == len(each):
                yield from places
                return
        end = Ending(block, block.outputs[0])
        yield self._place(end, self._after(end))

    def _at(self, block: ModuleCall, call: ModuleCall) -> Iterator[Place]:
        if call.is_bare and self._is_feature_map(call.outputs[0]):
            boundary = self._boundaries.at(call.path)
            if boundary is not None:
                yield self._place(Ending(block, call.outputs[0]), boundary)

    def _is_feature_map(self, value: int) -> bool:
        return len(self.flow.value(value).shape) >= _FEATURE_MAP and self.flow.spatial[value]

    def _place(self, end: Ending, boundary: Boundary | None) -> Place:
        shape = self.flow.value(end.value).shape
        return Place(
            block=end.block.path,
            boundary=boundary,
            value=end.value,
            add=end.add,
            shape=shape,
            stage=stage_of(self.flow, shape),
        )


def _positions(places: Sequence[Place]) -> list[tuple[str, ...]]:
    """Paths within their block at which blocks have places, those of most blocks first."""
    blocks: dict[str, list[str]] = {}
    for place in places:
        if place.path is not None:
            blocks.setdefault(place.block, []).append(place.path.removeprefix(place.block).removeprefix("."))
    return [positions for positions, _ in Counter(map(tuple, blocks.values())).most_common()]


def _class_names(module: nn.Module) -> Iterator[str]:
    yield type(module).__name__
    yield f"{type(module).__module__}.{type(module).__qualname__}"
