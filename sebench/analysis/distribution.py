"""The samples behind a ratio: one value per block, one estimate per process."""

from __future__ import annotations

import math

from sebench import statistics
from sebench.analysis.sampled import log_ratios, valid_blocks
from sebench.schema import Measurement, ProcessRun, Value, Workload


class ProcessDistribution(Value, frozen=True, kw_only=True):
    """What one fresh process saw; ratios are candidate / baseline."""

    process: int
    ratios: tuple[float, ...]
    """One per valid block, in the order of measuring."""
    dropped: int
    """Blocks disturbed from outside, or all of them where the process failed."""
    estimate: float | None
    """Hodges-Lehmann over the logarithms; None below two valid blocks."""
    outliers: int = 0
    """Blocks beyond Tukey's inner fences, of the logarithms. They count like all others."""
    autocorrelation: float | None = None
    """Of neighbouring blocks (lag 1); beyond about 2 / sqrt(blocks) it is hardly chance."""


class Distribution(Value, frozen=True, kw_only=True):
    """All processes of one measurement."""

    metric: str
    workload: Workload
    processes: tuple[ProcessDistribution, ...]

    @property
    def blocks(self) -> int:
        """Valid blocks of all processes."""
        return sum(len(process.ratios) for process in self.processes)


def distribution(measurement: Measurement) -> Distribution:
    """The block ratios of `measurement`, grouped by process."""
    return Distribution(
        metric=measurement.metric,
        workload=measurement.workload,
        processes=tuple(_process(run) for run in measurement.processes),
    )


def _process(run: ProcessRun) -> ProcessDistribution:
    valid = valid_blocks(run)
    (logs,) = log_ratios([valid])
    beyond = statistics.outlier_counts(logs) if logs else None
    return ProcessDistribution(
        process=run.process,
        ratios=tuple(math.exp(value) for value in logs),
        dropped=len(run.blocks) - len(valid),
        estimate=math.exp(statistics.hodges_lehmann(logs)) if len(logs) >= statistics.MIN_BLOCKS else None,
        outliers=beyond.mild + beyond.severe if beyond else 0,
        autocorrelation=statistics.lag1_autocorrelation(logs) if logs else None,
    )
