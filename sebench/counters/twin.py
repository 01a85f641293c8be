"""A meta twin of a model: the same modules and code, with tensors that have shapes and no data.

The caller's model is only read. Weights are never copied: a deepcopy's memo is filled with the meta
parameters and buffers beforehand, and plain attribute values are shared.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FunctionType, NoneType
from typing import Any, NamedTuple

import torch
from torch import nn

from sebench.counters.scope import Frame, Scope
from sebench.errors import BuildError

_SHARED_TYPES = frozenset(
    (bool, int, float, complex, str, bytes, NoneType, type, FunctionType, torch.dtype, torch.Size)
)
_DICTS = (dict, OrderedDict)
_SEQUENCES = (tuple, list, set)


class Twin(NamedTuple):
    """A model's structure on the meta device."""

    root: nn.Module
    modules: dict[str, nn.Module]
    """By fully qualified name, first name first where a module is shared."""
    parameters: tuple[torch.Tensor, ...]
    """Shared (tied) ones once."""
    buffers: tuple[torch.Tensor, ...]

    @property
    def state(self) -> tuple[torch.Tensor, ...]:
        """Parameters and buffers."""
        return self.parameters + self.buffers


def named_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Every module by its name in the uncompiled model (``_orig_mod`` does not appear).

    Raises:
        BuildError: A TorchScript module.
    """
    return dict(_walk(model, "", set()))


def _walk(module: nn.Module, name: str, seen: set[int]) -> Iterator[tuple[str, nn.Module]]:
    module = _eager(module)
    if id(module) in seen:
        return
    if isinstance(module, torch.jit.ScriptModule):
        raise BuildError(f"module '{name}' is TorchScript, hiding its code", hint="count the eager model")
    seen.add(id(module))
    yield name, module
    for child_name, child in module._modules.items():
        if child is not None:
            yield from _walk(child, f"{name}.{child_name}" if name else child_name, seen)


def _eager(module: nn.Module) -> nn.Module:
    """The module behind a torch.compile wrapper: counting a compiled graph counts something else."""
    original: nn.Module | None = (
        getattr(module, "_orig_mod", None) if "_orig_mod" in module._modules else None
    )
    return module if original is None else original


def twin_of(originals: dict[str, nn.Module], *, dtype: torch.dtype, training: bool) -> Twin:
    """Copy a model's structure onto the meta device.

    Args:
        originals: The model's `named_modules`.
        dtype: What floating-point parameters and buffers become, as ``model.to(dtype)`` does.
        training: The mode every module of the twin is in.

    Raises:
        BuildError: A lazy module that has not seen an input yet.
    """
    memo: dict[int, Any] = {}
    parameters: list[torch.Tensor] = []
    buffers: list[torch.Tensor] = []
    for name, module in originals.items():
        parameters += _put_on_meta(module._parameters.values(), name, dtype, memo)
        buffers += _put_on_meta(module._buffers.values(), name, dtype, memo)
    modules = {name: _blank(module, memo) for name, module in originals.items()}
    for name, module in originals.items():
        _fill(modules[name], module, memo, training=training)
    return Twin(modules[""], modules, tuple(parameters), tuple(buffers))


def _put_on_meta(
    state: Iterable[torch.Tensor | None], module: str, dtype: torch.dtype, memo: dict[int, Any]
) -> Iterator[torch.Tensor]:
    for tensor in state:
        if tensor is not None and id(tensor) not in memo:
            memo[id(tensor)] = _on_meta(tensor, module, dtype)
            yield memo[id(tensor)]


def _on_meta(tensor: torch.Tensor, module: str, dtype: torch.dtype) -> torch.Tensor:
    if torch.nn.parameter.is_lazy(tensor):
        raise BuildError(f"module '{module}' is lazy and has no shape yet", hint="run an input through it")
    dtype = dtype if tensor.is_floating_point() else tensor.dtype
    if tensor.is_meta and tensor.dtype == dtype:
        return tensor
    bare = torch.empty_like(tensor, dtype=dtype, device="meta", requires_grad=False)
    return nn.Parameter(bare, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else bare


def _blank(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    blank: nn.Module = object.__new__(type(module))
    memo[id(module)] = blank
    return blank


def _fill(blank: nn.Module, module: nn.Module, memo: dict[int, Any], *, training: bool) -> None:
    """Give a blank module its attributes; children, tensors and cycles resolve through the memo."""
    attributes = blank.__dict__
    for key, value in module.__dict__.items():
        if key != "_modules":
            attributes[key] = value if type(value) in _SHARED_TYPES else _copied(value, memo)
    attributes["_modules"] = {
        name: None if child is None else memo[id(_eager(child))] for name, child in module._modules.items()
    }
    attributes["training"] = training
    attributes["_compiled_call_impl"] = None  # set by Module.compile()


def _copied(value: Any, memo: dict[int, Any]) -> Any:  # noqa: ANN401 - attributes are anything
    """As deepcopy, with short cuts for what the attributes of modules mostly are."""
    kind = type(value)
    if kind in _DICTS:
        return _copied_dict(value, memo) if value else kind()
    if id(value) in memo:
        return memo[id(value)]
    if kind in _SEQUENCES and _SHARED_TYPES.issuperset(map(type, value)):
        return kind(value)
    if isinstance(value, torch.Tensor):  # a plain attribute: its values may steer Python code
        return memo.setdefault(id(value), value.detach().clone())
    try:
        return copy.deepcopy(value, memo)
    except TypeError:  # locks, streams, handles
        return value


def _copied_dict(value: dict[Any, Any], memo: dict[int, Any]) -> dict[Any, Any]:
    copied = type(value)()
    for key, item in value.items():
        copied[key] = item if type(item) in _SHARED_TYPES else _copied(item, memo)
    return copied


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
