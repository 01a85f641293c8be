"""Timed steps of one side, by process: what the formats for plain benchmarks hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sebench.analysis.sampled import valid_blocks
from sebench.errors import DataFileError
from sebench.reporting.series import pair_name, workload_name
from sebench.schema import Measurement, ProcessRun, Result, Side

SIDES: tuple[Side, ...] = ("baseline", "candidate")


@dataclass(frozen=True, slots=True)
class TimedSide:
    """One side of one measurement."""

    result: Result
    measurement: Measurement
    side: Side
    processes: tuple[tuple[ProcessRun, tuple[float, ...]], ...]
    """Processes that count, each with its seconds per step in the order in which they were taken."""

    @property
    def series(self) -> str:
        """Pair and workload; the same for both sides."""
        return f"{pair_name(self.result.pair)}, {workload_name(self.measurement.workload)}"

    @property
    def variant(self) -> str:
        """Of this side."""
        pair = self.result.pair
        return (pair.baseline if self.side == "baseline" else pair.candidate).variant

    @property
    def steps_s(self) -> tuple[float, ...]:
        """All of them."""
        return tuple(step_s for _, steps_s in self.processes for step_s in steps_s)


def timed_sides(results: Sequence[Result], side: Side | None = None) -> tuple[TimedSide, ...]:
    """What was timed; of two with the same series and side, the later result's.

    Args:
        results: Oldest first.
        side: Only this one; None is both.

    Raises:
        DataFileError: there is nothing, so that no file could be written.
    """
    wanted = SIDES if side is None else (side,)
    found = {(timed.series, timed.side): timed for timed in _all(results) if timed.side in wanted}
    if not found:
        raise DataFileError("nothing to export: no result holds timed steps", hint="run `sebench compare`")
    return tuple(found.values())


def _all(results: Sequence[Result]) -> Iterator[TimedSide]:
    for result in results:
        for measurement in result.measurements:
            runs = [run for run in measurement.processes if valid_blocks(run)]
            for side in SIDES:
                processes = tuple((run, _steps_s(run, side)) for run in runs)
                if processes:
                    yield TimedSide(result, measurement, side, processes)


def _steps_s(run: ProcessRun, side: Side) -> tuple[float, ...]:
    return tuple(
        step_s
        for block in valid_blocks(run)
        for segment in block.segments
        if segment.side == side
        for step_s in segment.steps_s
    )
