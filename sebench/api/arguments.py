"""What the arguments of the library's functions may be, checked before anything else looks at them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

from sebench.errors import UsageError
from sebench.lines import single_line
from sebench.schema import ASKED_OPTIONS

_LONGEST = 60


@dataclass(frozen=True, slots=True)
class _Kind:
    """What an argument takes."""

    takes: Callable[[object], bool]
    text: str


def require_taken(
    arguments: Mapping[str, object], *, required: Collection[str] = (), several: Collection[str] = ()
) -> None:
    """Refuse arguments of a wrong type.

    Args:
        arguments: by name, as given; None is what was left out.
        required: names of those that may not be left out.
        several: names of those that also take a sequence.

    Raises:
        UsageError: names the first of them, what was given, and what it takes.
    """
    for name, value in arguments.items():
        kind = _KINDS[name]
        if value is None and name not in required:
            continue
        if not (kind.takes(value) or (name in several and _are(kind.takes)(value))):
            more = ", or a sequence of those" if name in several else ""
            raise UsageError(f"{name} is {_described(value)}", hint=f"it takes {kind.text}{more}")


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


def _is_network(value: object) -> bool:
    return isinstance(value, str) or callable(value)


def _are(each: Callable[[object], bool]) -> Callable[[object], bool]:
    """Whether it is a sequence of such things; a string is none."""
    return lambda value: isinstance(value, Sequence) and not isinstance(value, str) and all(map(each, value))


def _or_several(each: Callable[[object], bool]) -> Callable[[object], bool]:
    several = _are(each)
    return lambda value: each(value) or several(value)


_WHOLE = _Kind(_is_whole, "an int")
_NUMBER = _Kind(_is_number, "a number")
_TEXT = _Kind(_is_text, "a string")
_FLAG = _Kind(lambda value: isinstance(value, bool), "True or False")
_PATH = _Kind(lambda value: isinstance(value, str | os.PathLike), "a path")
_MAPPING = _Kind(lambda value: isinstance(value, Mapping), "a dictionary")
_FUNCTION = _Kind(callable, "a function")
_NETWORK = _Kind(_is_network, "a name ('resnet50', 'nets.py:net') or a function or class that makes it")
_VARIANT = _Kind(_is_network, "a variant ('se', 'se(r=8)') or a class of your own attention")
_SHAPE = _Kind(_are(_is_whole), "a sequence of ints, e.g. (1, 3, 224, 224)")
_SIZE = _Kind(_or_several(_is_whole), "an int, or (height, width)")
_NAMES = _Kind(_are(_is_text), "a sequence of strings")

_KINDS: Mapping[str, _Kind] = {
    **{option.parameter: _TEXT for option in ASKED_OPTIONS if option.choices},
    **dict.fromkeys(("batch_size", "threads", "world_size", "num_classes", "seed", "top"), _WHOLE),
    **dict.fromkeys(("device", "phase", "execution", "stride_in", "insert_after", "attention_class"), _TEXT),
    **dict.fromkeys(("effort", "on_inconclusive", "base_ref", "prefer"), _TEXT),
    **dict.fromkeys(("memory", "energy", "measure", "drop", "dry_run", "confirm"), _FLAG),
    **dict.fromkeys(("weights", "save", "lock", "attempts", "calibrations", "results"), _PATH),
    **dict.fromkeys(("against", "names"), _PATH),
    **dict.fromkeys(("model_args", "max_overhead", "margin", "stages", "axes"), _MAPPING),
    **dict.fromkeys(("model", "baseline", "candidate", "example_inputs"), _NETWORK),
    "variant": _VARIANT,
    "budget_s": _NUMBER,
    "image_size": _SIZE,
    "input_shape": _SHAPE,
    "sites": _NAMES,
    "kinds": _NAMES,
    "forms": _Kind(
        lambda value: isinstance(value, bool) or _are(_is_text)(value), "True, False or a sequence of strings"
    ),
    "progress": _FUNCTION,
    "name": _Kind(lambda value: _is_text(value) or _is_whole(value), "the name of a table, e.g. '2'"),
}
