"""What the arguments of the library's functions may be, checked before anything else looks at them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import Any, TypeGuard

from sebench.errors import UsageError
from sebench.lines import single_line
from sebench.schema import ASKED_OPTIONS

_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Kind:
    """What an argument takes."""

    takes: Callable[[object], bool]
    text: str
    """The same in words: ``an int``."""


def require_taken(
    arguments: Mapping[str, object],
    *,
    required: Collection[str] = (),
    several: Collection[str] = (),
    own: Mapping[str, Kind] = MappingProxyType({}),
) -> None:
    """Refuse arguments of a wrong type.

    Args:
        arguments: by name, as given; None is what was left out.
        required: names of those that may not be left out.
        several: names of those that also take a sequence.
        own: what arguments take that mean something else in this function than in others, by name.

    Raises:
        UsageError: names the first of them, what was given, and what it takes.
    """
    for name, value in arguments.items():
        kind = own.get(name) or _KINDS[name]
        if value is None and name not in required:
            continue
        if not (kind.takes(value) or (name in several and _are(kind.takes)(value))):
            more = ", or a sequence of those" if name in several else ""
            raise UsageError(f"{name} is {_described(value)}", hint=f"it takes {kind.text}{more}")


def one_or_several(given: object) -> tuple[Any, ...]:
    """One thing, or a sequence of them: a string is one."""
    return tuple(given) if _is_sequence(given) else (given,)


def _described(value: object) -> str:
    """E.g. ``'a', a str``."""
    if value is None:
        return "None"
    text, name = single_line(repr(value)), type(value).__name__
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return f"{shown}, {'an' if name[0] in 'aeiou' else 'a'} {name}"


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_by_name(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_text, value))


def _is_network(value: object) -> bool:
    return isinstance(value, str) or callable(value)


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    """Strings are none, nor are bytes."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _are(each: Callable[[object], bool]) -> Callable[[object], bool]:
    """Whether it is a sequence of such things."""
    return lambda value: _is_sequence(value) and all(each(item) for item in value)


def _is_size(value: object) -> bool:
    return _is_whole(value) or (_is_sequence(value) and len(value) == 2 and all(map(_is_whole, value)))


_WHOLE = Kind(_is_whole, "an int")
_NUMBER = Kind(_is_number, "a number")
_TEXT = Kind(_is_text, "a string")
_FLAG = Kind(lambda value: isinstance(value, bool), "True or False")
_PATH = Kind(lambda value: isinstance(value, str | os.PathLike), "a path")
_MAPPING = Kind(_is_by_name, "a dictionary with strings as keys")
_FUNCTION = Kind(callable, "a function")
_NETWORK = Kind(_is_network, "a name ('resnet50', 'nets.py:net') or a function or class that makes it")
_VARIANT = Kind(_is_network, "a variant ('se', 'se(r=8)') or a class of your own attention")
_SHAPE = Kind(_are(_is_whole), "a sequence of ints, e.g. (1, 3, 224, 224)")
_SIZE = Kind(_is_size, "an int, or (height, width)")
_NAMES = Kind(_are(_is_text), "a sequence of strings")
TABLE_NAME = Kind(lambda value: _is_text(value) or _is_whole(value), "the name of a table, e.g. '2'")
"""A number is the name of most."""

_KINDS: Mapping[str, Kind] = {
    **{option.parameter: _TEXT for option in ASKED_OPTIONS if option.choices},
    **dict.fromkeys(
        ("batch_size", "threads", "world_size", "num_classes", "seed", "top", "limit", "workers"), _WHOLE
    ),
    **dict.fromkeys(
        ("device", "phase", "execution", "stride_in", "insert_after", "attention_class", "class_order"), _TEXT
    ),
    **dict.fromkeys(("effort", "on_inconclusive", "base_ref", "prefer"), _TEXT),
    **dict.fromkeys(
        ("memory", "energy", "measure", "drop", "dry_run", "confirm", "resume", "restart"), _FLAG
    ),
    **dict.fromkeys(
        ("weights", "save", "lock", "attempts", "calibrations", "results", "directory", "file"), _PATH
    ),
    **dict.fromkeys(("against", "names", "images", "fold", "preprocessing"), _PATH),
    **dict.fromkeys(("model_args", "max_overhead", "margin", "stages", "axes"), _MAPPING),
    **dict.fromkeys(("model", "baseline", "candidate", "example_inputs"), _NETWORK),
    "variant": _VARIANT,
    "budget_s": _NUMBER,
    "constant_below": _NUMBER,
    "timeout_s": _NUMBER,
    "image_size": _SIZE,
    "input_shape": _SHAPE,
    "sites": _NAMES,
    "kinds": _NAMES,
    "forms": Kind(
        lambda value: isinstance(value, bool) or _are(_is_text)(value), "True, False or a sequence of strings"
    ),
    "progress": _FUNCTION,
    "name": _TEXT,
}
