"""What was measured: raw samples, the machine, and the file that keeps both."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from sebench.schema.base import REVISION, SCHEMA, Severity, Side, Value
from sebench.schema.costs import SavedBytes, StaticCost
from sebench.schema.ranges import (
    Count,
    Id,
    Joules,
    Positive,
    Seconds,
    Seed,
    Share,
    StepSeconds,
    Watts,
)
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
    steps_s: Annotated[tuple[StepSeconds, ...], Meta(min_length=1)]
    """One time per step; on asynchronous devices one mean for the segment, taken between two barriers."""
    forward_s: tuple[Seconds, ...] = ()
    """The forward part of each of `steps_s`, in training."""
    device_s: Seconds | None = None
    """The same span by the device's own events, per step; None where it has none."""
    submit_s: Seconds | None = None
    """What the host took to hand a step over to an asynchronous device, per step."""


class DeviceState(Value, frozen=True, kw_only=True):
    """What the accelerator's management library said at one instant. Unknown is None."""

    sm_clock_hz: float | None = None
    memory_clock_hz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    slowdowns: tuple[str, ...] = ()
    """Reasons for reduced clocks that hold right now, e.g. ``hw-thermal``."""
    used_bytes: Count | None = None
    """Of the whole device, other processes included."""
    other_processes: Count | None = None


class Block(Value, frozen=True, kw_only=True):
    """Four segments, ABBA or BAAB (A = baseline), with what the machine did meanwhile."""

    order: Literal["ABBA", "BAAB"]
    segments: tuple[Segment, ...]
    canary_s: StepSeconds
    """Time of a fixed piece of integer work; grades the environment, never rescales a result."""
    steal_ratio: Share | None = None
    throttled_periods: Count | None = None
    cpu_ratio: Share | None = None
    """Process CPU time over threads x wall time."""
    invalid: tuple[str, ...] = ()
    """External reasons fixed beforehand (steal, throttling, clock); never a slow value."""
    device_states: tuple[DeviceState, ...] = ()
    """Read before the first and after every segment; empty on the CPU."""


MAX_BLOCKS = 4000
"""Of one process: an estimate takes time and memory with the square of their number."""


class ProcessRun(Value, frozen=True, kw_only=True):
    """All that one fresh worker process measured."""

    process: Count
    attempt: Count = 1
    seed: Seed
    build_order: tuple[Side, ...]
    steps_per_segment: Count
    discard_steps: Count = 1
    """Run untimed at the beginning of a block and after each change of side; in earlier results, before every
    segment."""
    prepare_s: Seconds
    compile_s: dict[Side, Seconds] = msgspec.field(default_factory=dict)
    """What compiling, capturing or loading took, of the sides whose runtime does; it is in no other time."""
    gradient_bytes: dict[Side, Count] = msgspec.field(default_factory=dict)
    """Gradients that the ranks average in a step; empty where there is one rank."""
    blocks: Annotated[tuple[Block, ...], Meta(max_length=MAX_BLOCKS)] = ()
    error: str | None = None


class Quantized(Value, frozen=True, kw_only=True):
    """What a runtime made of a quantized network, as its optimised graph has it."""

    convolutions: Count
    int8_convolutions: Count
    float_operations: dict[str, Count] = msgspec.field(default_factory=dict)
    """How many of each kind still compute in floating point, conversions left out."""
    difference_from_eager: Annotated[float, Meta(ge=0)]
    """Largest difference from the network in float32, as a share of the largest output."""


class LearntSpread(Value, frozen=True, kw_only=True):
    """How much fresh processes differed in earlier runs: mean squares of log-ratios (docs/method.md)."""

    between: Annotated[float, Meta(ge=0, le=100)]
    """Variance of the processes' estimates."""
    within: Annotated[float, Meta(ge=0, le=100)]
    """The part of it that their blocks explain."""
    degrees_between: Positive
    degrees_within: Positive
    runs: Positive
    processes: Positive
    same_network: bool = True
    """Of this network under this workload; else of others on the same set-up."""


