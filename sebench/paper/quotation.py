"""The cost figures of the paper (CVPR 2018: Section 4, Tables 2, 3 and 7) as `compare` quotes them.

They hold for the paper's own networks: published class count and stride, and the native image size. Whether
that is what was measured, the caller knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Literal

from sebench.paper.figures import PublishedFigure, published_figures
from sebench.paper.quantities import STORED, params_rule
from sebench.paper.subjects import MODELS, UNPUBLISHED_GRAPHS, subject_of
from sebench.schema import Value, Workload

PaperUnit = Literal["GFLOPs", "MFLOPs", "M", "ms", "%"]
"""As printed; the paper's "FLOPs" are multiply-adds."""
PaperMetric = Literal[
    "params",
    "params_added",
    "params_increase",
    "paper_macs",
    "paper_macs_increase",
    "cpu_inference_latency",
    "gpu_training_latency",
]
"""``_increase`` and ``_added`` are relative to the plain network."""

_SOURCES = {
    "CVPR18 Table 2": "Table 2",
    "CVPR18 Table 3": "Table 3",
    "CVPR18 Table 7": "Table 7",
    "CVPR18 Sec.4": "Section 4",
}
_METRICS: Mapping[str, tuple[PaperMetric, PaperUnit]] = {
    "gflops": ("paper_macs", "GFLOPs"),
    "mflops": ("paper_macs", "MFLOPs"),
    "params_m": ("params", "M"),
    "params_added_m": ("params_added", "M"),
    "params_rel_increase_pct": ("params_increase", "%"),
    "gflops_rel_increase_pct": ("paper_macs_increase", "%"),
    "cpu_infer_ms": ("cpu_inference_latency", "ms"),
    "gpu_train_ms": ("gpu_training_latency", "ms"),
}
_BASE: Mapping[PaperUnit, Decimal] = {
    "GFLOPs": Decimal("1e9"),
    "MFLOPs": Decimal("1e6"),
    "M": Decimal("1e6"),
    "ms": Decimal("1e-3"),
    "%": Decimal("1e-2"),
}
_STORED_NOTE = "counts the running statistics of batch normalisation as parameters"
_IMAGE = (3, 224, 224)


class PaperFigure(Value, frozen=True, kw_only=True):
    """One printed figure of a network that sebench builds."""

    model: str
    """In sebench's names."""
    variant: str
    metric: PaperMetric
    text: str
    """Digits as printed."""
    unit: PaperUnit
    source: str
    note: str = ""

    @property
    def value(self) -> float:
        """In the metric's base unit: multiply-adds, parameters, seconds, or a fraction for per cent."""
        return float(Decimal(self.text) * self.scale)

    @property
    def scale(self) -> Decimal:
        """Base units per printed unit."""
        return _BASE[self.unit]


@cache
def all_paper_figures() -> tuple[PaperFigure, ...]:
    """Every figure, in the order of the sources.

    Raises:
        DataFileError: the installed data file is missing or damaged.
    """
    return tuple(_quotable(published_figures()))


def paper_figures(model: str, variant: str, metric: str) -> PaperFigure | None:
    """The figure to quote for one network, or None where the paper prints none.

    Args:
        model: sebench's name, e.g. ``resnet50``.
        variant: Canonical variant, e.g. ``se`` or ``se(r=8)``.
        metric: One of `PaperMetric`.
    """
    return _index().get((model, variant, metric))


def latency_metric(workload: Workload) -> PaperMetric | None:
    """Which of the paper's two timings was taken under `workload`, if any (Section 4).

    CPU: inference of one 224x224 image. GPU: forward and backward of a minibatch of 256, on a server with
    eight GPUs, so at any world size. Both in float32 and without an optimizer.
    """
    batch, *image = workload.input_shape
    if tuple(image) != _IMAGE or workload.dtype != "float32" or workload.optimizer != "none":
        return None
    if (workload.device, workload.phase, batch) == ("cpu", "inference", 1):
        return "cpu_inference_latency"
    if workload.device.startswith("cuda") and (workload.phase, batch) == ("training", 256):
        return None if workload.emulated else "gpu_training_latency"
    return None


def _quotable(figures: tuple[PublishedFigure, ...]) -> Iterator[PaperFigure]:
    known = frozenset(MODELS.values())
    for figure in figures:
        subject = subject_of(figure, known)
        if figure.source in _SOURCES and figure.metric in _METRICS and figure.value and subject:
            metric, unit = _METRICS[figure.metric]
            yield PaperFigure(
                model=subject.model,
                variant=subject.variant,
                metric=metric,
                text=figure.value,
                unit=unit,
                source=_SOURCES[figure.source],
                note=_note(figure, subject.model),
            )


def _note(figure: PublishedFigure, model: str) -> str:
    """What a reader must know of the figure; how images were cropped changes accuracies, not costs."""
    if figure.approximate:
        return "printed as approximate"
    if figure.source == "CVPR18 Table 2":
        return UNPUBLISHED_GRAPHS.get(model, "")
    return _STORED_NOTE if params_rule(figure.source) == STORED else figure.note


@cache
def _index() -> Mapping[tuple[str, str, str], PaperFigure]:
    # Reversed, so that the first of several figures stays.
    return {(f.model, f.variant, f.metric): f for f in reversed(all_paper_figures())}
