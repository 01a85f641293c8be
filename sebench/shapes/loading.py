"""Modules of sebench that import torch, executed with what stands in for it."""

from __future__ import annotations

import builtins
import importlib
import sys
from functools import cache
from importlib.abc import InspectLoader
from importlib.machinery import PathFinder
from types import ModuleType, SimpleNamespace
from typing import Any

from sebench.shapes import detection, layers, tensors
from sebench.shapes.tensors import NotShapedError

_PACKAGES = ("sebench.models", "sebench.counters")


class _Unknown(type):
    """Whatever else there is in torch: may be named and derived from, but not used."""

    def __getattr__(cls, name: str) -> _Unknown:
        if name.startswith("__"):
            raise AttributeError(name)
        return _UNKNOWN

    def __call__(cls, *args: object, **kwargs: object) -> Any:  # noqa: ANN401 - never returns
        raise NotShapedError(cls.__name__)


_UNKNOWN = _Unknown("Unknown", (), {})


class _Stand(ModuleType):
    """A module of torch, as far as it is known here."""

    def __init__(self, name: str, **known: object) -> None:
        super().__init__(name)
        vars(self).update(known)

    def __getattr__(self, name: str) -> _Unknown:
        if name.startswith("__"):
            raise AttributeError(name)
        return _UNKNOWN


_functional = _Stand("torch.nn.functional", pad=layers.pad, adaptive_avg_pool2d=layers.adaptive_avg_pool2d)
_nn = _Stand(
    "torch.nn",
    functional=_functional,
    Parameter=tensors.Parameter,
    **{kind.__name__: kind for kind in layers.LAYERS},
)
_torch = _Stand(
    "torch",
    nn=_nn,
    Tensor=tensors.Tensor,
    **{
        each.__name__: each
        for each in (tensors.add, tensors.arange, tensors.cat, tensors.linspace, tensors.stack)
    },
)
_detection = _Stand("torchvision", **{each.__name__: each for each in detection.PARTS})
_STANDS = {
    "torch": _torch,
    "torch.nn": _nn,
    "torch.nn.functional": _functional,
    "torchvision.models.detection.faster_rcnn": _detection,
    "torchvision.models.detection.rpn": _detection,
    "torchvision.ops": _detection,
    "torchvision.ops.feature_pyramid_network": _detection,
}


@cache
def load(name: str) -> ModuleType:
    """A module of sebench's networks or counters on shapes; the one on torch is another, and not imported.

    Args:
        name: its full name.

    Raises:
        NotShapedError: it asks for something else that needs torch, or it is in no file.
    """
    package = importlib.import_module(name.rpartition(".")[0])
    spec = PathFinder.find_spec(name, package.__path__)
    code = spec and isinstance(spec.loader, InspectLoader) and spec.loader.get_code(name)
    if not code:
        raise NotShapedError(f"{name} is in no file")
    module = ModuleType(f"{name} (shapes)")
    vars(module)["__builtins__"] = {**vars(builtins), "__import__": _import}
    sys.modules[module.__name__] = module  # where classes look the types of their fields up
    exec(code, vars(module))  # noqa: S102 - sebench's own code
    return module


def _import(
    name: str,
    of: dict[str, object] | None = None,
    local: dict[str, object] | None = None,
    wanted: tuple[str, ...] = (),
    level: int = 0,
) -> Any:  # noqa: ANN401 - any module
    """As ``__import__``; a bare ``import a.b`` gives ``a``."""
    if name in _STANDS:
        return _STANDS[name] if wanted else _torch
    if name == "importlib":
        return SimpleNamespace(import_module=load)
    if name.split(".", maxsplit=1)[0] in {"torch", "torchvision"}:
        raise NotShapedError(name)
    if name in _PACKAGES:
        return SimpleNamespace(**{each: load(f"{name}.{each}") for each in wanted})
    if name.startswith(tuple(f"{package}." for package in _PACKAGES)):
        return load(name)
    return builtins.__import__(name, of, local, wanted, level)
