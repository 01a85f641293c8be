"""The messages between runner and worker: JSON lines over the worker's stdin and stdout."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from sebench.schema import (
    Block,
    CrossCheck,
    DeviceState,
    EnergyBlock,
    Excitation,
    Folded,
    GraphSamples,
    LockedNetwork,
    LockEntry,
    Machine,
    MemoryRun,
    ModelSpec,
    Pair,
    Phase,
    Preprocessing,
    ProfileSamples,
    Quantized,
    Side,
    StaticCost,
    TimingPolicy,
    UnreadableImage,
    Value,
    Workload,
)
from sebench.schema.training import TrainingJob

Code = Literal["build", "count", "memory", "output", "device", "unknown", "usage"]
"""Why a worker cannot go on: the network, its counts, its memory, what it returned, the device, no such
network, or what it was asked."""


class Request(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, first: build this pair and warm it up."""

    pair: Pair
    workload: Workload
    policy: TimingPolicy
    build_order: tuple[Side, ...]
    weight_seed: int
    process_seed: int
    exported: dict[Side, str] = msgspec.field(default_factory=dict)
    """Folders that an `ExportRequest` wrote to; such a side is not built again."""


class ExportRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: build one network where you are and export it to files."""

    spec: ModelSpec
    beside: ModelSpec | None = None
    """The other side of its pair, unless that is built from another tree."""
    workload: Workload
    weight_seed: int
    folder: str
    """An empty one, to write to."""
    not_from: str | None = None
    """As in `SideRequest`."""


class WriteRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: write one network to a file that others can run."""

    spec: ModelSpec
    workload: Workload
    weight_seed: int
    path: str
    """Ends with ``.onnx`` or ``.pt2``; its folder is there."""


class MemoryRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: run a few steps of one network and say what they held."""

    spec: ModelSpec
    beside: ModelSpec | None = None
    """The other side of its pair."""
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
    machine: Machine | None = None
    """Its bounds, where they are known from an earlier run."""
    weight_seed: int
    process_seed: int


class GraphRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: read the graphs that a runtime makes of a pair."""

    pair: Pair
    workload: Workload
    policy: TimingPolicy
    steps: int
    """To profile; 0 reads the graphs alone."""
    weight_seed: int
    process_seed: int
    exported: dict[Side, str] = msgspec.field(default_factory=dict)
    """As in `Request`."""


class SideRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: build one network where you are and run it on demand."""

    spec: ModelSpec
    workload: Workload
    weight_seed: int
    exported: str | None = None
    """As in `Request`."""
    not_from: str | None = None
    """A directory that no module may come from: the other side's tree."""


class AccuracyRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: run one network on labelled images.

    Answered by a `Ranked` for each batch, until every image is in one.
    """

    spec: ModelSpec
    workload: Workload
    weight_seed: int
    folder: str
    class_order: Literal["text", "natural"]
    images: int
    """How many the folder has; another number means that it has changed."""
    limit: int | None
    """Of images, drawn with `image_seed`; None is all."""
    image_seed: int
    preprocessing: Preprocessing
    readers: int
    """Processes that read images."""


class CountRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: count one network where you are.

    Any number of these and of `CrossCheckRequest` may follow; after the last answer comes `Done`.
    """

    spec: ModelSpec
    input_shape: tuple[int, ...]
    phase: Phase
    dtype: str
    gates: bool = False
    """Whether to look for the gates of a native network too."""
    not_from: str | None = None
    """As in `SideRequest`."""


class CrossCheckRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, as `CountRequest`: count one network with every tool."""

    spec: ModelSpec
    input_shape: tuple[int, ...]
    phase: Phase


class LockRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: count these networks for a lock."""

    networks: tuple[LockedNetwork, ...]
    torch: str
    """The minor version to file the figures under."""


class ExciteRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: watch the gates of one network on images."""

    spec: ModelSpec
    workload: Workload
    """Its batch is how many images are read together."""
    preprocessing: Preprocessing
    seed: int
    """Of weights that no file gives, and of the order of the images."""
    images: str
    """A folder with one folder per class."""
    limit: int | None = None
    """How many images are drawn; None is all."""
    workers: int = 0
    """Processes that read images."""
    folder: str
    """An empty one, for the moments; a file ``stop`` in it ends the watching early."""
    constant_below: float
    fold: str | None = None
    """The file to write the weights to once near-constant gates are folded into them."""


class Seen(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner, after each batch: how far it is."""

    comparing: bool = False
    """Whether the folded network is compared with the one as it was."""
    images: int
    of: int


