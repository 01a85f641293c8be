"""How much the ratio of a network to itself varies on a machine."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sebench.schema.base import SCHEMA, Effort, Value
from sebench.schema.ranges import LogRatio, Seed
from sebench.schema.request import ModelSpec, Workload

Processes = Annotated[
    tuple[Annotated[tuple[LogRatio, ...], Meta(min_length=1)], ...],
    Meta(min_length=1),
]
"""Values by process and block."""


class CalibrationSession(Value, frozen=True, kw_only=True):
    """One A/A measurement: a network against a second instance of itself."""

    created_at: str
    """UTC, ISO 8601."""
    seed: Seed
    log_ratios: Processes
    """Of the valid blocks, by process."""
    log_times: Processes
    """Logarithm of the candidate's seconds per step, likewise: absolute times vary more than their ratio."""


class Calibration(Value, frozen=True, kw_only=True):
    """All sessions of one network under one workload on one set-up."""

    schema: str = SCHEMA
    kind: Literal["calibration"] = "calibration"
    fingerprint: str
    spec: ModelSpec
    workload: Workload
    sessions: tuple[CalibrationSession, ...] = ()


class HeldMargin(Value, frozen=True, kw_only=True):
    """The smallest margin that a number of processes can hold."""

    effort: Effort | None = None
    processes: int
    smallest_ratio: float


class Noise(Value, frozen=True, kw_only=True):
    """What a calibration says; standard deviations are of log-ratios."""

    bias: float
    """Log-ratio of a network to itself; should be 0."""
    bias_low: float | None
    bias_high: float | None
    sigma_block: float
    """Between blocks of a process."""
    sigma_process: float
    """Between fresh processes of a session."""
    sigma_session: float | None
    """Between sessions; None below five of them."""
    sigma_session_time: float | None
    """Likewise of the logarithm of a time."""
    processes: int
    blocks: int
    sessions: int
