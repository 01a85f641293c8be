"""What `sebench check` was asked for on the command line, as the settings that a file would hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import asdict

from sebench.configuration import (
    BaseRefSettings,
    CeilingSettings,
    CheckSettings,
    FactoriesSettings,
    StoredSettings,
    parse_limit,
)
from sebench.errors import UsageError
from sebench.schema import LimitMetric, WorkloadRequest, said

DEFAULT_VARIANTS = ("se",)


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

    @property
    def nothing(self) -> bool:
        """Whether the configuration is to say what is compared."""
        lists = (self.models, self.variants, self.against, self.max_overhead, self.margin)
        # Empty is not unsaid: a variable of the CI system that is not set must not choose another gate.
        words = (self.baseline, self.candidate, self.base_ref)
        return not any(lists) and all(word is None for word in words)


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
                BaseRefSettings(model=model, ref=asked.base_ref, margin=margins, **asdict(asked.workload))
                for model in dict.fromkeys(asked.models)
            )
        )
    if asked.candidate is not None:
        pair = FactoriesSettings(
            baseline=asked.baseline or "", candidate=asked.candidate, margin=margins, **asdict(asked.workload)
        )
        return CheckSettings(factories=(pair,))
    return CheckSettings(
        ceiling=tuple(
            CeilingSettings(
                model=model,
                variant=variant,
                baseline=asked.baseline or "plain",
                max_overhead=ceilings,
                **asdict(asked.workload),
            )
            for model in dict.fromkeys(asked.models)
            for variant in dict.fromkeys(asked.variants or DEFAULT_VARIANTS)
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
        },
        "--max-overhead": {},
    }
    for option, value in strangers[way].items():
        if value:
            raise UsageError(f"{option} cannot be combined with {way}", hint="leave it out")
