"""Networks of others, taken as they are: torchvision's, timm's, or any factory of the user's own."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sebench.errors import BuildError, UnknownModelError, UsageError, VariantError, near_matches
from sebench.models.variants import PLAIN
from sebench.schema import ModelSpec

if TYPE_CHECKING:
    from torch import nn

IMAGE_SIZE = 224
"""Input of a network that does not say what it wants."""


def is_foreign(name: str) -> bool:
    """Whether `name` is ``torchvision:NAME``, ``timm:NAME``, ``module:factory`` or ``file.py:factory``."""
    return ":" in name


def resolve_foreign(spec: ModelSpec) -> ModelSpec:
    """Check the options of a foreign network; its own are all it has.

    Raises:
        VariantError: a variant other than ``plain``.
        UsageError: options that only native networks take.
    """
    if spec.variant.strip().lower() != PLAIN:
        raise VariantError(
            f"variant {spec.variant!r}: {spec.model} is taken as it is",
            hint="use --variant plain, or a native network (run `sebench list`)",
        )
    if spec.num_classes is not None or spec.stride_in is not None:
        raise UsageError(f"{spec.model} is taken as it is: no --num-classes, no --stride-in")
    return ModelSpec(model=spec.model, variant=PLAIN)


def build_foreign(name: str) -> nn.Module:
    """Build the network on the current default device, without pretrained weights.

    Raises:
        UnknownModelError: no such library, module, file or name in it.
        BuildError: the factory failed or did not return a module.
    """
    from torch import nn

    source, _, attribute = name.rpartition(":")
    factory = _factory(name, source, attribute)
    try:
        module = factory()
    except Exception as error:
        raise BuildError(f"{name} cannot be built: {type(error).__name__}: {error}") from error
    if not isinstance(module, nn.Module):
        raise BuildError(f"{name} returned {type(module).__name__}, not a torch.nn.Module")
    return module


def _factory(name: str, source: str, attribute: str) -> Callable[[], Any]:
    if source == "torchvision":
        return _from_torchvision(name, attribute)
    if source == "timm":
        return _from_timm(name, attribute)
    with _working_directory_importable():
        container = _import_file(name, Path(source)) if source.endswith(".py") else _import(name, source)
    factory = getattr(container, attribute, None)
    if not callable(factory):
        hint = near_matches(attribute, dir(container)) or "name a function that returns an nn.Module"
        raise UnknownModelError(f"unknown model {name!r}: {source} has no function {attribute!r}", hint=hint)
    return factory  # type: ignore[no-any-return]


def _from_torchvision(name: str, attribute: str) -> Callable[[], Any]:
    from torchvision import models

    if attribute not in models.list_models():
        raise UnknownModelError(
            f"unknown model {name!r}",
            hint=near_matches(attribute, models.list_models()) or "see torchvision.models",
        )
    options = {"init_weights": False} if attribute in ("inception_v3", "googlenet") else {}
    return lambda: models.get_model(attribute, weights=None, **options)


def _from_timm(name: str, attribute: str) -> Callable[[], Any]:
    try:
        import timm
    except ImportError:
        raise UnknownModelError(
            f"{name} needs timm, which is not installed", hint="pip install 'sebench[timm]'"
        ) from None
    if not timm.is_model(attribute):
        hint = near_matches(attribute, timm.list_models()) or "see timm.list_models()"
        raise UnknownModelError(f"unknown model {name!r}", hint=hint)
    return lambda: timm.create_model(attribute, pretrained=False)


def _import(name: str, source: str) -> object:
    try:
        return importlib.import_module(source)
    except ImportError as error:
        raise UnknownModelError(f"unknown model {name!r}: {error}", hint="check the module's name") from error


def _import_file(name: str, path: Path) -> object:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UnknownModelError(f"unknown model {name!r}: there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BuildError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return module


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    """The console script, unlike ``python -m``, does not look for modules where it was started."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
