"""A/A measurements to the noise of a machine: block, process and session (Kalibera & Jones 2013, levels)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sebench import statistics
from sebench.analysis.sampled import log_ratios, log_times, valid_by_process
from sebench.errors import WorkerError
from sebench.schema import Calibration, CalibrationSession, Effort, HeldMargin, Noise, Result

MIN_SESSIONS = 5
"""Below, a standard deviation between sessions is a guess."""


def session_of(result: Result) -> CalibrationSession:
    """The samples of an A/A result.

    Raises:
        WorkerError: fewer than two processes with blocks that count, so nothing varies between them.
    """
    (measurement,) = result.measurements
    usable = [blocks for blocks in valid_by_process(measurement) if len(blocks) >= statistics.MIN_BLOCKS]
    if len(usable) < 2:
        errors = [finding.message for finding in measurement.findings if finding.severity == "error"]
        if errors:
            raise WorkerError(errors[-1])
        raise WorkerError(
            f"{len(usable)} processes were measured, two are the least for a calibration",
            hint="allow a larger --budget",
        )
    return CalibrationSession(
        created_at=result.created_at,
        seed=result.seed,
        log_ratios=tuple(map(tuple, log_ratios(usable))),
        log_times=tuple(map(tuple, log_times(usable, "candidate"))),
    )


def noise(calibration: Calibration) -> Noise:
    """Bias and variance components of all sessions.

    sigma_process is pooled over the sessions' processes. Session means vary by sigma_session^2 +
    sigma_process^2 / P (balanced one-way layout), which is solved for sigma_session.

    Raises:
        ValueError: no session.
    """
    sessions = [session.log_ratios for session in calibration.sessions]
    if not sessions:
        raise ValueError("a calibration without sessions says nothing")
    estimates = [[statistics.hodges_lehmann(blocks) for blocks in session] for session in sessions]
    times = [
        [statistics.hodges_lehmann(blocks) for blocks in session.log_times]
        for session in calibration.sessions
    ]
    everything = [value for session in estimates for value in session]
    process_variance = _pooled_variance(estimates)
    # The true ratio of a network to itself is 1, so whatever the mean differs by is bias of the method.
    limits = statistics.t_interval(everything)
    return Noise(
        bias=float(np.mean(everything)),
        bias_low=limits.low if limits else None,
        bias_high=limits.high if limits else None,
        sigma_block=math.sqrt(_pooled_variance([blocks for session in sessions for blocks in session])),
        sigma_process=math.sqrt(process_variance),
        sigma_session=_sigma_session(estimates, process_variance),
        sigma_session_time=_sigma_session(times, _pooled_variance(times)),
        processes=len(everything),
        blocks=sum(len(blocks) for session in sessions for blocks in session),
        sessions=len(sessions),
    )


def held_margins(noise: Noise) -> tuple[HeldMargin, ...]:
    """What the efforts, and twice the largest of them, can hold (`sebench.statistics.noise_floor`)."""
    planned: tuple[tuple[Effort | None, int], ...] = (("standard", 6), ("rigorous", 12), (None, 24))
    return tuple(
        HeldMargin(
            effort=effort,
            processes=processes,
            smallest_ratio=math.exp(statistics.noise_floor(noise.sigma_process, processes)),
        )
        for effort, processes in planned
    )


def _pooled_variance(groups: Sequence[Sequence[float]]) -> float:
    """Sum of squares within the groups over its degrees of freedom."""
    squares = sum(float(np.var(group)) * len(group) for group in groups)
    degrees = sum(len(group) - 1 for group in groups)
    return squares / degrees if degrees else 0.0


def _sigma_session(estimates: Sequence[Sequence[float]], process_variance: float) -> float | None:
    if len(estimates) < MIN_SESSIONS:
        return None
    means = [float(np.mean(session)) for session in estimates]
    within = process_variance * float(np.mean([1 / len(session) for session in estimates]))
    return math.sqrt(max(0.0, float(np.var(means, ddof=1)) - within))
