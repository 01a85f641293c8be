"""The variants that a search tries: kinds x options x forms, from the catalogue. Pure; nothing is built."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from sebench.errors import UsageError, VariantError, near_matches
from sebench.runner.planning.forms import in_form
from sebench.schema import (
    ATTENTION_KINDS,
    REDUCTION_RATIO,
    SEARCH_AXES,
    AttentionKind,
    ModelSpec,
    format_stages,
    parse_variant,
)
from sebench.schema.attention import FORM, STAGES

USUAL_KINDS = ("se",)
USUAL_RATIOS = ("8", "16", "32")
"""Around the paper's 16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """What a search varies, as it was said."""

    kinds: tuple[str, ...] = ()
    """Names of kinds of attention; none is SE."""
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Values to try by option, as in a variant: ``{"r": ("8", "16"), "stages": ("2-4",)}``."""
    forms: tuple[str, ...] = ()
    """Forms to try besides the standard one, as in a variant."""
    all_forms: bool = False
    """Try every form made for the runtime."""

    @property
    def is_said(self) -> bool:
        """Whether anything was said."""
        return bool(self.kinds or any(self.options.values()))


def search_variants(
    axes: Axes, stages: Sequence[int], forms: Sequence[Sequence[str]], spec: ModelSpec
) -> tuple[str, ...]:
    """Every combination once, in canonical form.

    Where nothing is said, all runs of neighbouring stages are tried, the reduction ratios 8, 16 and 32, and
    the default of every other option.

    Args:
        axes: what was said.
        stages: those that the network has, ascending.
        forms: that are tried besides the standard one, where a kind takes them.
        spec: the network.

    Raises:
        UsageError: no such kind or option, or a value that no kind takes.
    """
    kinds = require_axes(axes)
    found = dict.fromkeys(
        variant
        for kind in kinds
        for variant in _of_kind(kind, axes.options, stages)
        for variant in (variant, *_in_forms(kind, variant, forms, spec))
    )
    if not found:
        raise UsageError("no combination of these options is a variant", hint="see `sebench list variants`")
    return tuple(found)


def require_axes(axes: Axes) -> tuple[AttentionKind, ...]:
    """The kinds that a search tries.

    Raises:
        UsageError: no such kind or option, or a value that no kind takes.
    """
    kinds = tuple(_kind(name) for name in dict.fromkeys(axes.kinds or USUAL_KINDS))
    _require_taken(axes.options, kinds)
    return kinds


def stage_runs(stages: Sequence[int]) -> tuple[str, ...]:
    """All runs of neighbours, the longest first, as in a variant: ``2-5``, ``2-4``, ``3-5`` ..."""
    count = len(stages)
    return tuple(
        format_stages(stages[first : first + length])
        for length in range(count, 0, -1)
        for first in range(count - length + 1)
    )


def _kind(name: str) -> AttentionKind:
    known = name.strip().lower()
    if known not in ATTENTION_KINDS:
        hint = near_matches(known, ATTENTION_KINDS) or f"choose from {', '.join(ATTENTION_KINDS)}"
        raise UsageError(f"--kind {name!r} is no kind of attention", hint=hint)
    return ATTENTION_KINDS[known]


def _require_taken(options: Mapping[str, Sequence[str]], kinds: Sequence[AttentionKind]) -> None:
    for name, values in options.items():
        if name not in SEARCH_AXES:
            hint = near_matches(name, SEARCH_AXES) or f"choose from {', '.join(SEARCH_AXES)}"
            raise UsageError(f"{name!r} is no option of attention", hint=hint)
        having = [option for kind in kinds if (option := kind.option(name))]
        if values and not having:
            able = ", ".join(kind.name for kind in ATTENTION_KINDS.values() if kind.option(name))
            tried = ", ".join(kind.name for kind in kinds)
            raise UsageError(f"--{name}: {tried} has no such option", hint=f"add a --kind that has: {able}")
        for value in values:
            errors = []
            for option in having:
                try:
                    option.parse(value)
                except VariantError as error:
                    errors.append(error)
            if errors and len(errors) == len(having):
                raise VariantError(f"--{name} {value}: {errors[0].message}", hint=errors[0].hint)


def _of_kind(kind: AttentionKind, said: Mapping[str, Sequence[str]], stages: Sequence[int]) -> Iterator[str]:
    usual = {REDUCTION_RATIO.name: USUAL_RATIOS, STAGES.name: stage_runs(stages)}
    axes = {
        option.name: said.get(option.name) or usual.get(option.name, ())
        for option in kind.options
        if option.name != FORM.name
    }
    axes = {name: values for name, values in axes.items() if values}
    every = format_stages(stages)
    for values in itertools.product(*axes.values()):
        given = [
            f"{name}={value}"
            for name, value in zip(axes, values, strict=True)
            if (name, value) != (STAGES.name, every)
        ]
        try:
            yield str(parse_variant(f"{kind.name}({','.join(given)})"))
        except VariantError:
            continue  # a value of another kind's option, or two that do not go together


def _in_forms(
    kind: AttentionKind, variant: str, forms: Sequence[Sequence[str]], spec: ModelSpec
) -> Iterator[str]:
    if FORM in kind.options:
        yield from (in_form(replace(spec, variant=variant), each) for each in forms)
