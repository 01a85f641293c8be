"""Networks given as Python objects, by the names under which a fresh process finds them again."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from sebench.errors import UsageError
from sebench.models import is_installed
from sebench.schema import NetworkOptions, StrideIn

Network: TypeAlias = str | Callable[..., object]
"""A name as on the command line, or a function or class of a module that makes the network."""
Attention: TypeAlias = str | Callable[..., object]
"""A variant as on the command line, or a class of one's own attention, called with the channel count."""

_WHY = "worker processes build the network again, so they must find it by name"
_NEXT = "pass a function or class at the top of a module, or its name, e.g. 'nets.py:net'"


def network_name(network: Network) -> str:
    """The name of a network: strings as they are, callables as ``file.py:function``.

    Args:
        network: a name, or a function or class at the top level of a module. What is installed is named by
            its module: ``torchvision.models.resnet:resnet18``.

    Raises:
        UsageError: nothing that a fresh process could find: a lambda, a closure, a method, a partial, a
            network that is built already, or code that is in no file.
    """
    if isinstance(network, str):
        return network
    function = getattr(network, "__qualname__", None)
    if not isinstance(function, str):
        raise _refusal(f"a {type(network).__name__} object is not the name of a network")
    if "<lambda>" in function:
        raise _refusal("a lambda has no name")
    if "<locals>" in function:
        raise _refusal(f"{function.rpartition('.')[2]!r} is defined inside a function")
    if "." in function:
        raise _refusal(f"{function!r} belongs to a class")
    module = sys.modules.get(network.__module__)
    if module is None or getattr(module, function, None) is not network:
        raise _refusal(f"{function!r} is not what module {network.__module__} has under that name")
    return f"{_source(module, function)}:{function}"


def variant_name(variant: str | Callable[..., object]) -> str:
    """The variant grammar's name of an attention: strings as they are, classes of one's own as ``custom``.

    Args:
        variant: as on the command line, or a class at the top level of a module, which is called with the
            number of channels.

    Raises:
        UsageError: as for `network_name`.
    """
    return variant if isinstance(variant, str) else f"custom(class={network_name(variant)})"


def shape_text(shape: Sequence[int] | None) -> str | None:
    """A shape as the command line takes it: ``1x80x300``; None where none was given."""
    return None if shape is None else "x".join(map(str, shape))


def asked_options(
    *,
    num_classes: int | None = None,
    stride_in: StrideIn | None = None,
    model_args: Mapping[str, object] | None = None,
    weights: str | os.PathLike[str] | None = None,
    insert_after: str | None = None,
    attention_class: str | None = None,
    example_inputs: Callable[..., object] | str | None = None,
) -> NetworkOptions:
    """What was said of how a network is built, as the command line would have said it.

    Raises:
        UsageError: `model_args` is no mapping.
    """
    if model_args is not None and not isinstance(model_args, Mapping):
        raise UsageError("model_args is no dictionary", hint='pass one, e.g. {"width": 16}')
    return NetworkOptions(
        num_classes=num_classes,
        stride_in=stride_in,
        model_args=tuple(f"{key}={_literal(value)}" for key, value in (model_args or {}).items()),
        weights=None if weights is None else os.fspath(weights),
        insert_after=insert_after,
        attention_class=attention_class,
        example_inputs=None if example_inputs is None else network_name(example_inputs),
    )


def _literal(value: object) -> str:
    """A text that is read back as the same value; plain words stay as they are."""
    if isinstance(value, str) and value.isidentifier() and value not in ("None", "True", "False"):
        return value
    return repr(value)


def _source(module: object, function: str) -> str:
    try:
        path = Path(inspect.getsourcefile(module) or "")  # type: ignore[arg-type]
    except TypeError:
        path = Path()
    if not path.is_file():
        raise _refusal(f"{function!r} is in no file")
    name = str(getattr(module, "__name__", "__main__"))
    if is_installed(path) and name != "__main__":
        return name
    path, here = path.resolve(), Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()


def _refusal(what: str) -> UsageError:
    return UsageError(f"{what}, and {_WHY}", hint=_NEXT)