class Measurement(Value, frozen=True, kw_only=True):
    """Raw samples of one metric under one workload; statistics are derived on read."""

    metric: Literal["latency"] = "latency"
    unit: str = "s"
    workload: Workload
    policy: TimingPolicy
    export_s: dict[Side, Seconds] = msgspec.field(default_factory=dict)
    """What exporting took, once for all processes, of the sides whose runtime takes files."""
    quantized: dict[Side, Quantized] = msgspec.field(default_factory=dict)
    """Of the sides that `Workload.quantize` quantizes."""
    sigma_process: Annotated[float, Meta(ge=0, le=10)] | None = None
    """Calibrated standard deviation of the log-ratio between fresh processes, as it was known then."""
    learnt_spread: LearntSpread | None = None
    """Where one process was measured: what was known then of how much others differ."""
    processes: tuple[ProcessRun, ...] = ()
    findings: tuple[Finding, ...] = ()


class MemoryRun(Value, frozen=True, kw_only=True):
    """Memory of one side in one fresh process. Unknown is None."""

    process: Count
    side: Side
    peak_bytes: Count | None = None
    """Most that torch's allocator held at once during a warm step."""
    reserved_bytes: Count | None = None
    """Most that torch had taken from the device."""
    used_bytes: Count | None = None
    """Of the whole device after the step, other processes included."""
    resident_bytes: Count | None = None
    """Peak resident set beyond that of a process which only imported torch (CPU)."""
    error: str | None = None


class MemoryMeasurement(Value, frozen=True, kw_only=True):
    """Peak memory of both sides, each in processes of its own."""

    workload: Workload
    processes: tuple[MemoryRun, ...] = ()
    findings: tuple[Finding, ...] = ()


class EnergyWindow(Value, frozen=True, kw_only=True):
    """Energy of many steps of one side, read off a counter before and after."""

    side: Side
    steps: Positive
    duration_s: StepSeconds
    energy_joules: Joules


class EnergyBlock(Value, frozen=True, kw_only=True):
    """Four windows, ABBA or BAAB."""

    order: Literal["ABBA", "BAAB"]
    windows: tuple[EnergyWindow, ...]


class EnergyRun(Value, frozen=True, kw_only=True):
    """One fresh worker process."""

    process: Count
    idle_w: Watts | None = None
    """Power with both networks loaded and nothing running, mean of before and after."""
    other_cpu_ratio: Share | None = None
    """CPU time of all other processes over that of this one, on the CPU; its counter holds both."""
    blocks: tuple[EnergyBlock, ...] = ()
    error: str | None = None


class EnergyMeasurement(Value, frozen=True, kw_only=True):
    """Energy of a pair; without a readable counter only the reason."""

    workload: Workload
    counter: str | None = None
    """What was read: ``nvml`` (the whole board) or ``rapl`` (the CPU packages)."""
    zones: tuple[str, ...] = ()
    """The parts that were summed, e.g. ``package-0``, ``dram``."""
    reason: str | None = None
    """Why there is nothing."""
    processes: tuple[EnergyRun, ...] = ()
    findings: tuple[Finding, ...] = ()


class SavedForBackward(Value, frozen=True, kw_only=True):
    """Exact activation bytes that autograd keeps for the backward pass, of both sides."""

    workload: Workload
    baseline: tuple[SavedBytes, ...]
    candidate: tuple[SavedBytes, ...]


class Environment(Value, frozen=True, kw_only=True):
    """The machine as a benchmark sees it. Unknown facts are None."""

    cpu: dict[str, Any]
    device: dict[str, Any] = msgspec.field(default_factory=dict)
    """The accelerator of the measurement; empty on the CPU."""
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
    revision: Positive = REVISION
    """What its words mean; files that were written before it was kept have none, and mean 1."""
    id: Id
    created_at: str
    """UTC, ISO 8601."""
    sebench: str
    command: tuple[str, ...] = ()
    seed: Seed
    pair: Pair
    environment: Environment
    baseline_cost: StaticCost | None
    candidate_cost: StaticCost | None
    not_counted: dict[Side, str] = msgspec.field(default_factory=dict)
    """Why a side has no cost."""
    measurements: tuple[Measurement, ...] = ()
    memory: tuple[MemoryMeasurement, ...] = ()
    energy: tuple[EnergyMeasurement, ...] = ()
    saved: SavedForBackward | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def has_samples(self) -> bool:
        """Whether anything was timed; energy is read of steps that were."""
        return any(run.blocks for measurement in self.measurements for run in measurement.processes)
