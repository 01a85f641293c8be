"""The settings as values. Keys in the file are the field names in kebab-case; the types are the rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from sebench.configuration.limits import problem_of_ratio, problem_of_text
from sebench.schema import (
    Effort,
    LimitMetric,
    NetworkOptions,
    OnInconclusive,
    StrideIn,
    Value,
    WorkloadRequest,
    network_options,
)
from sebench.schema.ranges import Positive

DEFAULT_LOCK_FILE = "sebench.lock.json"

Name = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[float, Meta(gt=0)]
LimitRatio = Annotated[float, Meta(extra={"problem": problem_of_ratio, "problem_of_text": problem_of_text})]
RatioLimits = Annotated[dict[LimitMetric, LimitRatio], Meta(min_length=1)]
"""Largest ratio allowed, by metric: 1.05 allows 5 % more."""


class Settings(Value, frozen=True, kw_only=True, rename="kebab"):
    """Root of the settings."""


class LockSettings(Settings, frozen=True, kw_only=True):
    """``[lock]``: the networks whose exact costs are locked."""

    file: Name = DEFAULT_LOCK_FILE
    """Relative to the directory of the configuration file, not to the current one."""
    models: tuple[Name, ...] = ()
    variants: tuple[Name, ...] = ("se",)
    """Of the native models; plain is always locked beside them."""


class CaseSettings(WorkloadRequest, frozen=True, kw_only=True, rename="kebab"):
    """What every comparison may say besides what it compares: of the workload, and of the networks.

    The fields after those of the workload are those of `NetworkOptions`.
    """

    num_classes: Positive | None = None
    stride_in: StrideIn | None = None
    model_args: tuple[Name, ...] | None = None
    weights: Name | None = None
    insert_after: Name | None = None
    attention_class: Name | None = None
    example_inputs: Name | None = None

    @property
    def network(self) -> NetworkOptions:
        """The options that networks are built with."""
        return replace(network_options(self), model_args=self.model_args or ())


class CeilingSettings(CaseSettings, frozen=True, kw_only=True):
    """``[[check.ceiling]]``: how much a variant may cost over its baseline."""

    model: Name
    variant: Name | None = None
    """None is what `compare` takes where nobody names one: ``se``, or ``asis`` for what has attention."""
    baseline: Name = "plain"
    max_overhead: RatioLimits


class FactoriesSettings(CaseSettings, frozen=True, kw_only=True):
    """``[[check.factories]]``: one factory against another."""

    baseline: Name
    candidate: Name
    margin: RatioLimits


class BaseRefSettings(CaseSettings, frozen=True, kw_only=True):
    """``[[check.base-ref]]``: this tree against the one at a git ref."""

    model: Name
    ref: Name
    margin: RatioLimits


class StoredSettings(Settings, frozen=True, kw_only=True):
    """``[[check.stored]]``: now against a stored result, under its own workload."""

    result: Name
    """Relative to the directory of the configuration file, not to the current one."""
    margin: RatioLimits


class CheckSettings(Settings, frozen=True, kw_only=True):
    """``[check]``: what `sebench check` compares, and how hard it tries."""

    effort: Effort | None = None
    budget: Seconds | None = None
    """For the whole command."""
    on_inconclusive: OnInconclusive | None = None
    ceiling: tuple[CeilingSettings, ...] = ()
    factories: tuple[FactoriesSettings, ...] = ()
    base_ref: tuple[BaseRefSettings, ...] = ()
    stored: tuple[StoredSettings, ...] = ()


class Sections(Settings, frozen=True, kw_only=True):
    """All that a file may say."""

    lock: LockSettings | None = None
    check: CheckSettings = CheckSettings()


class Configuration(Sections, frozen=True, kw_only=True):
    """All settings, and where they stand."""

    source: Path | None = None
    """The file they were read from; None where there is none."""

    @property
    def lock_file(self) -> Path:
        """Where the lock is, or is to be."""
        return self.resolve(DEFAULT_LOCK_FILE if self.lock is None else self.lock.file)

    def resolve(self, path: str) -> Path:
        """A path of the settings, which is relative to the file it stands in."""
        return Path(path) if self.source is None else self.source.parent / path
