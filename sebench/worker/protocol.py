"""The messages between runner and worker: JSON lines over the worker's stdin and stdout."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from sebench.schema import (
    Block,
    MemoryRun,
    ModelSpec,
    Pair,
    ProfileSamples,
    Side,
    TimingPolicy,
    Value,
    Workload,
)

Code = Literal["build", "memory", "output", "device"]
"""Why a worker cannot go on: the network, its memory, what it returned, or the device."""


class Request(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, first: build this pair and warm it up."""

    pair: Pair
    workload: Workload
    policy: TimingPolicy
    build_order: tuple[Side, ...]
    weight_seed: int
    process_seed: int


class MemoryRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: run a few steps of one network and say what they held."""

    spec: ModelSpec
    workload: Workload
    side: Side
    process: int
    weight_seed: int


class ProfileRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: take the candidate of a pair apart."""

    pair: Pair
    workload: Workload
    policy: TimingPolicy
    steps: int
    """To profile, and as many without the profiler."""
    weight_seed: int
    process_seed: int


class Join(Value, frozen=True, kw_only=True, tag=True):
    """Rank 0 to another rank, instead of `Request`: prepare the same pair, then run each `Span`."""

    request: Request
    rank: int
    port: int
    """Of the store on rank 0."""
    leader: int
    """Process id of rank 0."""


class Span(Value, frozen=True, kw_only=True, tag=True):
    """Rank 0 to another rank: run these steps together with me."""

    side: Side
    count: int


class Ready(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: both sides are built, checked and warm."""

    step_s: dict[Side, float]
    compile_s: dict[Side, float] = msgspec.field(default_factory=dict)
    gradient_bytes: dict[Side, int] = msgspec.field(default_factory=dict)
    runtime: dict[str, Any]


class Go(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker: measure these blocks, but start none after `deadline_s` seconds from now."""

    steps_per_segment: int
    orders: tuple[Literal["ABBA", "BAAB"], ...]
    deadline_s: float


class Measured(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: one block is done."""

    block: Block


class Done(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: no more blocks will come."""


class Failed(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: it would fail again in the same way, so there is no point in retrying."""

    code: Code
    message: str


class MemoryMeasured(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: the answer to a `MemoryRequest`."""

    run: MemoryRun


class Profiled(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: the answer to a `ProfileRequest`."""

    samples: ProfileSamples
    runtime: dict[str, Any]


Reply = Ready | Measured | Done | Failed | MemoryMeasured | Profiled
