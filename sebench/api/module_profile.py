"""What `profile` returns of a module that exists, and how it is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec.structs import astuple, replace

from sebench.analysis import module_profile
from sebench.analysis.module_profile import TimeRow
from sebench.api.display import Display
from sebench.api.modules import module_shape, stages_of
from sebench.errors import UsageError, near_matches
from sebench.profilers.environment import capture_environment
from sebench.reporting.module_profile import TIME_ROWS, TimeBreakdown, module_profile_document
from sebench.reporting.records import WORKLOAD_FIELDS, Field, Records, fields_of
from sebench.runner.planning.plan import drawn_seed
from sebench.runner.planning.workloads import on_this_machine, workloads
from sebench.runner.profiling import profile_module
from sebench.schema import Environment, Finding, ModuleProfile, WorkloadRequest, workload_values
from sebench.units import significant

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from sebench.reporting.document import Document

_MS = 1e3
# The workload has a phase of its own.
_NAMES = {"phase": "pass"}


@dataclass(frozen=True, repr=False)
class ModuleProfileResult(Display):
    """A step of a module that exists, taken apart by its ops, which are those of `CountResult`."""

    profile: ModuleProfile
    """Times by op, module, stage, site and pass, beside their counts."""
    environment: Environment
    """Of this machine."""
    measured_at: str
    """UTC, ISO 8601."""

    @cached_property
    def by_op(self) -> tuple[TimeRow, ...]:
        """One row per aten op and pass, the longest time first."""
        return module_profile.by_op(self.profile)

    @cached_property
    def by_stage(self) -> tuple[TimeRow, ...]:
        """One row per stage and pass, in the order of the step."""
        return module_profile.by_stage(self.profile)

    @cached_property
    def by_site(self) -> tuple[TimeRow, ...]:
        """One row per attention site and pass, in the order of the step."""
        return module_profile.by_site(self.profile)

    @property
    def step_s(self) -> float:
        """A step without the profiler; more than its rows add up to, which leave out Python and views."""
        return self.profile.step_s

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a reader of the rows should know, also why counts are None where they are."""
        return self.profile.findings

    def to_frame(self, by: TimeBreakdown = "op") -> pd.DataFrame:
        """A breakdown as a frame in base units, with the workload.

        Args:
            by: ``op``, ``stage`` or ``site``; rows of sites also have their ``stage``.

        Raises:
            UsageError: no such breakdown.
        """
        if by not in TIME_ROWS:
            raise UsageError(
                f"no breakdown by {by!r}", hint=near_matches(by, TIME_ROWS) or f"use {', '.join(TIME_ROWS)}"
            )
        own = [field for field in fields_of(TimeRow) if field.key != "stage" or by == "site"]
        names = {**_NAMES, "key": by}
        fields = (
            Field("model", "text", ""),
            *(Field(names.get(field.key, field.key), field.kind, "") for field in own),
            *WORKLOAD_FIELDS,
        )
        workload = workload_values(self.profile.workload)
        rows = (astuple(row)[: len(own)] for row in TIME_ROWS[by](self.profile))
        return Records(fields, tuple((self.profile.model, *row, *workload) for row in rows)).to_frame()

    def document(self) -> Document:
        """A table per breakdown."""
        return module_profile_document(self.profile, self.environment, measured_at=self.measured_at)

    def __repr__(self) -> str:
        ops_s = sum(op.time_s for op in self.profile.ops)
        times = f"ops {significant(ops_s * _MS, 3)} of {significant(self.step_s * _MS, 3)} ms"
        return f"ModuleProfileResult({self.profile.model!r}, {times})"


def profile_existing(
    module: nn.Module,
    request: WorkloadRequest,
    *,
    input_shape: Sequence[int] | None,
    sites: Sequence[str],
    stages: Mapping[str, str] | None,
    seed: int | None,
) -> ModuleProfileResult:
    """Profile a module object under a request without batch and image size.

    Raises:
        UsageError: there is no input shape, or no module of such a name.
        BuildError: it does not run on this input.
    """
    batch_size, *image = module_shape(input_shape)
    request = on_this_machine(request)
    (workload,) = workloads(replace(request, batch_size=batch_size), tuple(image))
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    found, environment = profile_module(
        module,
        workload,
        capture_environment(),
        seed=drawn_seed(seed),
        sites=tuple(sites),
        stages=stages_of(module, stages),
    )
    return ModuleProfileResult(found, environment, measured_at)
