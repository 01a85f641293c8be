"""`check` for programs: the gate."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sebench.api.arguments import one_or_several, require_taken
from sebench.api.display import Display
from sebench.api.guard import guarded
from sebench.api.naming import Attention, Network, asked_options, network_name, shape_text, variant_name
from sebench.configuration import Asked, configuration_of, lock_of
from sebench.errors import DataFileError
from sebench.models import ImageSize, image_size_text
from sebench.reporting.gate import gate_document
from sebench.reporting.gate_records import gate_records
from sebench.runner.counting.counter import default_cache
from sebench.runner.gate.earlier import AttemptStore
from sebench.runner.gate.run import run_gate
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.measuring.context import RunContext
from sebench.runner.progress import Observer, unobserved
from sebench.schema import (
    Check,
    Dtype,
    Effort,
    Gate,
    GateStatus,
    MemoryFormat,
    OnInconclusive,
    Optimizer,
    Phase,
    Quantization,
    Runtime,
    StrideIn,
    WorkloadRequest,
    network_arguments,
    said,
)
from sebench.store import ATTEMPTS, CALIBRATIONS

if TYPE_CHECKING:
    import pandas as pd

    from sebench.reporting.document import Document

Limits: TypeAlias = Mapping[str, float]
"""Largest ratio allowed, by metric: ``{"latency": 1.05}`` allows 5 % more."""


@dataclass(frozen=True, repr=False)
class GateResult(Display):
    """What a gate came to."""

    gate: Gate
    """The verdict, and every check that it is made of."""

    @property
    def status(self) -> GateStatus:
        """``passed``, ``failed``, ``inconclusive`` or ``not_comparable``, the worst of all checks."""
        return self.gate.status

    @property
    def passed(self) -> bool:
        """Whether ``sebench check`` would end with exit code 0.

        Inconclusive passes only where `on_inconclusive` is ``pass``; a gate that compared nothing never does.
        """
        lenient = self.gate.on_inconclusive == "pass" and self.status == "inconclusive"
        return self.status == "passed" or lenient

    @property
    def checks(self) -> tuple[Check, ...]:
        """One per network and metric, each with its status, ratio, limit and reason."""
        return self.gate.checks

    def to_frame(self) -> pd.DataFrame:
        """One row per check, values in base units, under the keys of the CSV; typed columns."""
        return gate_records(self.gate).to_frame()

    def document(self) -> Document:
        """What ``sebench check`` prints."""
        return gate_document(self.gate)

    def __repr__(self) -> str:
        checks = [f"{check.model} {check.candidate} {check.metric} {check.status}" for check in self.checks]
        return f"GateResult({', '.join((self.status, *checks))})"


def check(
    model: Network | Sequence[Network] = (),
    *,
    variant: Attention | Sequence[Attention] = (),
    baseline: Network | None = None,
    candidate: Network | None = None,
    base_ref: str | None = None,
    against: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    max_overhead: Limits | None = None,
    margin: Limits | None = None,
    lock: str | os.PathLike[str] | None = None,
    device: str | None = None,
    phase: Phase | None = None,
    batch_size: int | None = None,
    image_size: ImageSize | None = None,
    input_shape: Sequence[int] | None = None,
    dtype: Dtype | None = None,
    memory_format: MemoryFormat | None = None,
    threads: int | None = None,
    runtime: Runtime | None = None,
    optimizer: Optimizer | None = None,
    quantize: Quantization | None = None,
    world_size: int | None = None,
    num_classes: int | None = None,
    stride_in: StrideIn | None = None,
    model_args: Mapping[str, object] | None = None,
    weights: str | os.PathLike[str] | None = None,
    insert_after: str | None = None,
    attention_class: str | None = None,
    example_inputs: Network | None = None,
    effort: Effort | None = None,
    budget_s: float | None = None,
    seed: int | None = None,
    on_inconclusive: OnInconclusive | None = None,
    attempts: str | os.PathLike[str] | None = ATTEMPTS,
    calibrations: str | os.PathLike[str] = CALIBRATIONS,
    progress: Observer | None = None,
) -> GateResult:
    """Hold costs against limits. Without arguments: what sebench.toml or pyproject.toml here names.

    Decided by the interval: passed if all of it is within the limit, failed if all of it is beyond, else
    inconclusive after one extension.

    Args:
        model: one network or several.
        variant: one or several, compared with `baseline`; none is ``asis`` of a network with attention of its
            own, else ``se``.
        baseline: variant (None is ``plain``) or network that the limit is over.
        candidate: network to compare with the one of `baseline`.
        base_ref: git ref to compare this tree's `model` with.
        against: stored results to compare with.
        max_overhead: ratio of variant over baseline that is allowed, by metric.
        margin: ratio of new over old that is allowed, by metric: 1.05 allows 5 %.
        lock: lock file to compare exact costs with; None is as configured.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``. Of this and the following up to `effort`, None is
            what the configuration says, or the default of `sebench.compare`.
        phase: None is as the metric asks, on a GPU training.
        batch_size: images per step.
        image_size: side or (height, width) in pixels.
        input_shape: of the input, batch in front, e.g. ``(1, 80, 300)``; instead of `image_size`.
        dtype: number format.
        memory_format: of input and weights.
        threads: intra-op threads on the CPU.
        runtime: how steps run.
        optimizer: ``sgd`` includes the update of the weights in a training step.
        quantize: ``int8`` has the runtime quantize statically, calibrated on seeded inputs.
        world_size: train data-parallel over so many processes.
        num_classes: width of the classifier; None is the network's own.
        stride_in: convolution that strides in bottleneck ResNets: ``1x1`` (None) is v1, ``3x3`` is v1.5.
        model_args: keyword arguments of the network's factory.
        weights: file with a state_dict to load; None leaves random weights.
        insert_after: regular expression for the modules after which attention goes; None is where the paper
            puts it.
        attention_class: class of the modules that are its attention; None finds it by data flow.
        example_inputs: function of the batch size that returns the inputs; None is ``example_inputs`` beside
            the network's function.
        effort: how many processes and blocks to measure.
        budget_s: seconds of measuring, shared by what is timed; leaves no extension.
        seed: fixes weights, orders and pauses; None draws one.
        on_inconclusive: ``pass`` or ``fail``: what `GateResult.passed` says where noise leaves it open.
        attempts: where samples are kept, to be pooled when a gate is repeated; None neither keeps nor pools.
            That they cannot be kept is a warning.
        calibrations: where calibrations are.
        progress: called in this thread whenever something happened, with a `Progress`.

    Raises:
        UsageError: arguments that contradict each other, or a margin below the noise floor.
        ConfigurationError: the configuration cannot be meant.
        SebenchError: the lock, a ref, a stored result or the samples of earlier attempts are not as they
            should be.
        KeyboardInterrupt: Ctrl-C.
    """
    require_taken(
        locals(),
        required=("model", "variant", "against", "calibrations"),
        several=("model", "variant", "against"),
    )
    asked = Asked(
        models=[network_name(each) for each in one_or_several(model)],
        variants=[variant_name(each) for each in one_or_several(variant)],
        baseline=None if baseline is None else network_name(baseline),
        candidate=None if candidate is None else network_name(candidate),
        base_ref=base_ref,
        against=[Path(each) for each in one_or_several(against)],
        max_overhead=_limits(max_overhead),
        margin=_limits(margin),
        workload=WorkloadRequest(
            device=device,
            phase=phase,
            batch_size=batch_size,
            image_size=None if image_size is None else image_size_text(image_size),
            input_shape=shape_text(input_shape),
            dtype=dtype,
            memory_format=memory_format,
            threads=threads,
            runtime=runtime,
            optimizer=optimizer,
            quantize=quantize,
            world_size=world_size,
        ),
        network=asked_options(
            num_classes=num_classes,
            stride_in=stride_in,
            model_args=model_args,
            weights=weights,
            insert_after=insert_after,
            attention_class=attention_class,
            example_inputs=example_inputs,
        ),
    )
    configuration = configuration_of(
        asked, Path(), effort=effort, budget_s=budget_s, on_inconclusive=on_inconclusive
    )
    written = tuple(Path(path) for path in (attempts, calibrations) if path is not None)
    with guarded():
        gate = run_gate(
            configuration,
            RunContext(
                cache=default_cache(),
                calibrations=Calibrations(Path(calibrations)),
                observer=progress or unobserved,
                argv=("sebench", "check", *_words(asked)),
            ),
            lock_file=lock_of(configuration, asked) if lock is None else Path(lock),
            seed=seed,
            attempts=None if attempts is None else AttemptStore(Path(attempts)),
            written=written,
            not_stored=_warn,
        )
    return GateResult(gate)


def _limits(limits: Limits | None) -> list[str]:
    return [f"{metric}:{ratio!r}" for metric, ratio in (limits or {}).items()]


def _words(asked: Asked) -> Iterator[str]:
    """What the command line would have said of what is compared."""
    several = {
        "--model": asked.models,
        "--variant": asked.variants,
        "--against": asked.against,
        "--max-overhead": asked.max_overhead,
        "--margin": asked.margin,
    }
    single = {
        "--baseline": asked.baseline,
        "--candidate": asked.candidate,
        "--base-ref": asked.base_ref,
        **{str(option.option): value for option, value in said(asked.workload)},
    }
    for name, values in several.items():
        for value in values:
            yield from (name, str(value))
    yield from network_arguments(asked.network)
    for name, word in single.items():
        if word is not None:
            yield from (name, str(word))


def _warn(error: DataFileError) -> None:
    warnings.warn(f"the samples are not stored: {error}", stacklevel=5)
