"""What was measured: raw samples, the machine, and the file that keeps both."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from sebench.schema.base import SCHEMA, Severity, Side, Value
from sebench.schema.costs import StaticCost
from sebench.schema.request import Pair, TimingPolicy, Workload


class Finding(Value, frozen=True, kw_only=True):
    """Something a reader of the number should know; printed by console and reports alike."""

    code: str
    severity: Severity
    message: str
    hint: str | None = None


class Segment(Value, frozen=True, kw_only=True):
    """A run of steps of one side between two switches; discarded steps are not in it."""

    side: Side
    steps_s: tuple[float, ...]


class Block(Value, frozen=True, kw_only=True):
    """Four segments, ABBA or BAAB (A = baseline), with what the machine did meanwhile."""

    order: Literal["ABBA", "BAAB"]
    segments: tuple[Segment, ...]
    canary_s: float
    """Time of a fixed piece of integer work; grades the environment, never rescales a result."""
    steal_ratio: float | None = None
    throttled_periods: int | None = None
    cpu_ratio: float | None = None
    """Process CPU time over threads x wall time."""
    invalid: tuple[str, ...] = ()
    """External reasons fixed beforehand (steal, throttling, clock); never a slow value."""


class ProcessRun(Value, frozen=True, kw_only=True):
    """All that one fresh worker process measured."""

    process: int
    attempt: int = 1
    seed: int
    build_order: tuple[Side, ...]
    steps_per_segment: int
    prepare_s: float
    blocks: tuple[Block, ...] = ()
    error: str | None = None


class Measurement(Value, frozen=True, kw_only=True):
    """Raw samples of one metric under one workload; statistics are derived on read."""

    metric: Literal["latency"] = "latency"
    unit: str = "s"
    workload: Workload
    policy: TimingPolicy
    processes: tuple[ProcessRun, ...] = ()
    findings: tuple[Finding, ...] = ()


class Environment(Value, frozen=True, kw_only=True):
    """The machine as a benchmark sees it. Unknown facts are None."""

    cpu: dict[str, Any]
    memory: dict[str, Any]
    platform: dict[str, Any]
    load: dict[str, Any]
    runtime: dict[str, Any] = msgspec.field(default_factory=dict)
    """What torch said about itself; empty until torch has been imported."""
    versions: dict[str, str | None]
    variables: dict[str, str]
    git: dict[str, Any] = msgspec.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


class Result(Value, frozen=True, kw_only=True):
    """One stored file: a pair, its exact costs and its raw samples."""

    schema: str = SCHEMA
    kind: Literal["result"] = "result"
    id: str
    created_at: str
    """UTC, ISO 8601."""
    sebench: str
    command: tuple[str, ...] = ()
    seed: int
    pair: Pair
    environment: Environment
    baseline_cost: StaticCost
    candidate_cost: StaticCost
    measurements: tuple[Measurement, ...] = ()
    findings: tuple[Finding, ...] = ()
