"""What a gate was asked for, on the command line or by a program, as the settings that a file would hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace

from sebench.configuration.limits import parse_limit
from sebench.configuration.loading import load_configuration
from sebench.configuration.settings import (
    BaseRefSettings,
    CeilingSettings,
    CheckSettings,
    Configuration,
    FactoriesSettings,
    StoredSettings,
)
from sebench.errors import UsageError
from sebench.schema import (
    NO_OPTIONS,
    Effort,
    LimitMetric,
    NetworkOptions,
    OnInconclusive,
    WorkloadRequest,
    network_arguments,
    said,
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options that say what is compared with what."""

    models: Sequence[str]
    variants: Sequence[str]
    baseline: str | None
    candidate: str | None
    base_ref: str | None
    against: Sequence[Path]
    max_overhead: Sequence[str]
    margin: Sequence[str]
    workload: WorkloadRequest
    """What was said of it."""
    network: NetworkOptions = NO_OPTIONS
    """What was said of how networks are built."""

    @property
    def options(self) -> dict[str, Any]:
        """What settings say besides what is compared."""
        network = {name: value or None for name, value in asdict(self.network).items()}
        return {**asdict(self.workload), **network}

    @property
    def nothing(self) -> bool:
        """Whether the configuration is to say what is compared."""
        lists = (self.models, self.variants, self.against, self.max_overhead, self.margin)
        # Empty is not unsaid: a variable of the CI system that is not set must not choose another gate.
        words = (self.baseline, self.candidate, self.base_ref)
        return not any(lists) and all(word is None for word in words)


def configuration_of(
    asked: Asked,
    folder: Path,
    *,
    effort: Effort | None = None,
    budget_s: float | None = None,
    on_inconclusive: OnInconclusive | None = None,
) -> Configuration:
    """What the file says, unless somebody says what to compare; how hard, likewise.

    Args:
        asked: what to compare; nothing leaves it to the file.
        folder: where to look for a configuration.
        effort: instead of the file's.
        budget_s: instead of the file's.
        on_inconclusive: instead of the file's.

    Raises:
        UsageError: options that contradict each other, or one that is missing.
        ConfigurationError: the file cannot be meant.
    """
    configured = load_configuration(folder)
    given = {"effort": effort, "budget": budget_s, "on_inconclusive": on_inconclusive}
    how: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if asked.nothing:
        for option, _ in said(asked.workload):
            raise UsageError(
                f"{option.option} needs a --model", hint="the configuration has workloads of its own"
            )
        for word in network_arguments(asked.network)[:1]:
            raise UsageError(f"{word} needs a --model", hint="the configuration has options of its own")
        return replace(configured, check=replace(configured.check, **how))
    inherited = {name: getattr(configured.check, name) for name in given}
    # Paths that are said are relative to the current directory, so the file is not their source.
    return Configuration(check=replace(settings_of(asked), **{**inherited, **how}))


def lock_of(configuration: Configuration, asked: Asked) -> Path | None:
    """The lock of the project, where there is one and nothing else was asked for."""
    if not asked.nothing:
        return None
    path = configuration.lock_file
    return path if configuration.lock is not None or path.exists() else None


def settings_of(asked: Asked) -> CheckSettings:
    """One of the four comparisons: a ceiling, two factories, a base ref or a stored result.

    Raises:
        UsageError: options that contradict each other, or one that is missing.
    """
    _check(asked)
    ceilings, margins = _limits(asked.max_overhead), _limits(asked.margin)
    if asked.against:
        paths = dict.fromkeys(map(str, asked.against))
        stored = tuple(StoredSettings(result=path, margin=margins) for path in paths)
        return CheckSettings(stored=stored)
    if asked.base_ref is not None:
        return CheckSettings(
            base_ref=tuple(
                BaseRefSettings(
                    model=model,
                    ref=asked.base_ref,
                    margin=margins,
                    **asked.options,
                )
                for model in dict.fromkeys(asked.models)
            )
        )
    if asked.candidate is not None:
        pair = FactoriesSettings(
            baseline=asked.baseline or "",
            candidate=asked.candidate,
            margin=margins,
            **asked.options,
        )
        return CheckSettings(factories=(pair,))
    return CheckSettings(
        ceiling=tuple(
            CeilingSettings(
                model=model,
                variant=variant,
                baseline=asked.baseline or "plain",
                max_overhead=ceilings,
                **asked.options,
            )
            for model in dict.fromkeys(asked.models)
            for variant in dict.fromkeys(asked.variants or (None,))
        )
    )


def _limits(texts: Iterable[str]) -> dict[LimitMetric, float]:
    limits: dict[LimitMetric, float] = {}
    for text in texts:
        metric, ratio = parse_limit(text)
        if metric in limits:
            raise UsageError(f"{metric} has two limits", hint="name one")
        limits[metric] = ratio
    return limits


def _check(asked: Asked) -> None:
    ways = {
        "--base-ref": asked.base_ref is not None,
        "--candidate": asked.candidate is not None,
        "--against": bool(asked.against),
        "--max-overhead": bool(asked.max_overhead),
    }
    chosen = [option for option, given in ways.items() if given]
    if len(chosen) > 1:
        raise UsageError(
            f"{chosen[0]} and {chosen[1]} cannot be combined",
            hint="run two checks, or use a configuration file",
        )
    if not chosen and asked.margin:
        raise UsageError(
            "--margin needs something to compare with",
            hint="add --base-ref REF, --candidate FACTORY or --against RESULT; variants: --max-overhead",
        )
    if not chosen:
        raise UsageError(
            "nothing to check: there is no limit",
            hint="add --max-overhead latency:1.10, or --base-ref REF with --margin latency:1.05",
        )
    (way,) = chosen
    needs_margin = way != "--max-overhead"
    if needs_margin and not asked.margin:
        raise UsageError(f"{way} needs a limit", hint="add --margin latency:1.05")
    if not needs_margin and asked.margin:
        raise UsageError("--margin cannot be combined with --max-overhead", hint="leave one of them out")
    _check_subject(asked, way)


def _check_subject(asked: Asked, way: str) -> None:
    """Which networks, and in which variants."""
    if way in ("--base-ref", "--max-overhead") and not asked.models:
        raise UsageError(f"{way} needs a network", hint="add --model NAME")
    if way == "--candidate" and asked.baseline is None:
        raise UsageError(
            f"--candidate {asked.candidate} needs a --baseline", hint="e.g. --baseline nets.py:old"
        )
    strangers: dict[str, dict[str, object]] = {
        "--base-ref": {"--variant": asked.variants, "--baseline": asked.baseline},
        "--candidate": {"--variant": asked.variants, "--model": asked.models},
        "--against": {
            "--variant": asked.variants,
            "--baseline": asked.baseline,
            "--model": asked.models,
            **{str(option.option): value for option, value in said(asked.workload)},
            **dict.fromkeys(network_arguments(asked.network)[:1], True),
        },
        "--max-overhead": {},
    }
    for option, value in strangers[way].items():
        if value:
            raise UsageError(f"{option} cannot be combined with {way}", hint="leave it out")
