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
    )


_ALL = (
    Metric(
        name="params",
        label="params",
        meaning="learnable parameters",
        unit="1",
        kind="exact",
        source="cost",
        gate=True,
        follows_network=True,
    ),
    Metric(
        name="macs",
        label="MACs",
        meaning="multiply-accumulates of convolutions and linear layers, per image, forward",
        unit="MAC",
        kind="exact",
        source="cost",
        gate=True,
        follows_network=True,
    ),
    Metric(
        name="paper_macs",
        label="paper FLOPs",
        meaning="MACs as the paper counts them: with residual adds and squeezes, printed as FLOPs",
        unit="MAC",
        kind="exact",
        source="cost",
        gate=True,
        follows_network=True,
    ),
    Metric(
        name="flops",
        label="FLOPs",
        meaning="2 x MACs + elementwise operations, per image, forward",
        unit="FLOP",
        kind="exact",
        source="cost",
        gate=True,
    ),
    Metric(
        name="bytes",
        label="bytes",
        meaning="tensor bytes in and out of all ops, per image, forward",
        unit="B",
        kind="exact",
        source="cost",
        gate=True,
    ),
    Metric(
        name="latency",
        label="latency",
        meaning="time of a step",
        unit="s",
        kind="sampled",
        source="measurements",
        gate=True,
    ),
    Metric(
        name="forward_latency",
        label="forward",
        meaning="its forward part",
        unit="s",
        kind="sampled",
        source="measurements",
        phases=_TRAINING,
        gate=True,
    ),
    Metric(
        name="backward_latency",
        label="backward",
        meaning="the rest of it: the backward pass, and the optimizer where there is one",
        unit="s",
        kind="sampled",
        source="measurements",
        phases=_TRAINING,
        gate=True,
    ),
    Metric(
        name="device_latency",
        label="device time",
        meaning="the step by the accelerator's own events",
        unit="s",
        kind="sampled",
        source="measurements",
        gate=True,
    ),
    Metric(
        name="throughput",
        label="throughput",
        meaning="images per second: the batch size over the latency",
        unit="images/s",
        kind="sampled",
        source="measurements",
        better="higher",
        rows="batches",
    ),
    *map(_percentile, (50, 90, 95, 99)),
    Metric(
        name="gradient_bytes",
        label="gradients",
        meaning="bytes of the gradients that data-parallel ranks average in a step",
        unit="B",
        kind="exact",
        source="measurements",
        phases=_TRAINING,
    ),
    Metric(
        name="saved_bytes",
        label="saved for backward",
        meaning="bytes that autograd keeps for the backward pass, at the batch",
        unit="B",
        kind="exact",
        source="saved",
        phases=_TRAINING,
        gate=True,
    ),
    Metric(
        name="peak_memory",
        label="peak memory",
        meaning="most that torch's allocator held at once during a step",
        unit="B",
        kind="exact",
        source="memory",
        phases=_TRAINING,
        gate=True,
    ),
    Metric(
        name="reserved_memory",
        label="reserved memory",
        meaning="most that torch had taken from the device",
        unit="B",
        kind="information",
        source="memory",
        phases=_TRAINING,
    ),
    Metric(
        name="resident_memory",
        label="peak RSS",
        meaning="peak resident set beyond that of a process that only imported torch (CPU)",
        unit="B",
        kind="information",
        source="memory",
        phases=_TRAINING,
    ),
    Metric(
        name="energy",
        label="energy",
        meaning="energy of a step, idle power included",
        unit="J",
        kind="sampled",
        source="energy",
        gate=True,
    ),
    Metric(
        name="energy_per_image",
        label="energy per image",
        meaning="the same over the batch size",
        unit="J",
        kind="sampled",
        source="energy",
    ),
    Metric(
        name="net_energy",
        label="energy net of idle",
        meaning="energy of a step beyond the idle power",
        unit="J",
        kind="sampled",
        source="energy",
    ),
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
