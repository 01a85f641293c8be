"""A twin of a model without data: the same modules and code, with tensors that have shapes and no data.

The caller's model is only read. Weights are never copied: each parameter and buffer gets a stand-in, and
whatever leads to the original, closures included, leads to the twin in the copy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn

from sebench.counters.copying import Copier, eager, require_eager
from sebench.counters.placeholders import Placeholders
from sebench.counters.scope import Frame, Scope
from sebench.errors import BuildError


class Twin(NamedTuple):
    """A model's structure, made of placeholders."""

    root: nn.Module
    modules: dict[str, nn.Module]
    """By fully qualified name, first name first where a module is shared."""
    parameters: tuple[torch.Tensor, ...]
    """Shared (tied) ones once."""
    buffers: tuple[torch.Tensor, ...]
    unregistered: tuple[nn.Module, ...]
    """Modules that the model reaches without having registered them: in a list, in a closure."""

    @property
    def state(self) -> tuple[torch.Tensor, ...]:
        """Parameters and buffers, of unregistered modules as well."""
        others = (
            tensor
            for module in self.unregistered
            for tensor in (*module._parameters.values(), *module._buffers.values())
            if tensor is not None
        )
        return (*self.parameters, *self.buffers, *others)


def named_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Every module by its name in the uncompiled model (``_orig_mod`` does not appear).

    Raises:
        BuildError: A TorchScript module.
    """
    found: dict[str, nn.Module] = {}
    _walk(model, "", found, set())
    return found


def _walk(module: nn.Module, name: str, found: dict[str, nn.Module], seen: set[int]) -> None:
    module = eager(module)
    if id(module) in seen:
        return
    require_eager(module, name)
    seen.add(id(module))
    found[name] = module
    for child_name, child in module._modules.items():
        if child is not None:
            _walk(child, f"{name}.{child_name}" if name else child_name, found, seen)


def twin_of(
    originals: dict[str, nn.Module],
    *,
    dtype: torch.dtype,
    training: bool,
    placeholders: Placeholders,
) -> Twin:
    """Copy a model's structure.

    Args:
        originals: The model's `named_modules`.
        dtype: What floating-point parameters and buffers become, as ``model.to(dtype)`` does.
        training: The mode that the twin is put into, by its own ``train()`` and ``eval()``.
        placeholders: What its tensors are.

    Raises:
        BuildError: A lazy module that has not seen an input yet, or one that cannot change its mode.
    """
    copier = Copier(placeholders)
    parameters: list[torch.Tensor] = []
    buffers: list[torch.Tensor] = []
    for name, module in originals.items():
        new_parameters, new_buffers = copier.state(module, name, dtype)
        parameters += new_parameters
        buffers += new_buffers
    modules = {name: copier.blank(module) for name, module in originals.items()}
    for name, module in originals.items():
        copier.fill(modules[name], module)
    _set_mode(modules, training=training)
    return Twin(modules[""], modules, tuple(parameters), tuple(buffers), tuple(copier.unregistered))


def _set_mode(modules: dict[str, nn.Module], *, training: bool) -> None:
    """Put all into training or evaluation mode, through ``train`` where a network has its own."""
    if _has_own_mode(modules.values()):
        try:
            modules[""].train() if training else modules[""].eval()
        except NotImplementedError as error:  # exported programs have the mode of their export
            if training:
                raise BuildError(
                    f"{type(modules['']).__name__} cannot be put into training mode: {error}",
                    hint="count inference",
                ) from error
        else:
            return
    for module in modules.values():
        module.__dict__["training"] = training


def _has_own_mode(modules: Collection[nn.Module]) -> bool:
    """Whether ``train`` or ``eval`` of one of them is its own."""
    kinds = {type(module) for module in modules}
    return any(kind.train is not nn.Module.train or kind.eval is not nn.Module.eval for kind in kinds) or any(
        "train" in module.__dict__ or "eval" in module.__dict__ for module in modules
    )


@contextmanager
def traced(twin: Twin, frames: dict[str, Frame], scope: Scope) -> Iterator[None]:
    """Make each module of a twin announce itself to a scope, however its forward is called."""
    for name, module in twin.modules.items():
        module.__dict__["forward"] = _announced(module.forward, frames[name], scope)
    try:
        yield
    finally:  # module -> forward -> module is a cycle, and a count should leave no garbage
        for module in twin.modules.values():
            module.__dict__.pop("forward", None)


def _announced(forward: Callable[..., Any], frame: Frame, scope: Scope) -> Callable[..., Any]:
    def announced(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any module
        outer = scope.enter(frame)
        try:
            return forward(*args, **kwargs)
        except Exception:
            scope.failed = scope.failed or frame
            raise
        finally:
            scope.enter(outer)

    return announced
