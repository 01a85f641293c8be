"""Networks given as Python objects, by the names under which a fresh process finds them again."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from sebench.errors import UsageError
from sebench.models import is_installed

Network: TypeAlias = str | Callable[[], object]
"""A name as on the command line, or a function or class of a module that makes the network."""

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
