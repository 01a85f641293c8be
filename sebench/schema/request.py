"""What is asked for: networks, pairs, workloads and the plan to measure them."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from msgspec.structs import force_setattr, replace

from sebench.schema.base import Dtype, Effort, MemoryFormat, Optimizer, Phase, Quantization, Runtime, Value
from sebench.schema.network import NetworkOptions
from sebench.schema.ranges import (
    Confidence,
    Count,
    DeviceName,
    Pixels,
    Positive,
    Seconds,
    Seed,
    Shape,
    ShapeText,
)

COMMIT_LENGTH = 12
"""Digits of a commit that are shown."""
_UNSAID: Any = UNSET


EXPORTED_SUFFIXES = (".onnx", ".xml")
"""What files end with that were exported already."""


def is_exported_file(model: str) -> bool:
    """Whether a network is named as such a file."""
    return model.endswith(EXPORTED_SUFFIXES)


def variant_of_name(model: str) -> str:
    """The variant that a name alone means: networks of others are as they were built, or exported.

    They have a colon in their name, or are files.
    """
    return "asis" if ":" in model or is_exported_file(model) else "plain"


class ModelSpec(NetworkOptions, frozen=True, kw_only=True):
    """One network: a name, a canonical variant string and the options that it is built with."""

    model: str
    variant: str = ""
    """In canonical form; where none is said, what the name alone means (`variant_of_name`)."""
    weights_sha256: str | None = None
    """Of the file in `weights`, as it was when the network was first spoken of."""
    file_sha256: str | None = None
    """Of a network that is a file, weights beside it included."""
    commit: str | None = None
    """Whose tree a factory is imported from; None is the working tree."""
    runtime: Runtime | None = None
    """How its steps run where that is another way than the workload's: of two runtimes in one pair."""

    def __post_init__(self) -> None:
        if not self.variant:
            force_setattr(self, "variant", variant_of_name(self.model))

    @property
    def label(self) -> str:
        """What tells it apart: ``resnet50``, ``resnet50 se``, ``nets.py:net at 0123456789ab``."""
        is_told_by_name = self.variant == variant_of_name(self.model)
        name = self.model if is_told_by_name else f"{self.model} {self.variant}"
        return _with_place(name, self)


class Pair(Value, frozen=True, kw_only=True):
    """The unit of thought: the same network as baseline and as candidate, or two networks."""

    baseline: ModelSpec
    candidate: ModelSpec

    @property
    def model(self) -> str:
        """The network; of two, e.g. ``nets.py:new against nets.py:old``."""
        if self._is_one_network:
            return self.baseline.model
        return f"{self.candidate_name} against {self.baseline_name}"

    @property
    def title(self) -> str:
        """The pair in a few words: ``resnet50: se against plain``, or two networks as in `model`."""
        if not self._is_one_network:
            return self.model
        return f"{self.model}: {self.candidate_name} against {self.baseline_name}"

    @property
    def baseline_name(self) -> str:
        """What tells the baseline apart: its variant, or its network where there are two."""
        return self.baseline.variant if self._is_one_network else _network_name(self.baseline)

    @property
    def candidate_name(self) -> str:
        """What tells the candidate apart: its variant, or its network where there are two."""
        return self.candidate.variant if self._is_one_network else _network_name(self.candidate)

    @property
    def _is_one_network(self) -> bool:
        sides = (self.baseline, self.candidate)
        apart = any(side.runtime is not None for side in sides)
        return not apart and len({(side.model, side.commit) for side in sides}) == 1


def _network_name(spec: ModelSpec) -> str:
    """With its variant, unless a network of others is as it was built: ``nets.py:net``."""
    named = spec.variant == variant_of_name(spec.model) == "asis"
    return _with_place(spec.model if named else f"{spec.model} {spec.variant}", spec)


def _with_place(name: str, spec: ModelSpec) -> str:
    """With the runtime and the commit, where it has its own: ``nets.py:net@openvino at 0123456789ab``."""
    name = name if spec.runtime is None else f"{name}@{spec.runtime}"
    return name if spec.commit is None else f"{name} at {spec.commit[:COMMIT_LENGTH]}"