class Excited(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: the answer to an `ExciteRequest`; the moments are in its folder."""

    excitation: Excitation
    folded: Folded | None = None
    not_folded: str = ""
    """Why there is no folded network, where one was asked for."""
    runtime: dict[str, Any]


class Exported(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: the answer to an `ExportRequest` or a `WriteRequest`."""

    export_s: float
    quantized: Quantized | None = None
    """What became of it, where the workload quantizes."""


class Run(Value, frozen=True, kw_only=True, tag=True):
    """Runner to the worker of one side: time this many steps now."""

    count: int
    restored: bool = False
    """Bring the input back before each of them."""


class Finish(Value, frozen=True, kw_only=True, tag=True):
    """Runner to the worker of one side: no more steps will come; are the last ones as good as the first?"""

    steps_per_segment: int


class SideReady(Value, frozen=True, kw_only=True, tag=True):
    """The worker of one side to the runner: built, checked, and run once."""

    compile_s: float | None = None
    writes_input: bool = False
    runtime: dict[str, Any]


class Timed(Value, frozen=True, kw_only=True, tag=True):
    """The worker of one side to the runner: the answer to a `Run`, as `sebench.profilers.device.Timing`."""

    steps_s: tuple[float, ...]
    forward_s: tuple[float, ...] = ()
    device_s: float | None = None
    submit_s: float | None = None
    state: DeviceState | None = None
    """Of the device right afterwards."""


class Counted(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: the answer to a `CountRequest`."""

    cost: StaticCost
    files: dict[str, str] = msgspec.field(default_factory=dict)
    """SHA-256 (hex) of each file that modules of the user's were read from, by path."""


class CrossChecked(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: the answer to a `CrossCheckRequest`."""

    check: CrossCheck


class Locked(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: the answer to a `LockRequest`."""

    entries: tuple[LockEntry, ...]


class Ranked(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner, after each batch of an `AccuracyRequest`."""

    places: tuple[int, ...]
    """Of the images in the folder."""
    ranks: tuple[int, ...]
    """Of the true class of each: how many classes scored higher, `MOST_RANK` at most."""
    unreadable: tuple[UnreadableImage, ...] = ()


class TrainRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: train from one seed; SIGTERM asks it to stop."""

    job: TrainingJob
    seed: int
    folder: str
    """That its files go to; what an earlier worker has left there is gone on from."""


class TrainingMoment(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner, after an epoch and once a second in between: how far training is."""

    epoch: int
    """Epochs that are over."""
    epochs: int
    step: int
    """Steps of the next epoch that are over."""
    steps: int
    """Of an epoch."""
    errors: dict[str, float]
    """Top-1 error on the test images by variant, after the last epoch."""


class Trained(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: training is over, or was stopped with a checkpoint to go on from."""

    finished: bool


class CounterRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: say whether the energy of this device can be read."""

    workload: Workload


class EnergyRequest(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker, instead of `Request`: read this many blocks of energy windows."""

    pair: Request
    blocks: int


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


class Alive(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner, once it has loaded and while it prepares: wait for more."""

    about: str | None = None
    """The network whose code runs from now on, to be named if the process ends; None: as before."""


class Ready(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: both sides are built, checked and warm."""

    step_s: dict[Side, float]
    after_change: dict[Side, tuple[float, ...]] = msgspec.field(default_factory=dict)
    """ln(first / second) of two steps after a change of side, from the warm-up."""
    warm_up_s: float = 0.0
    """What the warm-up took, both networks having run before."""
    compile_s: dict[Side, float] = msgspec.field(default_factory=dict)
    gradient_bytes: dict[Side, int] = msgspec.field(default_factory=dict)
    writes_input: tuple[Side, ...] = ()
    """Those that write to their input; if one does, both inputs are brought back before every timed span."""
    runtime: dict[str, Any]


class Go(Value, frozen=True, kw_only=True, tag=True):
    """Runner to worker: measure these blocks, but start none after `deadline_s` seconds from now."""

    steps_per_segment: int
    discard_steps: int = 1
    """Run untimed at the beginning of each block and after each change of side."""
    orders: tuple[Literal["ABBA", "BAAB"], ...]
    deadline_s: float
    at_least: int = 0
    """Blocks that are measured whatever the time: the first ones of `orders`."""


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


class GraphsRead(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: the answer to a `GraphRequest`."""

    samples: GraphSamples
    runtime: dict[str, Any]


class CounterFound(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: the answer to a `CounterRequest`."""

    counter: str
    zones: tuple[str, ...]


class EnergyMeasured(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: one block of energy windows is read."""

    block: EnergyBlock


class EnergyDone(Value, frozen=True, kw_only=True, tag=True):
    """Worker to runner: all blocks of an `EnergyRequest` are read."""

    idle_w: float
    other_cpu_ratio: float | None


Asked = (
    Request
    | MemoryRequest
    | ProfileRequest
    | GraphRequest
    | SideRequest
    | ExportRequest
    | WriteRequest
    | AccuracyRequest
    | CountRequest
    | CrossCheckRequest
    | LockRequest
    | TrainRequest
    | CounterRequest
    | EnergyRequest
    | ExciteRequest
    | Join
)
"""What a worker may be asked first."""
Measurements = Measured | Ranked | MemoryMeasured | Profiled | GraphsRead | EnergyMeasured
Answers = Exported | Counted | CrossChecked | Locked | CounterFound | Seen | Excited | Trained
Progress = Alive | TrainingMoment
Reply = Measurements | Answers | Progress | Ready | SideReady | Timed | Done | EnergyDone | Failed
