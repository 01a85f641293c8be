"""Networks of others, taken as they are: torchvision's, timm's, or any factory of the user's own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from sebench.errors import BuildError, UnknownModelError, UsageError, VariantError
from sebench.installation import extra_hint
from sebench.models.factories import Factory, call_factory, check_source, own_factory
from sebench.models.libraries import (
    LIBRARIES,
    InputSize,
    has_network,
    library_factory,
    library_input,
    near_names,
)
from sebench.models.registry import list_models
from sebench.models.variants import PLAIN
from sebench.schema import ModelSpec

if TYPE_CHECKING:
    import torch
    from torch import nn


def is_foreign(name: str) -> bool:
    """Whether `name` is ``torchvision:NAME``, ``timm:NAME``, ``module:factory`` or ``file.py:factory``."""
    return ":" in name


def is_users_own(name: str) -> bool:
    """Whether `name` is code of the user's, whose network may change from one commit to the next."""
    return is_foreign(name) and name.partition(":")[0] not in LIBRARIES


def resolve_foreign(spec: ModelSpec) -> ModelSpec:
    """Check the options of a foreign network; its own are all it has.

    Raises:
        VariantError: a variant other than ``plain``.
        UsageError: options that only native networks take.
    """
    if spec.variant.strip().lower() != PLAIN:
        raise VariantError(
            f"variant {spec.variant!r}: {spec.model} is taken as it is",
            hint="use --variant plain (count), or two networks: --baseline, --candidate (compare, check)",
        )
    if spec.num_classes is not None or spec.stride_in is not None:
        raise UsageError(f"{spec.model} is taken as it is: no --num-classes, no --stride-in")
    return ModelSpec(model=spec.model, variant=PLAIN)


def check_foreign(name: str) -> None:
    """Refuse a network whose source is not there; imports neither it nor torch.

    Raises:
        UnknownModelError: no such file or module, or the library is not installed.
    """
    source, _, _ = name.rpartition(":")
    if source == "timm" and find_spec("timm") is None:
        raise UnknownModelError(f"{name} needs timm, which is not installed", hint=extra_hint("timm"))
    if source not in LIBRARIES:
        check_source(name)


def foreign_input(name: str) -> InputSize | None:
    """The input that a network of others was published with; None where it does not say, as the user's own.

    Raises:
        UnknownModelError: the library is not installed or has no such network.
    """
    source, _, attribute = name.rpartition(":")
    if source not in LIBRARIES:
        return None
    _require_known(name)
    return library_input(source, attribute)


def build_foreign(name: str, device: torch.device) -> tuple[nn.Module, torch.device]:
    """Build the network, without pretrained weights.

    Args:
        name: see `is_foreign`.
        device: where its tensors are made; modules are imported before it becomes the default. A constructor
            that reads values cannot work on ``meta``: its network is made on the CPU instead.

    Returns:
        The network, and the device it was made on.

    Raises:
        UnknownModelError: no such library, module, file or name in it.
        BuildError: the factory failed or did not return a module; says where in the user's code.
    """
    factory = _factory(name)
    try:
        with device:
            return call_factory(name, factory), device
    except BuildError as error:
        if device.type != "meta" or error.__cause__ is None:
            raise
    device = type(device)("cpu")
    with device:
        return call_factory(name, factory), device


def _factory(name: str) -> Factory:
    source, _, attribute = name.rpartition(":")
    if source not in LIBRARIES:
        return own_factory(name)
    _require_known(name)
    return library_factory(source, attribute)


def _require_known(name: str) -> None:
    check_foreign(name)
    source, _, attribute = name.rpartition(":")
    if not has_network(source, attribute):
        listing = "torchvision.models.list_models()" if source == "torchvision" else "timm.list_models()"
        hint = near_names(name, (info.name for info in list_models())) or f"see {listing}"
        raise UnknownModelError(f"unknown model {name!r}", hint=hint)