class Workload(Value, frozen=True, kw_only=True):
    """What one step computes; part of a result's identity."""

    device: str = "cpu"
    phase: Phase = "inference"
    batch_size: Positive = 1
    input_shape: Shape
    """With the batch in front, e.g. ``(1, 3, 224, 224)``."""
    dtype: str = "float32"
    memory_format: MemoryFormat = "contiguous"
    threads: Positive = 1
    """Intra-op threads on the CPU, of each process and each rank."""
    runtime: Runtime = _UNSAID
    """How steps run; eager where nothing is said."""
    execution: Runtime = _UNSAID
    """The name of `runtime` until 1.0: follows it, and is read where a file has no `runtime`."""
    optimizer: Optimizer = "none"
    """``none`` leaves the update of the weights out, as the paper's forward + backward does."""
    world_size: Positive = 1
    """Data-parallel processes (ranks); each trains on an equal part of the batch."""
    micro_batch_size: Positive | None = None
    """Set where the batch does not fit and is emulated by accumulating over smaller ones. Batch norm sees
    those, so the result is never compared with a native one."""
    quantize: Quantization = "none"
    """What the runtime quantizes weights and activations to, statically, on seeded inputs."""
    cudnn_benchmark: bool = True
    """cuDNN searches for its fastest convolution plans (CUDA only)."""

    def __post_init__(self) -> None:
        if self.runtime is _UNSAID:
            force_setattr(self, "runtime", "eager" if self.execution is _UNSAID else self.execution)
        force_setattr(self, "execution", self.runtime)

    def of(self, spec: ModelSpec) -> Workload:
        """As a network is run, which may have a runtime of its own."""
        if spec.runtime is None:
            return self
        return replace(self, runtime=spec.runtime, execution=spec.runtime)

    @property
    def emulated(self) -> bool:
        """Whether the batch was accumulated from smaller ones."""
        return self.micro_batch_size is not None

    @property
    def rank_input_shape(self) -> tuple[int, ...]:
        """Of the part of the batch that one rank trains on; the whole where there is one rank."""
        batch_size, *image = self.input_shape
        return (batch_size // self.world_size, *image)

    def device_of(self, rank: int) -> str:
        """The device that `rank` runs on: ranks share the CPU, and have an accelerator each."""
        kind = self.device.partition(":")[0]
        return self.device if kind == "cpu" or self.world_size == 1 else f"{kind}:{rank}"


class WorkloadRequest(Value, frozen=True, kw_only=True, rename="kebab"):
    """What somebody says of a workload, on the command line, in a file or in a call; None is not said.

    Keys in files are the names in kebab-case. `sebench.schema.WORKLOAD_OPTIONS` has an entry for each field.
    """

    device: DeviceName | None = None
    phase: Phase | None = None
    batch_size: Positive | None = None
    image_size: Pixels | None = None
    input_shape: ShapeText | None = None
    dtype: Dtype | None = None
    memory_format: MemoryFormat | None = None
    threads: Positive | None = None
    runtime: Runtime | None = None
    quantize: Quantization | None = None
    optimizer: Optimizer | None = None
    world_size: Positive | None = None


NOTHING_SAID = WorkloadRequest()
"""Leaves everything to the defaults; as a filter, takes everything."""


class TimingPolicy(Value, frozen=True, kw_only=True):
    """How hard to measure (docs/method.md)."""

    effort: Effort = "standard"
    processes: Positive = 6
    min_blocks: Positive = 4
    budget_s: Seconds = 40.0
    """Time to fill per pair; a hard limit only where `hard_budget` says so."""
    hard_budget: bool = False
    segment_s: Seconds = 0.02
    """Shortest timed part of a segment: a fine interleaving follows a restless machine best."""
    min_steps: Count = 1
    discard_steps: Count = 1
    """Steps run untimed after a change of side at least, where any are (docs/method.md)."""
    warmup_steps: Count = 2
    """Of each side at least, besides the one that checks its output."""
    warmup_busy_s: Seconds = 1.0
    """Of the first process, and on an accelerator of each; the others find a warm machine."""
    confidence: Confidence = 0.95
    timeout_s: Seconds = 120.0


class Session(Value, frozen=True, kw_only=True):
    """A pair under one workload: what the worker processes of one measurement run."""

    pair: Pair
    workload: Workload


class PairPlan(Value, frozen=True, kw_only=True):
    """A pair and the workloads that it is measured under; all of it becomes one result."""

    pair: Pair
    workloads: tuple[Workload, ...]

    @property
    def sessions(self) -> tuple[Session, ...]:
        """One per workload, in order."""
        return tuple(Session(pair=self.pair, workload=workload) for workload in self.workloads)


class Plan(Value, frozen=True, kw_only=True):
    """Everything `compare` will do, drawn up before anything is measured."""

    pairs: tuple[PairPlan, ...]
    policy: TimingPolicy
    seed: Seed
    draw: int = 0
    """Tells plans of the same seed apart: same weights, other orders and pauses."""
    budget_shares: int = 1
    """Measurements of the command that share a hard budget: `policy` has the share of one."""
    timed: bool = True
    """False leaves the times out: counts, and memory where asked for."""
    memory: bool = False
    """Measure peak memory of training steps too, in processes of their own."""
    energy: bool = False
    """Measure energy per step too, in processes of their own; with an accelerator, of its steps only."""
    repeat_energy: bool = False
    """Energy over as many fresh processes as a gate can decide on, whatever the effort."""

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Those of all pairs, in the order in which they are measured."""
        return tuple(session for planned in self.pairs for session in planned.sessions)
