"""What the graph of a network with attention has that the plain one has not: nodes, lost fusions, times."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from msgspec.structs import replace

from sebench.analysis.profile import contrast_difference, contrast_ratio, contrast_step_s
from sebench.schema import (
    Contrast,
    Finding,
    GraphComparison,
    GraphNode,
    GraphPart,
    GraphPartName,
    GraphSamples,
    LostFusion,
    NodeKind,
    Pair,
    Workload,
)

Ops = tuple[str, ...]
Shape = tuple[int, ...]
"""That of its weight tells a layer from others. Its output's does not: a runtime may move strides about."""
MAX_INFLATION = 1.2
"""Beyond that, a finding says that the times of the nodes are those of a slower step."""


def conclude_graphs(pair: Pair, workload: Workload, samples: GraphSamples) -> GraphComparison:
    """Everything that can be said about the graphs of a pair.

    Args:
        pair: a plain network, and the same one with attention.
        workload: of all steps.
        samples: both graphs; with times, if the runtime gave them.
    """
    plain, candidate = samples.baseline, samples.candidate
    changes = _changed_layers(plain.nodes, candidate.nodes)
    split_off = _split_off(plain.nodes, candidate.nodes, changes)
    contrast = samples.contrast
    profiled = (
        (statistics.median(plain.profiled_steps_s), statistics.median(candidate.profiled_steps_s))
        if plain.profiled_steps_s and candidate.profiled_steps_s
        else None
    )
    concluded = GraphComparison(
        pair=pair,
        workload=workload,
        baseline_nodes=len(plain.nodes),
        candidate_nodes=len(candidate.nodes),
        parts=tuple(_parts(plain.nodes, candidate.nodes, changes, split_off)),
        kinds=tuple(_kinds(plain.nodes, candidate.nodes)),
        fusions=tuple(_lost(candidate.nodes, changes, split_off)),
        gates=candidate.gates,
        step_s=None if contrast is None else _steps(contrast),
        profiled_step_s=profiled,
        measured_difference=None if contrast is None else contrast_difference(contrast),
        measured_ratio=None if contrast is None else contrast_ratio(contrast),
        blocks=0 if contrast is None else len(contrast.blocks),
    )
    return replace(concluded, findings=tuple(_findings(concluded)))


@dataclass(frozen=True, slots=True)
class _Change:
    """Layers with weights of one shape that hold fewer ops than before, or more."""

    weight: Shape
    was: Ops
    now: Ops
    times: int

    @property
    def lost(self) -> Ops:
        """What the layers do not do any more."""
        return self.was[len(self.now) :]

    @property
    def gained(self) -> Ops:
        """What they do in addition."""
        return self.now[len(self.was) :]


def _changed_layers(plain: Sequence[GraphNode], candidate: Sequence[GraphNode]) -> tuple[_Change, ...]:
    """Layers that are in both networks, and hold fewer ops in one of them."""
    before, after = _layers(plain), _layers(candidate)
    found = []
    for weight, held in before.items():
        now = after.get(weight, Counter())
        if held.total() != now.total():
            continue
        gained = sorted((now - held).elements(), key=len)
        for was in sorted((held - now).elements(), key=len, reverse=True):
            ops = next((each for each in gained if _is_start(each, was) or _is_start(was, each)), None)
            if ops is not None:
                gained.remove(ops)
                found.append((weight, was, ops))
    return tuple(_Change(*change, times) for change, times in Counter(found).items())


def _is_start(ops: Ops, of: Ops) -> bool:
    return of[: len(ops)] == ops


def _layers(nodes: Sequence[GraphNode]) -> dict[Shape, Counter[Ops]]:
    found: dict[Shape, Counter[Ops]] = {}
    for node in nodes:
        if node.part == "layer":
            found.setdefault(node.weight, Counter())[node.ops] += 1
    return found


def _split_off(
    plain: Sequence[GraphNode], candidate: Sequence[GraphNode], changes: Sequence[_Change]
) -> Counter[Ops]:
    """Further nodes of the candidate that do what layers did, and how many they are."""
    missing = {op for change in changes for op in change.lost}
    more = Counter(node.ops for node in candidate if node.part == "other")
    more.subtract(Counter(node.ops for node in plain if node.part == "other"))
    return Counter({ops: count for ops, count in more.items() if count > 0 and missing.issuperset(ops)})


def _lost(
    candidate: Sequence[GraphNode], changes: Sequence[_Change], split_off: Counter[Ops]
) -> Iterator[LostFusion]:
    """Where the ops went that layers held, as far as there are nodes for them."""
    left = Counter(split_off)
    scales = Counter(node.ops for node in candidate if node.part == "scale" and len(node.ops) > 1)
    elsewhere: Counter[Ops] = Counter()
    for change in changes:
        elsewhere[change.gained] += change.times
    lost: Counter[tuple[Ops, tuple[Ops, ...]]] = Counter()
    for change in changes:
        for _ in range(change.times if change.lost else 0):
            pieces = tuple(_pieces(change.lost, left, scales))
            if not pieces and elsewhere[change.lost] > 0:  # another layer does it now
                elsewhere[change.lost] -= 1
            else:
                lost[change.was, (change.now, *pieces)] += 1
    for (was, now), times in lost.items():
        yield LostFusion(was=was, now=now, times=times)


