"""A network in a variant: built by its source, then with its attention taken out, or another put in."""

from __future__ import annotations

from msgspec.structs import replace

from sebench import models
from sebench.models import BuiltModel
from sebench.schema import ASIS, ModelSpec, Phase


def build_variant(
    spec: ModelSpec,
    *,
    seed: int,
    device: str,
    input_shape: tuple[int, ...] | None,
    phase: Phase,
    beside: ModelSpec | None,
) -> BuiltModel:
    """See `sebench.surgery.build`."""
    spec = models.resolve(spec)
    if models.source_of(spec.model).own_variant != ASIS:
        return models.build(spec, seed=seed, device=device)
    built = models.build(replace(spec, variant=ASIS), seed=seed, device=device)
    if spec.variant == ASIS and not _is_variant_of(beside, spec):
        return built
    raise NotImplementedError(input_shape, phase)


def _is_variant_of(beside: ModelSpec | None, spec: ModelSpec) -> bool:
    """Whether what a network is compared with is the same network in another variant."""
    return beside is not None and beside != spec and replace(beside, variant=spec.variant) == spec
