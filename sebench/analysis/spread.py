"""How much fresh processes differ: what a run tells later ones, and what those make of it."""

from __future__ import annotations

from collections.abc import Sequence

from sebench import statistics
from sebench.analysis.sampled import log_ratios, valid_by_process
from sebench.errors import SebenchError
from sebench.schema import LearntSpread, Measurement, OverProcesses


def spread_of(measurement: Measurement) -> LearntSpread | None:
    """What one measurement teaches; None where it has fewer than five processes, or makes no sense."""
    try:
        ratios = log_ratios(valid_by_process(measurement))
        found = statistics.process_spread(ratios)
    except SebenchError:  # a stored file may be damaged
        return None
    processes = sum(len(blocks) >= statistics.MIN_BLOCKS for blocks in ratios)
    return None if found is None else _learnt(found, runs=1, processes=processes)


def pooled(spreads: Sequence[LearntSpread], *, same_network: bool) -> LearntSpread | None:
    """Several measurements taken together; None of none.

    Args:
        spreads: of each.
        same_network: whether they are of the network that they are used for.
    """
    found = statistics.pooled_spread([_mean_squares(spread) for spread in spreads])
    if found is None:
        return None
    runs, processes = (sum(getattr(each, name) for each in spreads) for name in ("runs", "processes"))
    return _learnt(found, runs=runs, processes=processes, same_network=same_network)


def over_processes(measurement: Measurement, estimate: statistics.RatioEstimate) -> OverProcesses | None:
    """What the interval of one process becomes with what was learnt before; None where nothing was.

    A calibration of the very network and workload takes precedence: `estimate` includes that already.

    Args:
        measurement: that has it.
        estimate: of the latency.
    """
    learnt = measurement.learnt_spread
    if learnt is None or measurement.sigma_process is not None:
        return None
    spread = _mean_squares(learnt)
    limits = statistics.over_processes(estimate, spread)
    return (
        None
        if limits is None
        else OverProcesses(
            sigma_process=spread.sigma_process,
            ci_low=limits.low,
            ci_high=limits.high,
            runs=learnt.runs,
            processes=learnt.processes,
            same_network=learnt.same_network,
        )
    )


def _mean_squares(learnt: LearntSpread) -> statistics.ProcessSpread:
    return statistics.ProcessSpread(
        learnt.between, learnt.within, learnt.degrees_between, learnt.degrees_within
    )


def _learnt(
    spread: statistics.ProcessSpread, *, runs: int, processes: int, same_network: bool = True
) -> LearntSpread:
    return LearntSpread(
        between=spread.between,
        within=spread.within,
        degrees_between=spread.degrees_between,
        degrees_within=spread.degrees_within,
        runs=runs,
        processes=processes,
        same_network=same_network,
    )
