"""Checks the specification of a native network and brings it to the one spelling under which it is stored."""

from __future__ import annotations

from typing import cast, get_args

import msgspec

from sebench.errors import UsageError, VariantError
from sebench.models.registry import ModelInfo, StrideIn, list_models
from sebench.schema import REDUCTION_RATIO, ModelSpec, Variant, format_stages, parse_variant


def resolve_native(spec: ModelSpec, info: ModelInfo) -> ModelSpec:
    """Validate a specification and normalise it: equal networks become equal specifications.

    The variant becomes canonical (a stage set that holds every stage is dropped); the native number of
    classes and the native stride become None.

    Args:
        spec: what is asked for.
        info: what the registry knows of its network.

    Raises:
        VariantError: The variant is outside the grammar or does not fit the network.
        UsageError: Number of classes or stride that this network cannot have.
    """
    variant = parse_variant(spec.variant)
    if variant.kind is not None:
        variant = _fit(variant, info)
    return msgspec.structs.replace(
        spec,
        variant=str(variant),
        num_classes=_resolve_num_classes(spec, info),
        stride_in=_resolve_stride_in(spec, info),
    )


def _fit(variant: Variant, info: ModelInfo) -> Variant:
    if variant.position not in info.positions:
        raise VariantError(
            f"variant {str(variant)!r}: {info.name} has no position {variant.position!r}",
            hint=f"it has {', '.join(info.positions)}",
        )
    missing = set(variant.stages or ()) - set(info.stages)
    if missing:
        raise VariantError(
            f"variant {str(variant)!r}: {info.name} has no stage {format_stages(missing)}",
            hint=f"its stages are {format_stages(info.stages)}",
        )
    ratio = cast("int | None", variant.options.get(REDUCTION_RATIO.name))
    widest = info.widest_channels(variant.stages, variant.position)
    if ratio is not None and ratio > widest:
        raise VariantError(
            f"variant {str(variant)!r}: r exceeds every attended tensor of {info.name}",
            hint=f"the widest has {widest} channels, where r={widest} leaves h = 1",
        )
    if variant.stages == info.stages:
        return variant.replaced(stages=None)
    return variant


MOST_CLASSES = 2**31


def _resolve_num_classes(spec: ModelSpec, info: ModelInfo) -> int | None:
    if spec.num_classes is not None and spec.num_classes < 1:
        raise UsageError(
            f"number of classes {spec.num_classes} is not positive",
            hint=f"{info.name} has {info.num_classes}",
        )
    if spec.num_classes is not None and spec.num_classes > MOST_CLASSES:
        raise UsageError(f"--num-classes is more than {MOST_CLASSES}")
    return None if spec.num_classes == info.num_classes else spec.num_classes


def _resolve_stride_in(spec: ModelSpec, info: ModelInfo) -> StrideIn | None:
    if spec.stride_in is None:
        return None
    if info.default_stride_in is None:
        able = ", ".join(model.name for model in list_models() if model.default_stride_in)
        raise UsageError(f"stride-in does not apply to {info.name}", hint=f"it applies to {able}")
    if spec.stride_in not in get_args(StrideIn):
        raise UsageError(f"no stride-in {spec.stride_in!r}", hint="choose 1x1 or 3x3")
    return None if spec.stride_in == info.default_stride_in else spec.stride_in
