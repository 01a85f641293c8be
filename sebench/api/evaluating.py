"""`evaluate` for programs: what networks get right on labelled images."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sebench.api.arguments import one_or_several, require_taken
from sebench.api.display import Display
from sebench.api.guard import guarded
from sebench.api.naming import Attention, Network, asked_options, network_name, variant_name
from sebench.models import ImageSize, image_size_text
from sebench.reporting.accuracy import accuracy_document
from sebench.runner.evaluating import evaluate as run
from sebench.runner.evaluating import plan_evaluation
from sebench.schema import (
    Accuracy,
    AccuracyComparison,
    Dtype,
    Finding,
    MemoryFormat,
    NetworkAccuracy,
    StrideIn,
    WorkloadRequest,
)

if TYPE_CHECKING:
    from sebench.reporting.document import Document


@dataclass(frozen=True, repr=False)
class AccuracyResult(Display):
    """What networks get right on the images of a folder."""

    accuracy: Accuracy
    """Everything, as in the JSON of ``sebench evaluate``."""

    @property
    def models(self) -> tuple[NetworkAccuracy, ...]:
        """One entry per network, in the order in which they were asked for."""
        return self.accuracy.models

    @property
    def comparisons(self) -> tuple[AccuracyComparison, ...]:
        """Each network from the second on, compared with the first on the same images."""
        return self.accuracy.comparisons

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a reader of the figures should know: unreadable images, the order of classes."""
        return self.accuracy.findings

    def document(self) -> Document:
        """What ``sebench evaluate`` prints."""
        return accuracy_document(self.accuracy)

    def __repr__(self) -> str:
        shares = ", ".join(f"{each.model} {each.variant} {each.top1.estimate}" for each in self.models)
        return f"AccuracyResult({shares})"


def evaluate(
    model: Network | Sequence[Network],
    *,
    images: str | os.PathLike[str],
    variant: Attention | Sequence[Attention] | None = None,
    weights: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    preprocessing: str | os.PathLike[str] | None = None,
    class_order: Literal["text", "natural"] = "text",
    limit: int | None = None,
    workers: int = 0,
    device: str = "auto",
    batch_size: int = 32,
    image_size: ImageSize | None = None,
    dtype: Dtype = "float32",
    memory_format: MemoryFormat = "contiguous",
    threads: int | None = None,
    num_classes: int | None = None,
    stride_in: StrideIn | None = None,
    model_args: Mapping[str, object] | None = None,
    insert_after: str | None = None,
    attention_class: str | None = None,
    seed: int | None = None,
) -> AccuracyResult:
    """Measure top-1 and top-5 accuracy; each network runs in a worker process of its own.

    Args:
        model: one or several networks, by name or as functions or classes at the top of a module. The first
            network is what the others are compared with.
        images: a folder with one folder of images per class.
        variant: one or several, of each model; None is each network as its name has it.
        weights: a file for each model and variant, in their order; None where functions load their own.
        preprocessing: ``paper``, ``own`` or a JSON file; None is the library's own where there is one, else
            the paper's.
        class_order: how class folders are numbered: ``text`` as torchvision, ``natural`` as timm.
        limit: how many images, drawn at random; None is all.
        workers: processes that read images; 0 reads them in the worker itself.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``: the accelerator that torch finds, else the CPU.
        batch_size: images that a network sees at once.
        image_size: side or (height, width) of what a network sees, in pixels; None is its own.
        dtype: number format.
        memory_format: of input and weights.
        threads: intra-op threads on the CPU; None is every core that this process may use.
        num_classes: width of the classifier; None is the network's own.
        stride_in: of a bottleneck ResNet, the convolution that strides.
        model_args: keyword arguments of the factory.
        insert_after: regular expression for the modules after which attention goes.
        attention_class: class of the modules that are a network's attention.
        seed: of drawing images; None draws one.

    Raises:
        UsageError: names or numbers that cannot be meant, weights that do not fit, or folders that do not
            match the classes of a network.
        DeviceError: a device that is not there.
        WorkerError: a network does not run, or returns no scores; or no image can be read.
        KeyboardInterrupt: Ctrl-C.
    """
    require_taken(
        locals(),
        required=("model", "images", "workers", "batch_size"),
        several=("model", "variant", "weights"),
    )
    plan = plan_evaluation(
        names=tuple(map(network_name, one_or_several(model))),
        variants=() if variant is None else tuple(map(variant_name, one_or_several(variant))),
        weights=() if weights is None else tuple(map(os.fspath, one_or_several(weights))),
        images=os.fspath(images),
        options=asked_options(
            num_classes=num_classes,
            stride_in=stride_in,
            model_args=model_args,
            insert_after=insert_after,
            attention_class=attention_class,
        ),
        workload=WorkloadRequest(
            device=device,
            batch_size=batch_size,
            image_size=None if image_size is None else image_size_text(image_size),
            dtype=dtype,
            memory_format=memory_format,
            threads=threads,
        ),
        preprocessing=None if preprocessing is None else os.fspath(preprocessing),
        class_order=class_order,
        limit=limit,
        seed=seed,
        readers=workers,
    )
    with guarded():
        return AccuracyResult(run(plan))
