"""What networks get right on labelled images, and what it is concluded from."""

from __future__ import annotations

from typing import Literal

import msgspec

from sebench.schema.base import SCHEMA, Status, Value
from sebench.schema.images import Preprocessing
from sebench.schema.measurements import Environment, Finding
from sebench.schema.request import ModelSpec, Workload


class AccuracyRun(Value, frozen=True, kw_only=True):
    """Raw: how one network ranked the true class of each image."""

    spec: ModelSpec
    preprocessing: Preprocessing
    ranks: dict[int, int]
    """By place of the image in the folder: how many classes scored higher, `MOST_RANK` at most."""


MOST_RANK = 5
"""Ranks from here on are one: the class is not among the first five."""


class Share(Value, frozen=True, kw_only=True):
    """Part of the images that is right, with Wilson's interval."""

    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    correct: int | None = None
    status: Status = "ok"
    reason: str | None = None


class ShareDifference(Value, frozen=True, kw_only=True):
    """Candidate minus baseline on the same images, with Tango's interval and McNemar's exact test."""

    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    baseline_only: int | None = None
    """Images that the baseline alone gets right."""
    candidate_only: int | None = None
    p_value: float | None = None
    """Two-sided, of no difference."""
    status: Status = "ok"
    reason: str | None = None


class NetworkAccuracy(Value, frozen=True, kw_only=True):
    """What one network gets right."""

    model: str
    variant: str
    weights: str | None = None
    weights_sha256: str | None = None
    preprocessing: Preprocessing
    n: int
    """Images that it saw."""
    top1: Share
    top5: Share


class NetworkName(Value, frozen=True, kw_only=True):
    """One of the networks of a document."""

    model: str
    variant: str
    weights: str | None = None


class AccuracyComparison(Value, frozen=True, kw_only=True):
    """Two networks on the same images."""

    baseline: NetworkName
    candidate: NetworkName
    n: int
    top1: ShareDifference
    top5: ShareDifference


class UnreadableImage(Value, frozen=True, kw_only=True):
    """A file that was left out."""

    path: str
    """Below the folder."""
    reason: str


class EvaluatedImages(Value, frozen=True, kw_only=True):
    """The images of one evaluation."""

    folder: str
    classes: int
    class_order: Literal["text", "natural"]
    images: int
    """In the folder."""
    asked: int
    """Of them, to be evaluated."""
    seed: int | None = None
    """That they were drawn with; None where all were asked for."""
    unreadable: tuple[UnreadableImage, ...] = ()
    skipped: dict[str, int] = msgspec.field(default_factory=dict)
    """Other files in the folder, by why they are no images of it."""
    empty_classes: tuple[str, ...] = ()


class Accuracy(Value, frozen=True, kw_only=True):
    """One evaluation: the ``accuracy`` document."""

    schema: str = SCHEMA
    kind: Literal["accuracy"] = "accuracy"
    measured_at: str
    """UTC, ISO 8601."""
    confidence: float = 0.95
    images: EvaluatedImages
    models: tuple[NetworkAccuracy, ...]
    comparisons: tuple[AccuracyComparison, ...] = ()
    """Every later network with the first."""
    findings: tuple[Finding, ...] = ()
    workload: Workload
    environment: Environment
