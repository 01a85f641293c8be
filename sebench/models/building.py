"""From a specification to a network with weights, its attention sites and its stages."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sebench.errors import DeviceError, UnknownModelError
from sebench.models.sources import BuiltModel, source_of
from sebench.schema import ModelSpec, Result

if TYPE_CHECKING:
    import torch


def resolve(spec: ModelSpec) -> ModelSpec:
    """Validate a specification and normalise it: equal networks become equal specifications.

    Raises:
        UnknownModelError: No such network.
        VariantError: The variant is outside the grammar or does not fit the network.
        UsageError: Number of classes or stride that this network cannot have.
    """
    return source_of(spec.model).resolve(spec)


def build(spec: ModelSpec, *, seed: int | None = 0, device: str = "cpu") -> BuiltModel:
    """Build a network in evaluation mode.

    Weights of native networks depend on `seed` and on each parameter's name alone: a plain network and its
    variants agree to the bit wherever they share a parameter, on every device.

    Args:
        spec: What to build; resolved first.
        seed: Seed of the weights; None draws one.
        device: Any torch device. On ``meta`` nothing is allocated or initialised, except by factories that
            need real tensors; `BuiltModel.device` says where the network is.

    Raises:
        UsageError: No such model, variant or size, or no such file or module.
        DeviceError: No such device here.
        BuildError: The network's code failed, or the device has no room for the weights.
    """
    source = source_of(spec.model)
    spec = source.resolve(spec)
    source.require(spec.model)  # before torch is imported, which takes seconds
    return source.build(spec, secrets.randbits(63) if seed is None else seed, _parse_device(device))


def _parse_device(device: str) -> torch.device:
    import torch

    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise DeviceError(
            f"device {device!r} is not usable: {reason}", hint="use cpu, or see `sebench env`"
        ) from error


def as_published(result: Result) -> bool:
    """Whether the paper's own figures are about this very network at this very input.

    They are not about a network that this version does not know.
    """
    spec, cost = result.pair.candidate, result.baseline_cost
    if result.pair.baseline == spec or spec.num_classes is not None or spec.stride_in is not None:
        return False
    source = source_of(spec.model)
    if cost is None or not source.has_published_figures:
        return False
    try:
        return cost.input_shape[-2:] == source.input_size(spec.model)[1:]
    except UnknownModelError:
        return False
