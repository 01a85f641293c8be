"""`excite` for programs: what the gates of a network do on images, and which do nothing."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sebench.analysis.excitation import ExcitationFound, GateExcitation
from sebench.api.arguments import require_taken
from sebench.api.display import Display
from sebench.api.guard import guarded
from sebench.api.naming import Attention, Network, asked_options, network_name, variant_name
from sebench.errors import Interrupted, SebenchError
from sebench.models import ImageSize
from sebench.reporting.excitation import excitation_document, excitation_records
from sebench.runner.counting.counter import default_cache
from sebench.runner.exciting import (
    BATCH_SIZE,
    ExcitationRequest,
    measure_folded,
    watch_gates,
)
from sebench.runner.measuring.context import RunContext
from sebench.runner.planning.plan import drawn_seed
from sebench.runner.planning.workloads import on_this_machine
from sebench.schema import CONSTANT_BELOW, Effort, Finding, Folded, StrideIn, WorkloadRequest
from sebench.units import number_of

if TYPE_CHECKING:
    import pandas as pd

    from sebench.reporting.document import Document


@dataclass(frozen=True, repr=False, eq=False)
class ExcitationResult(Display):
    """What the gates of a network do on images."""

    found: ExcitationFound
    """Whose gates, which images, and the moments of each gate by class and channel (NumPy arrays)."""

    @property
    def gates(self) -> tuple[GateExcitation, ...]:
        """One per gate, in order of execution: mean, spread, saturation, class share, whether it can go."""
        return self.found.gates

    @property
    def folded(self) -> Folded | None:
        """The network without its near-constant gates, and how far its outputs are from before."""
        return self.found.folded

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a reader should know of the weights: what was converted or assumed."""
        return self.found.findings

    def to_frame(self) -> pd.DataFrame:
        """Mean, standard deviation and n by gate, class and channel, and over all classes."""
        return excitation_records(self.found).to_frame()

    def document(self) -> Document:
        """What ``sebench excite`` prints."""
        return excitation_document(self.found)

    def __repr__(self) -> str:
        spec, gates = self.found.excitation.spec, self.gates
        constant = sum(gate.is_constant for gate in gates)
        return f"ExcitationResult({spec.label!r}, {number_of(len(gates), 'gate')}, {constant} near-constant)"


def excite(
    model: Network,
    *,
    images: str | os.PathLike[str],
    variant: Attention | None = None,
    fold: str | os.PathLike[str] | None = None,
    constant_below: float = CONSTANT_BELOW,
    measure: bool = True,
    effort: Effort = "quick",
    device: str = "auto",
    batch_size: int = BATCH_SIZE,
    image_size: ImageSize | None = None,
    preprocessing: str | os.PathLike[str] | None = None,
    limit: int | None = None,
    workers: int = 0,
    threads: int | None = None,
    num_classes: int | None = None,
    stride_in: StrideIn | None = None,
    model_args: Mapping[str, object] | None = None,
    weights: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> ExcitationResult:
    """Watch the gates of a network on a folder of images, in a worker process (docs/excitation.md).

    Memory holds the moments of every gate, class and channel and a few batches, however many images come.

    Args:
        model: a network, by name or as a function or class at the top of a module.
        images: folder with one folder of images per class.
        variant: which attention it has; None is its own, or ``se`` of sebench's own networks.
        fold: file to write the weights to once near-constant gates are folded into them.
        constant_below: a gate is near-constant if no channel of it has a standard deviation of as much.
        measure: whether the folded network is timed against the one as it was.
        effort: how long.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``: the accelerator that torch finds, else the CPU.
        batch_size: images that are read and run together.
        image_size: side or (height, width) in pixels; None is the network's own.
        preprocessing: what is done to images: ``paper``, ``own`` or a JSON file; None is the library's own
            where there is one, else the paper's.
        limit: how many images are drawn; None is all.
        workers: processes that read images; with 0 the worker does it itself.
        threads: intra-op threads on the CPU; None is every core that this process may use.
        num_classes: width of the classifier; None is the network's own.
        stride_in: of a bottleneck ResNet, the convolution that strides.
        model_args: keyword arguments of the network's factory.
        weights: file with a state_dict; None leaves random weights, whose gates say nothing.
        seed: of weights that no file gives, and of what is drawn; None draws one.
        progress: called after each batch with the number of images so far, and of all.

    Raises:
        UsageError: what cannot be meant; no images; a network without gates.
        BuildError: the network cannot be built, or does not take these images.
        DeviceError: a device that is not there.
        WorkerError: the worker process could not do it.
        KeyboardInterrupt: Ctrl-C.
    """
    require_taken(locals(), required=("model", "images"))
    here = on_this_machine(WorkloadRequest(device=device, threads=threads))
    request = ExcitationRequest(
        model=network_name(model),
        variant=None if variant is None else variant_name(variant),
        options=asked_options(
            num_classes=num_classes, stride_in=stride_in, model_args=model_args, weights=weights
        ),
        device=str(here.device),
        threads=here.threads or 1,
        batch_size=batch_size,
        image_size=image_size,
        preprocessing=None if preprocessing is None else os.fspath(preprocessing),
        images=Path(images),
        limit=limit,
        workers=workers,
        constant_below=constant_below,
        fold=None if fold is None else Path(fold),
        seed=drawn_seed(seed),
    )
    with guarded():
        found = watch_gates(request, lambda seen: progress and progress(seen.images, seen.of))
        if found.excitation.interrupted:
            raise KeyboardInterrupt
        if measure and found.folded is not None:
            context = RunContext(cache=default_cache())
            try:
                saving, reason = measure_folded(found.folded, found.excitation, effort, context)
            except Interrupted:
                raise
            except SebenchError as error:
                saving, reason = None, str(error)
            found = dataclasses.replace(found, saving=saving, not_measured=reason)
    return ExcitationResult(found)
