"""What is read off the segments of a block: the step, its parts, and the device's own view of it."""

from __future__ import annotations

import math
import statistics as stdlib_statistics
from collections.abc import Callable, Mapping, Sequence

from sebench import statistics
from sebench.schema import Block, Measurement, ProcessRun, Segment, Side

Read = Callable[[Segment], Sequence[float]]
"""The sampled values of one segment, in seconds per step; empty where it has none."""


def _backward_s(segment: Segment) -> tuple[float, ...]:
    if not segment.forward_s:
        return ()
    parts = zip(segment.steps_s, segment.forward_s, strict=True)
    return _timed(tuple(step_s - forward_s for step_s, forward_s in parts))


def _timed(values_s: tuple[float, ...]) -> tuple[float, ...]:
    """Nothing where the clock did not tick: a time of 0 has no ratio to anything."""
    return values_s if all(value > 0 for value in values_s) else ()


READS: Mapping[str, Read] = {
    "latency": lambda segment: segment.steps_s,
    "forward_latency": lambda segment: _timed(segment.forward_s),
    "backward_latency": _backward_s,
    "device_latency": lambda segment: () if segment.device_s is None else _timed((segment.device_s,)),
}
"""How a block gives a metric; the first is the headline, the others are shown where there is something to
read."""


def _median(values: Sequence[float]) -> float:
    """The median; of one or two values, as most segments have, without the detour by a sorted copy."""
    if len(values) == 2:
        return (values[0] + values[1]) / 2
    return values[0] if len(values) == 1 else stdlib_statistics.median(values)


def valid_blocks(run: ProcessRun) -> tuple[Block, ...]:
    """The blocks that count: of a process that finished, and free of external interference."""
    return () if run.error else tuple(block for block in run.blocks if not block.invalid)


def valid_by_process(measurement: Measurement) -> list[tuple[Block, ...]]:
    """The blocks that count, grouped by process; processes without any are left out."""
    return [blocks for run in measurement.processes if (blocks := valid_blocks(run))]


def metrics_of(valid: Sequence[Sequence[Block]]) -> tuple[str, ...]:
    """The metrics that every segment of these blocks has."""
    segments = [segment for blocks in valid for block in blocks for segment in block.segments]
    return tuple(name for name, read in READS.items() if all(read(segment) for segment in segments))


def log_ratios(valid: Sequence[Sequence[Block]], read: Read = READS["latency"]) -> list[list[float]]:
    """One log-ratio per block, grouped by process."""
    return [
        [statistics.block_log_ratio(block.order, _segment_values(block, read)) for block in blocks]
        for blocks in valid
    ]


def differences(
    valid: Sequence[Sequence[Block]],
    read: Read = READS["latency"],
    *,
    to: Callable[[float], float] = lambda value: value,
) -> list[list[float]]:
    """One difference per block, candidate minus baseline, grouped by process.

    Args:
        valid: the blocks that count, by process.
        read: off a segment, in seconds per step.
        to: makes the value that differs of the seconds of a segment.
    """
    return [
        [
            statistics.block_difference(block.order, [to(value) for value in _segment_values(block, read)])
            for block in blocks
        ]
        for blocks in valid
    ]


def log_times(
    valid: Sequence[Sequence[Block]], side: Side, read: Read = READS["latency"]
) -> list[list[float]]:
    """Mean logarithm of one side's two segments (ln s) per block, grouped by process."""
    return [
        [
            stdlib_statistics.fmean(
                math.log(_median(read(segment))) for segment in block.segments if segment.side == side
            )
            for block in blocks
        ]
        for blocks in valid
    ]


def worst_cases(valid: Sequence[Sequence[Block]], read: Read = READS["latency"]) -> list[float]:
    """`sebench.statistics.worst_case` of the segments of each process that has an estimate."""
    return [
        statistics.worst_case(side_values(blocks, "baseline", read), side_values(blocks, "candidate", read))
        for blocks in valid
        if len(blocks) >= statistics.MIN_BLOCKS
    ]


def side_values(blocks: Sequence[Block], side: Side, read: Read = READS["latency"]) -> list[float]:
    """One value per segment of a side, in the order they were taken."""
    return [_median(read(segment)) for block in blocks for segment in block.segments if segment.side == side]


def _segment_values(block: Block, read: Read) -> list[float]:
    # The median keeps one preempted step from standing for its segment; it drops no segment.
    return [_median(read(segment)) for segment in block.segments]
