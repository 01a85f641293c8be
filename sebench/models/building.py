"""From a specification to a network with weights, its attention sites and its stages."""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sebench.errors import BuildError, DeviceError
from sebench.models.foreign import build_foreign, check_foreign, is_foreign
from sebench.models.inputs import native_input
from sebench.models.registry import ModelInfo, model_info
from sebench.models.resolution import resolve
from sebench.models.variants import parse_variant
from sebench.schema import ModelSpec

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A network ready to be counted or timed."""

    spec: ModelSpec
    """What was built, resolved."""
    module: nn.Module
    """In evaluation mode."""
    sites: tuple[str, ...]
    """Fully qualified names of its attention modules, in order of execution."""
    stages: Mapping[str, str]
    """Prefix of a fully qualified name -> stage label; covers every module that does work."""
    input_shape: tuple[int, ...]
    """(1, C, H, W) at the network's native size."""
    device: str
    """Where its tensors are: ``cpu`` instead of ``meta`` where the constructor of a network of others reads
    values."""


def build(spec: ModelSpec, *, seed: int | None = 0, device: str = "cpu") -> BuiltModel:
    """Build a network in evaluation mode.

    Weights of native networks depend on `seed` and on each parameter's name alone: a plain network and its
    variants agree to the bit wherever they share a parameter, on every device.

    Args:
        spec: What to build; resolved first.
        seed: Seed of the weights; None draws one.
        device: Any torch device; on ``meta`` nothing is allocated or initialised, see `BuiltModel.device` for
            the exception.

    Raises:
        UsageError: The specification is invalid (see `resolve`), or there is no such file or module.
        DeviceError: No such device here.
        BuildError: The device has no room for the weights.
    """
    spec = resolve(spec)
    if is_foreign(spec.model):
        check_foreign(spec.model)

    import torch  # seconds; what can be refused has been

    from sebench.models.slots import Slots

    target = _parse_device(device)
    if is_foreign(spec.model):
        return _build_foreign(spec, seed, target)
    info = model_info(spec.model)
    slots = Slots(parse_variant(spec.variant))
    with torch.device("meta"):
        module = _factory(info)(slots, **_factory_options(spec, info))
    module.eval()
    if target.type != "meta":
        module = _materialise(module, spec, secrets.randbits(63) if seed is None else seed, target)
    filled = {id(attention) for attention in slots.filled}
    return BuiltModel(
        spec=spec,
        module=module,
        sites=tuple(name for name, child in module.named_modules() if id(child) in filled),
        stages={name: name.removeprefix("stage") for name, _ in module.named_children()},
        input_shape=(1, *native_input(spec.model)),
        device=str(target),
    )


def _build_foreign(spec: ModelSpec, seed: int | None, device: torch.device) -> BuiltModel:
    import torch

    # The program that asks may draw random numbers of its own.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(secrets.randbits(63) if seed is None else seed)
        module, made_on = build_foreign(spec.model, device)
    return BuiltModel(
        spec=spec,
        module=_evaluating(module),
        sites=(),
        stages={},
        input_shape=(1, *native_input(spec.model)),
        device=str(made_on),
    )


def _evaluating(module: nn.Module) -> nn.Module:
    """In evaluation mode; programs made by torch.export have the mode of their export and refuse another."""
    try:
        return module.eval()
    except NotImplementedError:
        return module


def _factory(info: ModelInfo) -> Callable[..., nn.Module]:
    family, name = info.factory.split(":")
    factory: Callable[..., nn.Module] = getattr(importlib.import_module(family), name)
    return factory


def _factory_options(spec: ModelSpec, info: ModelInfo) -> dict[str, Any]:
    options: dict[str, Any] = {"num_classes": spec.num_classes or info.num_classes}
    if info.default_stride_in:
        options["stride_in"] = spec.stride_in or info.default_stride_in
    return options


def _parse_device(device: str) -> torch.device:
    import torch

    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise DeviceError(
            f"device {device!r} is not usable: {reason}", hint="use cpu, or see `sebench env`"
        ) from error


def _materialise(module: nn.Module, spec: ModelSpec, seed: int, device: torch.device) -> nn.Module:
    """Give a meta network storage and weights, drawn on the CPU so that devices agree."""
    from sebench.models.initialisation import allocate, initialise

    try:
        allocate(module)
        initialise(module, seed)
        return module.to(device)
    except (MemoryError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise BuildError(
            f"{spec.model} does not fit on {device}: {reason}", hint="free memory or use a smaller model"
        ) from error
