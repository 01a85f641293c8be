"""Measures how much the ratio of a network to itself varies here, and keeps it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from msgspec.structs import replace

from sebench.analysis.calibration import session_of
from sebench.errors import DataFileError, Interrupted, WorkerError, raise_it
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.measuring.context import RunContext
from sebench.runner.measuring.run import run
from sebench.runner.planning.plan import timing_policy
from sebench.schema import (
    Calibration,
    ModelSpec,
    Pair,
    PairPlan,
    Plan,
    Result,
    TimingPolicy,
    Workload,
    fingerprint,
)

_SECONDS_PER_PROCESS = 14.0


def calibration_policy(*, processes: int, budget_s: float | None = None) -> TimingPolicy:
    """As standard effort, whose noise it is to tell, with more processes.

    Args:
        processes: fresh ones; each a second look at the machine.
        budget_s: seconds of measuring, a hard limit.

    Raises:
        UsageError: a budget that is not positive.
    """
    policy = timing_policy("standard", budget_s=budget_s)
    if budget_s is None:
        policy = replace(policy, budget_s=processes * _SECONDS_PER_PROCESS)
    return replace(policy, processes=processes)


def calibrate(
    spec: ModelSpec,
    workload: Workload,
    calibrations: Calibrations,
    *,
    policy: TimingPolicy,
    seed: int,
    context: RunContext | None = None,
    not_stored: Callable[[DataFileError], None] = raise_it,
) -> Calibration:
    """Measure a network against a second instance of itself and add that session to what is known.

    Args:
        spec: the network.
        workload: of one step.
        calibrations: where it is kept.
        policy: how many processes and blocks, and the budget.
        seed: fixes weights, orders and pauses.
        context: what a measurement needs besides its plan; None is nothing cached and nobody observing.
        not_stored: told that the session could not be kept.

    Raises:
        DataFileError: what is known already cannot be read.
        WorkerError: too few processes could be measured.
        Interrupted: what was measured until then is kept, where it is enough for a session.
    """
    pair = PairPlan(pair=Pair(baseline=spec, candidate=spec), workloads=(workload,))
    results = run(Plan(pairs=(pair,), policy=policy, seed=seed), context)
    result = next(results)
    try:
        next(results, None)  # an interrupted measurement says so after its result
    except Interrupted as error:
        with suppress(WorkerError):
            kept = _keep(result, spec, calibrations, not_stored)
            sessions = len(kept.sessions)
            raise Interrupted(
                error.message, hint=f"what was measured is kept as session {sessions}"
            ) from None
        raise
    return _keep(result, spec, calibrations, not_stored)


def _keep(
    result: Result,
    spec: ModelSpec,
    calibrations: Calibrations,
    not_stored: Callable[[DataFileError], None],
) -> Calibration:
    measured = result.measurements[0].workload
    about = (fingerprint(result.environment), spec, measured, session_of(result))
    try:
        return calibrations.add(*about)
    except DataFileError as error:
        not_stored(error)
        return calibrations.extended(*about)
