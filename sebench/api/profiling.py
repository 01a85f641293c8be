"""`profile` for programs: where the time of an attention module goes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, overload

from msgspec.structs import astuple

from sebench.api.arguments import require_taken
from sebench.api.display import Display
from sebench.api.guard import guarded
from sebench.api.module_profile import ModuleProfileResult, profile_existing
from sebench.api.modules import BY_NAME, OBJECT, is_module, refuse, uncompiled
from sebench.api.naming import Attention, Network, asked_options, network_name, shape_text, variant_name
from sebench.errors import UsageError
from sebench.models import PLAIN, ImageSize, image_size_text
from sebench.profilers.environment import capture_environment
from sebench.reporting.profile import profile_document
from sebench.reporting.records import WORKLOAD_FIELDS, Field, Records, fields_of
from sebench.runner.counting.counter import default_cache
from sebench.runner.measuring.context import RunContext
from sebench.runner.planning.plan import make_plan
from sebench.runner.planning.workloads import on_this_machine
from sebench.runner.profiling import default_machine_cache, run_profiles
from sebench.schema import (
    Dtype,
    Environment,
    Finding,
    MemoryFormat,
    PartProfile,
    Phase,
    Profile,
    SiteProfile,
    StrideIn,
    WorkloadRequest,
    network_words,
    workload_values,
)
from sebench.units import significant

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from sebench.reporting.document import Document

_MS = 1e3
_FIELDS = {
    by: (
        *(Field(key, "text", "") for key in ("model", "baseline_variant", "candidate_variant")),
        # The workload has a phase of its own.
        *(replace(field, key="pass") if field.key == "phase" else field for field in fields_of(row)),
        *WORKLOAD_FIELDS,
    )
    for by, row in (("part", PartProfile), ("site", SiteProfile))
}


@dataclass(frozen=True, repr=False)
class ProfileResult(Display):
    """A network's attention, taken apart."""

    profile: Profile
    """Times by stage, part and pass, bounds of the machine, and checks of both."""
    environment: Environment
    """Of this machine."""
    measured_at: str
    """UTC, ISO 8601."""

    @property
    def parts(self) -> tuple[PartProfile, ...]:
        """One row per stage, part and pass."""
        return self.profile.parts

    @property
    def sites(self) -> tuple[SiteProfile, ...]:
        """One row per site and pass, in the order of the network; counts are those of `CountResult`."""
        return self.profile.sites

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a reader of the times should know."""
        return self.profile.findings

    def to_frame(self, by: Literal["part", "site"] = "part") -> pd.DataFrame:
        """One row per stage, part and pass, in base units, with the pair and the workload.

        ``pass`` is ``forward`` or ``backward``; ``phase`` is the workload's.

        Args:
            by: ``site`` gives one row per site and pass instead.

        Raises:
            UsageError: no such breakdown.
        """
        if by not in _FIELDS:
            raise UsageError(f"no breakdown by {by!r}", hint=f"use {' or '.join(_FIELDS)}")
        pair, workload = self.profile.pair, workload_values(self.profile.workload)
        names = (pair.model, pair.baseline_name, pair.candidate_name)
        found: tuple[PartProfile | SiteProfile, ...] = self.sites if by == "site" else self.parts
        rows = tuple((*names, *astuple(row), *workload) for row in found)
        return Records(_FIELDS[by], rows).to_frame()

    def document(self) -> Document:
        """What ``sebench profile`` prints."""
        return profile_document([self.profile], self.environment, measured_at=self.measured_at)

    def __repr__(self) -> str:
        attention_s, step_s = sum(part.time_s for part in self.parts), self.profile.step_s
        times = f"attention {significant(attention_s * _MS, 3)} of {significant(step_s * _MS, 3)} ms"
        return f"ProfileResult({self.profile.pair.title!r}, {times})"


@overload
def profile(  # type: ignore[overload-overlap]
    model: nn.Module,
    *,
    input_shape: Sequence[int],
    sites: Sequence[str] = (),
    stages: Mapping[str, str] | None = None,
    device: str = "auto",
    phase: Phase = "inference",
    dtype: Dtype = "float32",
    memory_format: MemoryFormat = "contiguous",
    threads: int | None = None,
    seed: int | None = None,
) -> ModuleProfileResult: ...
@overload
def profile(
    model: Network,
    *,
    variant: Attention | None = None,
    device: str = "auto",
    phase: Phase = "inference",
    batch_size: int | None = None,
    image_size: ImageSize | None = None,
    input_shape: Sequence[int] | None = None,
    dtype: Dtype = "float32",
    memory_format: MemoryFormat = "contiguous",
    threads: int | None = None,
    num_classes: int | None = None,
    stride_in: StrideIn | None = None,
    model_args: Mapping[str, object] | None = None,
    weights: str | os.PathLike[str] | None = None,
    insert_after: str | None = None,
    attention_class: str | None = None,
    example_inputs: Network | None = None,
    seed: int | None = None,
) -> ProfileResult: ...
def profile(
    model: Network | nn.Module,
    *,
    variant: Attention | None = None,
    device: str = "auto",
    phase: Phase = "inference",
    batch_size: int | None = None,
    image_size: ImageSize | None = None,
    dtype: Dtype = "float32",
    memory_format: MemoryFormat = "contiguous",
    threads: int | None = None,
    num_classes: int | None = None,
    stride_in: StrideIn | None = None,
    model_args: Mapping[str, object] | None = None,
    weights: str | os.PathLike[str] | None = None,
    insert_after: str | None = None,
    attention_class: str | None = None,
    example_inputs: Network | None = None,
    seed: int | None = None,
    input_shape: Sequence[int] | None = None,
    sites: Sequence[str] = (),
    stages: Mapping[str, str] | None = None,
) -> ProfileResult | ModuleProfileResult:
    """Take attention apart: the time of its parts by stage, against what the machine can do at best.

    Takes a minute or more, in a worker process of its own. Another measurement on the same device is waited
    for. The machine's bounds are kept for later profiles.

    A module object is taken apart by its ops instead, in this process, which takes some 40 steps. A copy of
    it runs, in eager mode: the module, its mode, gradients and buffers, threads and random numbers stay what
    they were. Nothing is compared, because there is no network without attention to compare it with.

    Args:
        model: a network, by name or as a function or class at the top of a module; or a module object.
        variant: attention of a named network, which is taken apart and measured against ``plain``; None is
            ``asis`` of a network that has attention, else ``se``.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``: the accelerator that torch finds, else the CPU.
        phase: ``inference``, or ``training``: forward + backward.
        batch_size: images per step, of a named network; None is 1, in training 16 on the CPU and 256
            elsewhere.
        image_size: side or (height, width) in pixels, of a named network; None is its own.
        dtype: number format.
        memory_format: of input and weights.
        threads: intra-op threads on the CPU; None is every core that this process may use.
        seed: fixes weights, inputs and orders; None draws one.
        input_shape: batch in front, e.g. ``(1, 80, 300)``; of a named network instead of `image_size`.
        sites: names of attention modules inside a module object: rows of `ModuleProfileResult.by_site`.
        stages: of a module object, stage labels by module name; None takes its children as stages.
        num_classes: width of the classifier, of a named network; None is its own.
        stride_in: of a bottleneck ResNet by name, the convolution that strides.
        model_args: keyword arguments of the factory of a named network.
        weights: of a named network, file with a state_dict to load; None leaves random weights.
        insert_after: of a named network, regular expression for the modules after which attention goes; None
            is where the paper puts it.
        attention_class: of a named network, class of the modules that are its attention; None finds it by
            data flow.
        example_inputs: of a named network, function of the batch size that returns the inputs; None is
            ``example_inputs`` beside its function.

    Raises:
        UsageError: names or numbers that cannot be meant, or a variant without attention to take apart.
        BuildError: a network that cannot be built, or a batch beyond the machine's memory.
        DeviceError: a device that is not there.
        WorkerError: the worker process could not measure.
        KeyboardInterrupt: Ctrl-C.
    """
    require_taken(locals(), required=("model", "sites"))
    options = asked_options(
        num_classes=num_classes,
        stride_in=stride_in,
        model_args=model_args,
        weights=weights,
        insert_after=insert_after,
        attention_class=attention_class,
        example_inputs=example_inputs,
    )
    request = WorkloadRequest(
        device=device,
        phase=phase,
        batch_size=batch_size,
        image_size=None if image_size is None else image_size_text(image_size),
        input_shape=shape_text(input_shape),
        dtype=dtype,
        memory_format=memory_format,
        threads=threads,
    )
    if is_module(model):
        by_name = {"variant": variant, "batch_size": batch_size, "image_size": image_size}
        refuse({**by_name, "the network's options": network_words(options)}, OBJECT)
        with guarded():
            return profile_existing(
                uncompiled(model), request, input_shape=input_shape, sites=sites, stages=stages, seed=seed
            )
    refuse({"sites": sites, "stages": stages}, BY_NAME)
    plan = make_plan(
        names=(network_name(model),),
        variants=() if variant is None else (variant_name(variant),),
        baseline=PLAIN,
        seed=seed,
        effort="quick",
        workload=on_this_machine(request),
        options=options,
        usual_candidate=RunContext(cache=default_cache()).usual_candidate,
    )
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    with guarded():
        (found,), environment = run_profiles(
            plan, capture_environment(), cache=default_cache(), machines=default_machine_cache()
        )
    return ProfileResult(found, environment, measured_at)