def _pieces(missing: Ops, left: Counter[Ops], scales: Counter[Ops]) -> Iterator[Ops]:
    """Nodes that do what is missing: a node of a gate that does more, one for all, or one for each."""
    holder = next(
        (ops for ops, count in scales.items() if count > 0 and ops[-len(missing) :] == missing), None
    )
    if left[missing] > 0:
        left[missing] -= 1
        yield missing
    elif holder is not None:
        scales[holder] -= 1
        yield holder
    else:
        for op in missing:
            if left[op,] > 0:
                left[op,] -= 1
                yield (op,)


def _parts(
    plain: Sequence[GraphNode],
    candidate: Sequence[GraphNode],
    changes: Sequence[_Change],
    split_off: Counter[Ops],
) -> Iterator[GraphPart]:
    timed = any(node.times_s for node in (*plain, *candidate))
    fused = [
        sum(_mean_s(nodes, change.weight, ops) * change.times for change, ops in chosen)
        for nodes, chosen in (
            (plain, [(change, change.was) for change in changes]),
            (candidate, [(change, change.now) for change in changes]),
        )
    ]
    for name in get_args(GraphPartName):
        sides = [
            [node for node in nodes if _part_of(node, split_off) == name] for nodes in (plain, candidate)
        ]
        moved = {"fusion": fused, "layer": [-seconds for seconds in fused]}.get(name, [0.0, 0.0])
        times = [sum(map(node_s, nodes)) + extra for nodes, extra in zip(sides, moved, strict=True)]
        yield GraphPart(
            part=name,
            baseline_nodes=len(sides[0]),
            candidate_nodes=len(sides[1]),
            baseline_s=times[0] if timed else None,
            candidate_s=times[1] if timed else None,
        )


def _part_of(node: GraphNode, split_off: Counter[Ops]) -> GraphPartName:
    return "fusion" if node.part == "other" and node.ops in split_off else node.part


def node_s(node: GraphNode) -> float:
    """What a node takes: the median of the profiled steps; 0 where there are none."""
    return statistics.median(node.times_s) if node.times_s else 0.0


def _mean_s(nodes: Sequence[GraphNode], weight: Shape, ops: Ops) -> float:
    """Of the layers of one kind and shape: which of them changed cannot be told."""
    times = [
        node_s(node) for node in nodes if node.part == "layer" and node.ops == ops and node.weight == weight
    ]
    return statistics.fmean(times) if times else 0.0


def _kinds(plain: Sequence[GraphNode], candidate: Sequence[GraphNode]) -> Iterator[NodeKind]:
    timed = any(node.times_s for node in (*plain, *candidate))
    order = get_args(GraphPartName)
    keys = dict.fromkeys((node.part, node.op, node.ops) for node in (*candidate, *plain))
    for part, op, ops in sorted(keys, key=lambda key: order.index(key[0])):
        sides = [
            [node for node in nodes if (node.part, node.op, node.ops) == (part, op, ops)]
            for nodes in (plain, candidate)
        ]
        times = [sum(map(node_s, nodes)) if timed else None for nodes in sides]
        yield NodeKind(
            part=part,
            op=op,
            ops=ops,
            baseline_nodes=len(sides[0]),
            candidate_nodes=len(sides[1]),
            baseline_s=times[0],
            candidate_s=times[1],
        )


def _steps(contrast: Contrast) -> tuple[float, float]:
    return contrast_step_s(contrast, "baseline"), contrast_step_s(contrast, "candidate")


def _findings(found: GraphComparison) -> Iterator[Finding]:
    inflation = found.inflation_ratio
    if inflation is not None and inflation > MAX_INFLATION:
        yield Finding(
            code="profiler-inflates",
            severity="warning",
            message=f"the runtime's profiler makes the step {100 * (inflation - 1):.0f} % slower",
            hint="read the parts relative to each other",
        )
    more = {part.part: part.difference_s or 0.0 for part in found.parts}
    layers = more.pop("layer")
    added = sum(more.values())
    if abs(layers) > abs(added):
        yield Finding(
            code="layers-differ",
            severity="warning",
            message=(
                f"layers that both networks have differ by {layers * 1e3:+.2f} ms in the runtime's profile,"
                f" and all that attention adds is {added * 1e3:+.2f} ms: something else used the machine, or"
                " the layers find other data in the caches"
            ),
            hint="profile again while nothing else runs",
        )
