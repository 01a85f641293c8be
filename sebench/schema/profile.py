"""Where the time of an attention module goes."""

from __future__ import annotations

from typing import Literal, NamedTuple

from sebench.schema.base import Value
from sebench.schema.conclusions import Interval
from sebench.schema.measurements import Block, Finding
from sebench.schema.ranges import Rate, StepSeconds
from sebench.schema.request import Pair, Workload

Pass = Literal["forward", "backward"]
Bottleneck = Literal["bandwidth-bound", "launch-bound", "compute-bound", "weight-bound"]


UNDIVIDED = "attention"
"""The part that a site is whose attention has no known parts: some of the classes of a user."""


class PartSample(Value, frozen=True, kw_only=True):
    """One part of one site in one pass; as profiled."""

    site: str
    """Path of the attention module, or of the gate."""
    part: str
    """Name of a part of the candidate's kind of attention, or of the gate."""
    phase: Pass
    times_s: tuple[float, ...]
    """One per profiled step."""


class Machine(Value, frozen=True, kw_only=True):
    """What this machine can do at best, measured on it."""

    copy_bytes_per_s: Rate
    """Bytes read and written by a copy far larger than the caches."""
    matmul_flops_per_s: Rate
    """In the dtype that the workload computes in."""
    launch_s: StepSeconds
    """One operation on one element."""
    measured_at: str | None = None
    """UTC, ISO 8601."""


class Contrast(Value, frozen=True, kw_only=True):
    """Blocks of two networks timed against each other: baseline is A."""

    name: str
    """``plain``, or the part that was left out."""
    blocks: tuple[Block, ...]


class ProfileSamples(Value, frozen=True, kw_only=True):
    """Everything one process measured for a profile."""

    sites: tuple[str, ...]
    """In the order of the network. In a captured graph they have other paths than in a count."""
    parts: tuple[PartSample, ...]
    profiled_steps_s: tuple[float, ...]
    steps_s: tuple[float, ...]
    """The same steps without the profiler, in between."""
    machine: Machine
    contrasts: tuple[Contrast, ...]


class PartProfile(Value, frozen=True, kw_only=True):
    """One row of a profile."""

    stage: str
    part: str
    phase: Pass
    time_s: float
    bytes: int | None
    """In and out of its operations, no cache model."""
    flops: int
    calls: int | None
    achieved_bytes_per_s: float | None
    bound_s: float | None
    """The least that memory, arithmetic and launches allow."""
    verdict: Bottleneck | None
    reason: str | None = None
    """Why something above is not known."""


class SiteProfile(Value, frozen=True, kw_only=True):
    """The attention of one site in one pass: all its parts."""

    site: str
    """Path of the attention module, or of the gate, as in a count."""
    stage: str
    phase: Pass
    time_s: float
    params: int
    macs: int
    flops: int
    bytes: int | None
    calls: int | None
    bound_s: float | None
    """The least that memory, arithmetic and launches allow for its parts, one after the other."""
    reason: str | None = None
    """Why something above is not known."""


class AblationCheck(Value, frozen=True, kw_only=True):
    """A part's time by leaving it out, beside the profiler's."""

    part: str
    profiled_s: float
    ablated: Interval
    """The whole network minus the one without the part, seconds per step."""
    agrees: bool
    """Whether the profiler's time lies in the interval."""


BESIDE_NETWORK = "(step)"
"""Stage of what a training step does beside the network: zeroing gradients, the loss and its backward."""


class OpPlace(NamedTuple):
    """An aten op and what it is charged to, as in `OpCost`."""

    op: str
    module: str
    stage: str
    site: str | None
    phase: Pass


class OpSample(Value, frozen=True, kw_only=True):
    """One op of one module in one pass; as profiled."""

    place: OpPlace
    calls: int
    """In one step."""
    times_s: tuple[float, ...]
    """One per profiled step, over all calls."""


class OpTime(Value, frozen=True, kw_only=True):
    """One row of a module's profile before rows are added up; figures are None where they are not known."""

    op: str
    module: str
    stage: str
    site: str | None
    phase: Pass
    calls: int
    time_s: float
    macs: int | None
    flops: int | None
    bytes_read: int | None
    bytes_written: int | None


class ModuleProfile(Value, frozen=True, kw_only=True):
    """A step of one module, taken apart by its ops; there is nothing that it is compared with."""

    model: str
    workload: Workload
    ops: tuple[OpTime, ...]
    """In the order of the step."""
    step_s: float
    profiled_step_s: float
    findings: tuple[Finding, ...] = ()

    @property
    def inflation_ratio(self) -> float:
        """What the profiler itself adds to a step."""
        return self.profiled_step_s / self.step_s


class Profile(Value, frozen=True, kw_only=True):
    """A pair under a workload, taken apart."""

    pair: Pair
    workload: Workload
    parts: tuple[PartProfile, ...]
    """By stage."""
    sites: tuple[SiteProfile, ...] = ()
    """In the order of the network."""
    step_s: float
    profiled_step_s: float
    machine: Machine
    ablations: tuple[AblationCheck, ...]
    predicted_difference_s: float | None
    """None where the bytes or operations of a part are not known."""
    measured_difference: Interval
    measured_ratio: Interval
    blocks: int
    findings: tuple[Finding, ...] = ()

    @property
    def inflation_ratio(self) -> float:
        """What the profiler itself adds to a step."""
        return self.profiled_step_s / self.step_s
