"""Copies of what modules hold, in which every module and tensor is the twin's.

As `copy.deepcopy`, but through closures, bound methods, weak references and the functions of a class as well:
a lambda over ``self`` has to run the twin, not the caller's model.
"""

from __future__ import annotations

import copy
import copyreg
import functools
import weakref
from collections import OrderedDict
from collections.abc import Callable
from types import BuiltinMethodType, CellType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any

import torch
from torch import nn

from sebench.counters.placeholders import Placeholders, stand_in
from sebench.errors import BuildError

_ATOMS = frozenset(
    (bool, int, float, complex, str, bytes, NoneType, type, torch.dtype, torch.Size, torch.device)
)
_GRADIENT_MODES = (torch.no_grad, torch.enable_grad, torch.set_grad_enabled, torch.inference_mode)
_SHARED = (type, ModuleType, *_GRADIENT_MODES)
"""What a run does not change; each call of what a gradient mode decorates makes its own of it."""
_OWN_CONTAINERS = frozenset(
    key for key, value in nn.Module().__dict__.items() if isinstance(value, (dict, set)) and key != "_modules"
)
"""Attributes of every module, mostly empty."""


def eager(module: nn.Module) -> nn.Module:
    """The module behind a torch.compile wrapper: counting a compiled graph counts something else."""
    original: nn.Module | None = (
        getattr(module, "_orig_mod", None) if "_orig_mod" in module._modules else None
    )
    return module if original is None else original


