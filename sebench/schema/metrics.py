"""The metrics in one place: what each is called, what it is in, when it exists, and how a gate takes it.

Comparisons, their tables and files, trends, limits and the documentation derive from `METRICS`. A new metric
needs one entry here, and where `sebench.analysis` reads its values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sebench.schema.base import Phase
from sebench.schema.request import Workload

Kind = Literal["exact", "sampled", "information"]
"""``exact``: the same figure each time, so its interval is the value itself. ``sampled``: a ratio with an
interval from repeated samples. ``information``: one value per process, which differs between processes."""
Source = Literal["cost", "measurements", "saved", "memory", "energy"]
"""The part of a stored result that holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure of a pair, as people and programs meet it."""

    name: str
    """In JSON, CSV, limits and commands; stable."""
    label: str
    """In tables and sentences."""
    meaning: str
    """One line of the documentation."""
    unit: str
    """Base unit of stored values and files; ``1`` for a plain number."""
    kind: Kind
    source: Source
    phases: tuple[Phase, ...] = ("inference", "training")
    """In which it exists; the first is what a limit on the CPU means where no phase is named."""
    gate: bool = False
    """Whether a limit may be set on it: a ceiling on the ratio, exactly where it is exact, else on its
    interval."""
    no_limit: str | None = None
    """Why none may be set, where a reader would ask; a clause that follows "takes no limit:"."""
    better: Literal["lower", "higher"] = "lower"
    percent: int | None = None
    """Of the single steps that take no longer, where it is a percentile."""
    rows: Literal["always", "batches", "never"] = "always"
    """When printed tables have a row of it: ``batches`` where there is more than one image. JSON and CSV have
    it always."""
    follows_network: bool = False
    """Whether the network alone decides it; else a count depends on the ops of a torch release."""

    def is_printed(self, workload: Workload | None) -> bool:
        """Whether tables and notes have it of this workload."""
        if self.rows == "batches":
            return workload is not None and workload.batch_size > 1
        return self.rows == "always"


_TRAINING: tuple[Phase, ...] = ("training",)
_BOTH: tuple[Phase, ...] = ("inference", "training")


def _counted(name: str, label: str, unit: str, meaning: str, *, follows_network: bool = False) -> Metric:
    return Metric(
        name=name,
        label=label,
        meaning=meaning,
        unit=unit,
        kind="exact",
        source="cost",
        gate=True,
        follows_network=follows_network,
    )


def _timed(name: str, label: str, meaning: str, phases: tuple[Phase, ...] = _BOTH) -> Metric:
    return Metric(
        name=name,
        label=label,
        meaning=meaning,
        unit="s",
        kind="sampled",
        source="measurements",
        phases=phases,
        gate=True,
    )


def _percentile(percent: int) -> Metric:
    return Metric(
        name=f"latency_p{percent}",
        label=f"latency p{percent}",
        meaning=f"time that {percent} % of single steps do not exceed",
        unit="s",
        kind="sampled",
        source="measurements",
        percent=percent,
        rows="never",
        no_limit=_ORDER_STATISTICS,
    )


# Lowest to highest of P processes miss the median with 2 / 2^P: 2 / 64 = 3.1 % for the six of `standard`, and
# a gate's first look takes at most 2.25 %.
_ORDER_STATISTICS = "the order statistics of 6 processes reach 96.9 %, and a gate decides at 97.75 %"


def _bytes(
    name: str,
    label: str,
    meaning: str,
    source: Source,
    *,
    kind: Kind = "exact",
    gate: bool = False,
    no_limit: str | None = None,
) -> Metric:
    return Metric(
        name=name,
        label=label,
        meaning=meaning,
        unit="B",
        kind=kind,
        source=source,
        phases=_TRAINING,
        gate=gate,
        no_limit=no_limit,
    )


def _energy(
    name: str, label: str, meaning: str, *, gate: bool = False, no_limit: str | None = None
) -> Metric:
    return Metric(
        name=name,
        label=label,
        meaning=meaning,
        unit="J",
        kind="sampled",
        source="energy",
        gate=gate,
        no_limit=no_limit,
    )


_MACS = "multiply-accumulates of convolutions and linear layers, per image, forward"
_PAPER_MACS = "MACs as the paper counts them: with residual adds and squeezes, printed as FLOPs"
_DIFFERS = "it differs between processes of the same network"
_RSS = "peak resident set beyond that of a process that only imported torch (CPU)"

_ALL = (
    _counted("params", "params", "1", "learnable parameters", follows_network=True),
    _counted("macs", "MACs", "MAC", _MACS, follows_network=True),
    _counted("paper_macs", "paper FLOPs", "MAC", _PAPER_MACS, follows_network=True),
    _counted("flops", "FLOPs", "FLOP", "2 x MACs + elementwise operations, per image, forward"),
    _counted("bytes", "bytes", "B", "tensor bytes in and out of all ops, per image, forward"),
    _timed("latency", "latency", "time of a step"),
    _timed("forward_latency", "forward", "its forward part", _TRAINING),
    _timed(
        "backward_latency",
        "backward",
        "the rest of it: the backward pass, and the optimizer where there is one",
        _TRAINING,
    ),
    _timed("device_latency", "device time", "the step by the accelerator's own events"),
    Metric(
        name="throughput",
        label="throughput",
        meaning="images per second: the batch size over the latency",
        unit="images/s",
        kind="sampled",
        source="measurements",
        better="higher",
        no_limit="more of it is better, and a limit is a ceiling; one on latency says the same",
        rows="batches",
    ),
    *map(_percentile, (50, 90, 95, 99)),
    _bytes(
        "gradient_bytes",
        "gradients",
        "bytes of the gradients that data-parallel ranks average in a step",
        "measurements",
    ),
    _bytes(
        "saved_bytes",
        "saved for backward",
        "bytes that autograd keeps for the backward pass, at the batch",
        "saved",
        gate=True,
    ),
    _bytes(
        "peak_memory",
        "peak memory",
        "most that torch's allocator held at once during a step",
        "memory",
        gate=True,
    ),
    _bytes(
        "reserved_memory",
        "reserved memory",
        "most that torch had taken from the device",
        "memory",
        kind="information",
        no_limit=_DIFFERS,
    ),
    _bytes("resident_memory", "peak RSS", _RSS, "memory", kind="information", no_limit=_DIFFERS),
    _energy("energy", "energy", "energy of a step, idle power included", gate=True),
    _energy(
        "energy_per_image",
        "energy per image",
        "the same over the batch size",
        no_limit="its ratio is that of energy",
    ),
    _energy("net_energy", "energy net of idle", "energy of a step beyond the idle power"),
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}
"""By name, in the order of the rows of a comparison."""

LIMIT_METRICS: tuple[str, ...] = tuple(
    metric.name for metric in sorted(_ALL, key=lambda metric: metric.source == "cost") if metric.gate
)
"""Those that a limit may be set on, what is measured before what is counted."""

if TYPE_CHECKING:
    LimitMetric = str
else:  # what a configuration file is decoded by
    LimitMetric = Literal[LIMIT_METRICS]


def is_printed(name: str, workload: Workload | None) -> bool:
    """Whether printed tables have a row of a metric; of a name that is none they do."""
    return name not in METRICS or METRICS[name].is_printed(workload)


def metric_label(name: str) -> str:
    """A metric as a reader knows it, without a unit; the name itself of what is none, e.g. ``buffers``."""
    return METRICS[name].label if name in METRICS else name
