"""Networks of others, taken as they are: torchvision's, timm's, or any factory of the user's own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from sebench.errors import UnknownModelError, UsageError, VariantError, near_matches
from sebench.installation import extra_hint
from sebench.models.factories import LIBRARIES, Factory, call_factory, check_source, own_factory
from sebench.models.variants import PLAIN
from sebench.schema import ModelSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

IMAGE_SIZE = 224
"""Input of a network that does not say what it wants."""


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


def build_foreign(name: str, device: torch.device) -> nn.Module:
    """Build the network, without pretrained weights.

    Args:
        name: see `is_foreign`.
        device: where its tensors are made; modules are imported before it becomes the default.

    Raises:
        UnknownModelError: no such library, module, file or name in it.
        BuildError: the factory failed or did not return a module; says where in the user's code.
    """
    factory = _factory(name)
    with device:
        return call_factory(name, factory)


def _factory(name: str) -> Factory:
    source, _, attribute = name.rpartition(":")
    if source == "torchvision":
        return _from_torchvision(name, attribute)
    if source == "timm":
        return _from_timm(name, attribute)
    return own_factory(name)


def _from_torchvision(name: str, attribute: str) -> Factory:
    from torchvision import models

    if attribute not in models.list_models():
        raise UnknownModelError(
            f"unknown model {name!r}",
            hint=near_matches(attribute, models.list_models()) or "see torchvision.models",
        )
    options = {"init_weights": False} if attribute in ("inception_v3", "googlenet") else {}
    return lambda: models.get_model(attribute, weights=None, **options)


def _from_timm(name: str, attribute: str) -> Factory:
    import timm

    if not timm.is_model(attribute):
        hint = near_matches(attribute, timm.list_models()) or "see timm.list_models()"
        raise UnknownModelError(f"unknown model {name!r}", hint=hint)
    return lambda: timm.create_model(attribute, pretrained=False)