def require_eager(module: nn.Module, name: str) -> None:
    """Refuse a TorchScript module.

    Raises:
        BuildError: it is one.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise BuildError(f"module '{name}' is TorchScript, and hides its code", hint="count the eager model")


class Copier:
    """Copies values; what was copied before, parameters and modules included, is found again."""

    def __init__(self, placeholders: Placeholders) -> None:
        self._placeholders = placeholders
        self._copies: dict[int, Any] = {}
        self._originals: list[Any] = []  # alive, so that no identity is used twice
        self._methods: dict[type, dict[str, FunctionType]] = {}
        self.unregistered: list[nn.Module] = []
        """Twins of modules that only a list, a closure or the like leads to."""

    def state(
        self, module: nn.Module, name: str, dtype: torch.dtype | None
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Twins of the parameters and buffers of one module that were not met before.

        Args:
            module: the original.
            name: of the module.
            dtype: of floating-point tensors; None leaves each its own.
        """
        found: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
        for state, new in zip((module._parameters.values(), module._buffers.values()), found, strict=True):
            for tensor in state:
                if tensor is not None and id(tensor) not in self._copies:
                    new.append(stand_in(tensor, self._placeholders, dtype or tensor.dtype, name))
                    self._copies[id(tensor)] = new[-1]
        return found

    def blank(self, module: nn.Module) -> nn.Module:
        """The twin of a module, to be filled."""
        blank: nn.Module = object.__new__(type(module))
        self._copies[id(module)] = blank
        return blank

    def fill(self, blank: nn.Module, module: nn.Module) -> None:
        """Give a blank module its attributes; children, tensors and cycles resolve to twins."""
        attributes = blank.__dict__
        attributes.update(module.__dict__)
        for key, value in module.__dict__.items():
            kind = type(value)
            if kind in _ATOMS:
                continue
            if key in _OWN_CONTAINERS and not value:
                attributes[key] = kind()
            elif key != "_modules":
                attributes[key] = self.copied(value)
        attributes["_modules"] = {
            name: None if child is None else self._module(eager(child))
            for name, child in module._modules.items()
        }
        attributes["_compiled_call_impl"] = None  # set by Module.compile()
        for name, function in self._methods_of(type(module)).items():
            attributes.setdefault(name, MethodType(function, blank))

    def _methods_of(self, kind: type) -> dict[str, FunctionType]:
        """Methods whose closures lead to modules or tensors: of classes defined within a function.

        Those with underscores around their names are looked up on the class, whatever an object has.
        """
        if kind not in self._methods:
            self._methods[kind] = {
                name: copied
                for owner in kind.__mro__
                if not owner.__module__.startswith("torch.")
                for name, value in vars(owner).items()
                if type(value) is FunctionType and value.__closure__ and not name.startswith("__")
                if getattr(kind, name) is value
                if (copied := self.copied(value)) is not value
            }
        return self._methods[kind]

    def copied(self, value: Any) -> Any:  # noqa: ANN401 - attributes are anything
        """The twin of a value: itself where nothing in it is a module, a tensor or may change."""
        kind = type(value)
        if kind in _ATOMS:
            return value
        known = self._copies.get(id(value))
        if known is not None:
            return known
        if kind in _COPIES:
            return _COPIES[kind](self, value)
        if isinstance(value, torch.Tensor):
            return self._remember(value, self._tensor(value))
        if isinstance(value, nn.Module):
            return self._module(eager(value))
        return value if isinstance(value, _SHARED) else self._object(value)

    def _remember(self, value: Any, copied: Any) -> Any:  # noqa: ANN401
        self._originals.append(value)
        self._copies[id(value)] = copied
        return copied

    def _tensor(self, tensor: torch.Tensor) -> torch.Tensor:
        """Of a plain attribute: its values may steer Python code, unless it is trained."""
        if self._placeholders.keeps_values and not (tensor.requires_grad and tensor.is_leaf):
            return tensor.detach().clone()
        return stand_in(tensor, self._placeholders, tensor.dtype, type(tensor).__name__)

    def _module(self, module: nn.Module) -> nn.Module:
        known: nn.Module | None = self._copies.get(id(module))
        if known is not None:
            return known
        require_eager(module, type(module).__name__)
        blank = self.blank(module)
        self.unregistered.append(blank)
        self.state(module, type(module).__name__, dtype=None)  # ``model.to(dtype)`` does not reach it
        self.fill(blank, module)
        return blank

    def _dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        copied = self._remember(value, type(value)())
        for key, item in value.items():
            copied[key if type(key) in _ATOMS else self.copied(key)] = self.copied(item)
        return copied  # type: ignore[no-any-return]

    def _list(self, value: list[Any]) -> list[Any]:
        copied = self._remember(value, [])
        copied += value if _ATOMS.issuperset(map(type, value)) else map(self.copied, value)
        return copied  # type: ignore[no-any-return]

    def _set(self, value: set[Any]) -> set[Any]:
        return self._remember(value, {self.copied(item) for item in value})  # type: ignore[no-any-return]

    def _tuple(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if _ATOMS.issuperset(map(type, value)):
            return value
        copied = tuple(map(self.copied, value))
        return value if _same(copied, value) else self._remember(value, copied)

    def _function(self, value: FunctionType) -> FunctionType:
        if not (value.__closure__ or value.__defaults__ or value.__kwdefaults__):
            return value
        cells = value.__closure__ or ()
        copied = FunctionType(
            value.__code__,
            value.__globals__,
            value.__name__,
            closure=tuple(map(self._cell, cells)) if cells else None,
        )
        self._remember(value, copied)  # a function may hold itself
        contents = [self._fill_cell(cell) for cell in cells]
        copied.__defaults__ = value.__defaults__ and self._tuple(value.__defaults__)
        keywords = value.__kwdefaults__ or {}
        copied_keywords = self._dict(keywords)
        copied.__kwdefaults__ = copied_keywords or None
        if (
            all(contents)
            and copied.__defaults__ is value.__defaults__
            and all(copied_keywords[key] is item for key, item in keywords.items())
        ):
            return self._remember(value, value)  # type: ignore[no-any-return]
        copied.__dict__.update(value.__dict__)
        copied.__qualname__, copied.__module__ = value.__qualname__, value.__module__
        return copied

    def _cell(self, cell: CellType) -> CellType:
        known: CellType | None = self._copies.get(id(cell))
        return known or self._remember(cell, CellType())

    def _fill_cell(self, cell: CellType) -> bool:
        """Whether the content is its own twin; a cell that is not set yet stays empty."""
        copied: CellType = self._copies[id(cell)]
        try:
            content = cell.cell_contents
        except ValueError:
            return True
        copied.cell_contents = self.copied(content)
        return copied.cell_contents is content

    def _method(self, value: MethodType) -> MethodType:
        function, owner = self.copied(value.__func__), self.copied(value.__self__)
        if function is value.__func__ and owner is value.__self__:
            return value
        return self._remember(value, MethodType(function, owner))  # type: ignore[no-any-return]

    def _builtin(self, value: BuiltinMethodType) -> Any:  # noqa: ANN401
        """``tensor.add``, ``some_list.append``."""
        owner = value.__self__
        if type(owner) not in _COPIES and not isinstance(owner, torch.Tensor):
            return value
        return getattr(self.copied(owner), value.__name__)

    def _partial(self, value: functools.partial[Any]) -> functools.partial[Any]:
        parts = (value.func, *value.args, *value.keywords.values())
        function, *arguments = copied = tuple(map(self.copied, parts))
        if _same(copied, parts):
            return value
        positional = arguments[: len(value.args)]
        keywords = dict(zip(value.keywords, arguments[len(value.args) :], strict=True))
        return self._remember(value, functools.partial(function, *positional, **keywords))  # type: ignore[no-any-return]

    def _cached(self, value: Any) -> Any:  # noqa: ANN401 - functools has no public name for it
        function = self.copied(value.__wrapped__)
        if function is value.__wrapped__:
            return value
        return self._remember(value, functools.lru_cache(**value.cache_parameters())(function))

    def _weak(self, value: weakref.ref[Any]) -> weakref.ref[Any]:
        target = value()
        if isinstance(target, (nn.Module, torch.Tensor)) or id(target) in self._copies:
            return self._remember(value, weakref.ref(self.copied(target)))  # type: ignore[no-any-return]
        return value

    def _proxy(self, value: Any) -> Any:  # noqa: ANN401
        if not isinstance(value, nn.Module):
            return value
        return self._remember(value, weakref.proxy(self.copied(next(value.modules()))))

    def _object(self, value: Any) -> Any:  # noqa: ANN401
        try:
            return self._rebuilt(value)
        except BuildError:
            raise
        except Exception:  # noqa: BLE001 - locks, streams, handles: what cannot be copied is shared
            return self._remember(value, value)

    def _rebuilt(self, value: Any) -> Any:  # noqa: ANN401
        kind = type(value)
        if hasattr(kind, "__deepcopy__"):
            return self._remember(value, copy.deepcopy(value, self._copies))
        reduce: Callable[[Any], Any] | None = copyreg.dispatch_table.get(kind)
        parts = reduce(value) if reduce else value.__reduce_ex__(4)
        if isinstance(parts, str):  # a name in a module
            return value
        function, arguments, state, items, pairs, set_state = (*parts, None, None, None, None)[:6]
        copied = self._remember(value, function(*map(self.copied, arguments)))
        if state is not None:
            state = self.copied(state)
            if set_state is not None:
                set_state(copied, state)
            else:
                _set_state(copied, state)
        for item in items or ():
            copied.append(self.copied(item))
        for key, item in pairs or ():
            copied[self.copied(key)] = self.copied(item)
        return copied


def _same(copied: tuple[Any, ...], values: tuple[Any, ...]) -> bool:
    return all(one is other for one, other in zip(copied, values, strict=True))


def _set_state(copied: Any, state: Any) -> None:  # noqa: ANN401
    """As `copy` and `pickle` do: the object's own way, or its dictionary and slots."""
    if hasattr(copied, "__setstate__"):
        copied.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    if attributes:
        copied.__dict__.update(attributes)
    for name, item in (slots or {}).items():
        setattr(copied, name, item)


_COPIES: dict[type, Callable[[Copier, Any], Any]] = {
    dict: Copier._dict,
    OrderedDict: Copier._dict,
    list: Copier._list,
    tuple: Copier._tuple,
    set: Copier._set,
    FunctionType: Copier._function,
    MethodType: Copier._method,
    BuiltinMethodType: Copier._builtin,
    functools.partial: Copier._partial,
    type(functools.lru_cache(bool)): Copier._cached,
    weakref.ref: Copier._weak,
    weakref.ProxyType: Copier._proxy,
    weakref.CallableProxyType: Copier._proxy,
}
