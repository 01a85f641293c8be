"""Keyword arguments of a factory, as ``key=value``: read, checked, and handed on."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from sebench.errors import UsageError, near_matches
from sebench.schema import ModelSpec

_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def in_order(arguments: Iterable[str]) -> tuple[str, ...]:
    """Arguments in the order of their keys, so that equal networks have equal specifications.

    Raises:
        UsageError: one is no ``key=value``, or a key is given twice.
    """
    found: dict[str, str] = {}
    for text in arguments:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key.isidentifier():
            raise UsageError(f"--model-arg {text!r} is not KEY=VALUE", hint="e.g. --model-arg width_mult=0.5")
        if key in found:
            raise UsageError(f"--model-arg {key} is given twice", hint="keep one of them")
        found[key] = value
    return tuple(f"{key}={found[key]}" for key in sorted(found))


def keywords_of(spec: ModelSpec) -> dict[str, Any]:
    """What a factory is called with; a value is a Python literal (``0.5``, ``None``, ``[2, 2]``) or text."""
    found = {key: _value(text) for key, _, text in (each.partition("=") for each in spec.model_args)}
    return found if spec.num_classes is None else {"num_classes": spec.num_classes, **found}


def require_accepted(name: str, factory: Callable[..., Any], keywords: Iterable[str]) -> None:
    """Refuse arguments that a factory does not have, before it is called.

    Raises:
        UsageError: names the argument, and those that there are.
    """
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # written in C, or no function at all
        return
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = [parameter.name for parameter in parameters if parameter.kind in _KEYWORD]
    for key in keywords:
        if key not in known:
            listed = f"its arguments are {', '.join(known)}" if known else "it has no arguments"
            raise UsageError(f"{name} takes no argument {key!r}", hint=near_matches(key, known) or listed)


def require_complete(name: str, factory: Callable[..., Any], keywords: Iterable[str]) -> None:
    """Refuse a factory that needs more arguments than are given, before it is called.

    Raises:
        UsageError: names what is missing, and the option that gives it.
    """
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return
    given = set(keywords)
    missing = [
        parameter.name
        for parameter in parameters
        if parameter.kind in _KEYWORD and parameter.default is parameter.empty and parameter.name not in given
    ]
    if missing:
        options = " ".join(f"--model-arg {each}=VALUE" for each in missing)
        raise UsageError(
            f"{name} needs {'arguments' if missing[1:] else 'an argument'}: {', '.join(missing)}",
            hint=f"give {'them' if missing[1:] else 'it'} with {options}",
        )


def _value(text: str) -> Any:  # noqa: ANN401 - any literal
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
