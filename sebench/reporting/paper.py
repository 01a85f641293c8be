"""The cost figures that the SE paper prints (CVPR 2018: Section 4, Tables 2, 3 and 7), with their sources.

They hold for the paper's own networks: published class count and stride, and the native image size. Whether
that is what was measured, the caller knows.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from sebench.errors import DataFileError
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

_BASE: Mapping[str, Decimal] = {
    "GFLOPs": Decimal("1e9"),
    "MFLOPs": Decimal("1e6"),
    "M": Decimal("1e6"),
    "ms": Decimal("1e-3"),
    "%": Decimal("1e-2"),
}
_IMAGE = (3, 224, 224)


class PaperFigure(Value, frozen=True, kw_only=True):
    """One printed figure."""

    model: str
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
    """Every figure, in the order of the data file.

    Raises:
        DataFileError: the installed data file is missing or damaged.
    """
    try:
        text = (files("sebench") / "data" / "paper.toml").read_text(encoding="utf-8")
        return parse_paper_figures(text)
    except OSError as error:
        raise DataFileError(f"data/paper.toml: {error.strerror}", hint="reinstall sebench") from error


def parse_paper_figures(text: str) -> tuple[PaperFigure, ...]:
    """The figures in a TOML text of the form of ``data/paper.toml``.

    Raises:
        DataFileError: it is not TOML, a field is missing or unknown, or a value is not a number.
    """
    try:
        figures = msgspec.convert(tomllib.loads(text)["figures"], tuple[PaperFigure, ...], strict=True)
        for figure in figures:
            _ = figure.value
    except (tomllib.TOMLDecodeError, KeyError, msgspec.ValidationError, ArithmeticError) as error:
        raise DataFileError(f"data/paper.toml: {error}", hint="reinstall sebench") from error
    return figures


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

    CPU: inference of one 224x224 image. GPU: forward and backward of a minibatch of 256. Both in float32.
    """
    batch, *image = workload.input_shape
    if tuple(image) != _IMAGE or workload.dtype != "float32":
        return None
    if (workload.device, workload.phase, batch) == ("cpu", "inference", 1):
        return "cpu_inference_latency"
    if workload.device.startswith("cuda") and (workload.phase, batch) == ("training", 256):
        return "gpu_training_latency"
    return None


@cache
def _index() -> Mapping[tuple[str, str, str], PaperFigure]:
    # Reversed, so that the first of several figures stays.
    return {(f.model, f.variant, f.metric): f for f in reversed(all_paper_figures())}
