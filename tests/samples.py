"""Small hand-made results: every number in them is chosen, so what follows from them is exact."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import groupby

from sebench.schema import (
    Block,
    Environment,
    Measurement,
    ModelSpec,
    OpCost,
    Pair,
    PairPlan,
    Plan,
    ProcessRun,
    Result,
    Segment,
    StaticCost,
    TimingPolicy,
    Workload,
)

WORKLOAD = Workload(input_shape=(1, 3, 224, 224), threads=2)
ENVIRONMENT = Environment(
    cpu={"model": "Sample CPU", "usable_cores": 2},
    memory={},
    platform={},
    load={},
    versions={"torch": "2.11.0", "sebench": "0.1.0"},
    variables={},
)


def block(baseline_s, candidate_s, order="ABBA", **fields):
    """A block whose segments hold two steps of the given time each."""
    sides = {"A": ("baseline", baseline_s), "B": ("candidate", candidate_s)}
    segments = tuple(
        Segment(side=side, steps_s=(time_s, time_s)) for side, time_s in (sides[letter] for letter in order)
    )
    return Block(order=order, segments=segments, **{"canary_s": 0.004, **fields})


def process(blocks, number=0, **fields):
    return ProcessRun(
        process=number,
        seed=number,
        build_order=("baseline", "candidate"),
        steps_per_segment=2,
        prepare_s=4.0,
        blocks=tuple(blocks),
        **fields,
    )


def measurement(processes, **policy):
    return Measurement(workload=WORKLOAD, policy=TimingPolicy(**policy), processes=tuple(processes))


def cost(params, macs):
    op = OpCost(
        op="aten.convolution",
        module="conv",
        stage="2",
        macs=macs,
        paper_macs=macs + 5,
        flops=2 * macs + 10,
        bytes_read=4 * params,
        bytes_written=40,
    )
    return StaticCost(input_shape=(1, 3, 224, 224), params=params, buffers=0, ops=(op,))


def plan(*sessions, **fields):
    """One that measures these, the sessions of a pair one after the other."""
    groups = (list(group) for _, group in groupby(sessions, lambda session: session.pair))
    pairs = (
        PairPlan(pair=group[0].pair, workloads=tuple(session.workload for session in group))
        for group in groups
    )
    return Plan(pairs=tuple(pairs), **fields)


class SameCounts:
    """Stands for a `Counter` to which every network costs the same; `open` it as the one of a `Host`."""

    def __init__(self, static_cost):
        self.cost = static_cost

    def open(self, cache, trees, command):
        return nullcontext(self)

    def __call__(self, spec, shape, phase="inference", dtype="float32"):
        return self.cost

    def close(self):
        """There are no processes."""


def result(measured, **fields):
    pair = Pair(baseline=ModelSpec(model="resnet50"), candidate=ModelSpec(model="resnet50", variant="se"))
    values = {
        "id": "20260102T030405Z-resnet50-plain-se-abcdef",
        "created_at": "2026-01-02T03:04:05+00:00",
        "sebench": "0.1.0",
        "seed": 1,
        "pair": pair,
        "environment": ENVIRONMENT,
        "baseline_cost": cost(100, 1000),
        "candidate_cost": cost(110, 1001),
        "measurements": (measured,),
    }
    return Result(**{**values, **fields})
