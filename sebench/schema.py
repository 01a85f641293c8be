"""Every value that crosses a hop: frozen, typed, base SI units (s, byte), JSON through msgspec.

History of the format: ``sebench/1`` is the first. Fields may be added within a version (readers ignore
what they do not know); renaming or removing one makes a new version.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SCHEMA = "sebench/1"

Phase = Literal["inference", "training"]
Side = Literal["baseline", "candidate"]
StrideIn = Literal["1x1", "3x3"]
MemoryFormat = Literal["contiguous", "channels_last"]
Effort = Literal["quick", "standard", "rigorous"]
Severity = Literal["info", "warning", "error"]
Grade = Literal["A", "B", "C"]
Status = Literal["ok", "unavailable"]


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Root of all values here; gives equality, hashing and JSON in one place."""


# --- what is asked for ---------------------------------------------------------------------------------


class ModelSpec(Value, frozen=True, kw_only=True):
    """One network: a name, a canonical variant string and the options that change its graph."""

    model: str
    variant: str = "plain"
    num_classes: int | None = None
    """None keeps the number the network was published with (1000, or 10 on CIFAR)."""
    stride_in: StrideIn | None = None
    """Where a bottleneck ResNet strides; None is the network's own place."""


class Pair(Value, frozen=True, kw_only=True):
    """The unit of thought: the same network as baseline and as candidate."""

    baseline: ModelSpec
    candidate: ModelSpec


class Workload(Value, frozen=True, kw_only=True):
    """What one step computes; part of a result's identity."""

    device: str = "cpu"
    phase: Phase = "inference"
    batch_size: int = 1
    input_shape: tuple[int, ...]
    """With the batch in front, e.g. ``(1, 3, 224, 224)``."""
    dtype: str = "float32"
    memory_format: MemoryFormat = "contiguous"
    threads: int = 1


class TimingPolicy(Value, frozen=True, kw_only=True):
    """How hard to measure (docs/method.md)."""

    effort: Effort = "standard"
    processes: int = 6
    min_blocks: int = 4
    budget_s: float = 80.0
    """Time to fill per pair; a hard limit only where `hard_budget` says so."""
    hard_budget: bool = False
    segment_s: float = 0.04
    """Shortest timed part of a segment: a fine interleaving follows a restless machine best."""
    min_steps: int = 1
    discard_steps: int = 1
    warmup_steps: int = 3
    warmup_busy_s: float = 1.0
    confidence: float = 0.95
    timeout_s: float = 120.0


class Session(Value, frozen=True, kw_only=True):
    """A pair under one workload: what the worker processes of one measurement run."""

    pair: Pair
    workload: Workload


class Plan(Value, frozen=True, kw_only=True):
    """Everything `compare` will do, drawn up before anything is measured."""

    sessions: tuple[Session, ...]
    policy: TimingPolicy
    seed: int


# --- static costs --------------------------------------------------------------------------------------


class OpCost(Value, frozen=True, kw_only=True):
    """Cost of one aten op in one module: sums over its `calls`."""

    op: str
    module: str
    """Fully qualified name of the innermost module; the root is ``""``."""
    stage: str
    """Paper numbering: ``stem``, ``2`` .. ``5``, ``head``; ``""`` where a network has no stages."""
    site: str | None = None
    """Path of the attention module it belongs to, if any."""
    phase: Literal["forward", "backward"] = "forward"
    calls: int = 1
    macs: int = 0
    paper_macs: int = 0
    flops: int = 0
    bytes_read: int = 0
    bytes_written: int = 0


class SiteCost(Value, frozen=True, kw_only=True):
    """One place where an attention module sits."""

    path: str
    stage: str
    params: int


class SavedBytes(Value, frozen=True, kw_only=True):
    """Activation bytes that autograd keeps for the backward pass, deduplicated by storage."""

    stage: str
    site: str | None
    saved_bytes: int


class UncountedOp(Value, frozen=True, kw_only=True):
    """An op that has no formula: it is in no total, and every report says so."""

    op: str
    calls: int


class StaticCost(Value, frozen=True, kw_only=True):
    """What a network costs before any clock runs; exact integers."""

    input_shape: tuple[int, ...]
    dtype: str = "float32"
    phase: Phase = "inference"
    params: int
    buffers: int
    """Elements of all buffers; params + buffers is what the paper's parameter column counts."""
    sites: tuple[SiteCost, ...] = ()
    ops: tuple[OpCost, ...] = ()
    saved: tuple[SavedBytes, ...] = ()
    uncounted: tuple[UncountedOp, ...] = ()


class ModelCost(Value, frozen=True, kw_only=True):
    """A static cost with the network it belongs to."""

    spec: ModelSpec
    cost: StaticCost


# --- measurements --------------------------------------------------------------------------------------


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
    runtime: dict[str, Any] = {}
    """What torch said about itself; empty until torch has been imported."""
    versions: dict[str, str | None]
    variables: dict[str, str]
    git: dict[str, Any] = {}
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


# --- what is concluded ---------------------------------------------------------------------------------


class Quantity(Value, frozen=True, kw_only=True):
    """One side of a metric: its value (median where sampled), quartiles and number of values."""

    value: float | int | None
    q1: float | None = None
    q3: float | None = None
    n: int | None = None


class Interval(Value, frozen=True, kw_only=True):
    """An estimate with its confidence limits, in the metric's unit."""

    estimate: float | int | None
    ci_low: float | int | None = None
    ci_high: float | int | None = None


class Ratio(Value, frozen=True, kw_only=True):
    """Candidate over baseline, and how it was arrived at."""

    estimate: float | None
    ci_low: float | None = None
    ci_high: float | None = None
    confidence: float = 0.95
    method: str
    scope: Literal["process", "within-process"] | None = None
    processes: int = 0
    blocks: int = 0


class MetricComparison(Value, frozen=True, kw_only=True):
    """One row of a comparison."""

    metric: str
    unit: str
    exact: bool
    workload: Workload | None = None
    baseline: Quantity
    candidate: Quantity
    difference: Interval
    ratio: Ratio
    grade: Grade
    status: Status = "ok"
    reason: str | None = None
    findings: tuple[Finding, ...] = ()


class Comparison(Value, frozen=True, kw_only=True):
    """A pair with everything concluded about it."""

    model: str
    baseline: str
    candidate: str
    metrics: tuple[MetricComparison, ...]
    uncounted: tuple[UncountedOp, ...] = ()
    findings: tuple[Finding, ...] = ()
