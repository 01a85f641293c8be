"""TOML tables to settings, strictly: whatever is not understood is refused with its full key.

The types of the settings are the rules (`msgspec.inspect` reads them); msgspec's own conversion is not used
because it names neither near matches nor the table as it is written in the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, NoReturn, TypeVar

from msgspec import NODEFAULT, inspect

from sebench.configuration.limits import Problem, problem_of_metric
from sebench.errors import ConfigurationError, near_matches
from sebench.schema import ASKED_OPTIONS, Value

T = TypeVar("T", bound=Value)

_NOW = {former: option.parameter.replace("_", "-") for option in ASKED_OPTIONS for former in option.former}
"""Keys by their former names, understood until 1.0."""
_TOML_NAMES = {str: "a string", bool: "a boolean", int: "a whole number", float: "a number"}
_TOML_NAMES |= {list: "an array", dict: "a table"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file a value stands."""

    file: str
    table: str = ""
    """Dotted; empty at the top."""
    key: str = ""

    def __str__(self) -> str:
        parts = (f"{self.file}:", f"[{self.table}]" if self.table else "", f"{self.key}:" if self.key else "")
        return " ".join(part for part in parts if part)

    def inside(self) -> Place:
        """The table that this key holds."""
        return replace(self, table=".".join(filter(None, (self.table, self.key))), key="")

    def item(self, number: int) -> Place:
        """One entry of the array that this key holds, numbered from 1."""
        return replace(self, key=f"{self.key} #{number}")

    def refuse(self, problem: str, hint: str | None = None) -> NoReturn:
        """Raise the error about what stands here."""
        raise ConfigurationError(f"{self} {problem}", hint=hint)

    def refuse_unknown(self, table: Iterable[str], known: Iterable[str]) -> None:
        """Raise the error about the first key of the table here that is not known, if there is one."""
        _refuse_unknown(table, known, self)

    def expect(self, value: object, kind: type) -> Any:  # noqa: ANN401
        """What stands here, where it is of this type; else raise the error about it."""
        return _expect(value, kind, self)


def decode(table: object, kind: type[T], place: Place) -> T:
    """A table as a value of `kind`.

    Args:
        table: as the TOML reader gave it.
        kind: one of the settings.
        place: of the table, for messages.

    Raises:
        ConfigurationError: an unknown or missing key, a wrong type or a value out of range.
    """
    decoded: T = _decode(table, inspect.type_info(kind), place)
    return decoded


def decode_value(value: object, kind: type[Value], field: str, place: Place) -> Any:  # noqa: ANN401
    """A value as what a field of `kind` may be.

    Args:
        value: as the TOML reader, or a command line, gave it.
        kind: one of the settings.
        field: its name in Python.
        place: of the value, for messages.

    Raises:
        ConfigurationError: a wrong type or a value out of range.
    """
    rule = inspect.type_info(kind)
    assert isinstance(rule, inspect.StructType)  # noqa: S101 - settings are
    return _decode(value, next(each.type for each in rule.fields if each.name == field), place)


def decode_lists(table: object, kind: type[Value], place: Place) -> dict[str, tuple[Any, ...]]:
    """A table whose keys are those of `kind`, each with a value or with an array of them.

    Args:
        table: as the TOML reader gave it.
        kind: one of the settings.
        place: of the table, for messages.

    Returns:
        The values by the names of the fields in Python.

    Raises:
        ConfigurationError: an unknown key, an empty array, a wrong type or a value out of range.
    """
    rule = inspect.type_info(kind)
    assert isinstance(rule, inspect.StructType)  # noqa: S101 - settings are
    fields, place = {field.encode_name: field for field in rule.fields}, place.inside()
    entries = _expect(table, dict, place)
    written = _by_present_name(entries, fields, place)
    _refuse_unknown(written, fields, place)
    found: dict[str, tuple[Any, ...]] = {}
    for name, key in written.items():
        field, where = fields[name], replace(place, key=key)
        many = entries[key] if isinstance(entries[key], list) else None
        if many is None:
            found[field.name] = (_decode(entries[key], field.type, where),)
        elif not many:
            where.refuse("is empty", hint="name a value, or leave it out")
        else:
            found[field.name] = tuple(
                _decode(item, field.type, where.item(i)) for i, item in enumerate(many, 1)
            )
    return found


def _decode(value: object, rule: inspect.Type, place: Place, extra: dict[str, Any] | None = None) -> Any:  # noqa: ANN401, PLR0911 - one rule per type
    match rule:
        case inspect.Metadata():
            return _decode(value, rule.type, place, rule.extra)
        case inspect.UnionType():
            return _decode(value, _member(value, rule), place)
        case inspect.StructType():
            return _struct(value, rule, place.inside())
        case inspect.VarTupleType():
            items = _expect(value, list, place)
            return tuple(_decode(item, rule.item_type, place.item(i)) for i, item in enumerate(items, 1))
        case inspect.DictType():
            return _mapping(value, rule, place)
        case inspect.LiteralType():
            return _choice(value, rule, place)
        case inspect.StrType():
            return _text(value, rule, place, extra or {})
        case inspect.IntType() | inspect.FloatType():
            return _number(value, rule, place, extra or {})
    raise AssertionError(f"no rule for settings of type {rule}")


def _member(value: object, rule: inspect.UnionType) -> inspect.Type:
    """The alternative that a value of this type means; the first where none fits, to say what is expected."""
    members = [member for member in rule.types if not isinstance(member, inspect.NoneType)]
    texts = [member for member in members if isinstance(member, inspect.Metadata | inspect.StrType)]
    return texts[0] if texts and isinstance(value, str) else members[0]


def _struct(value: object, rule: inspect.StructType, place: Place) -> Any:  # noqa: ANN401
    fields = {field.encode_name: field for field in rule.fields}
    table = _expect(value, dict, place)
    written = _by_present_name(table, fields, place)
    _refuse_unknown(written, fields, place)
    for name, field in fields.items():
        if field.required and field.default is NODEFAULT and name not in written:
            place.refuse(f"has no key {name!r}", hint="it is required")
    return rule.cls(
        **{
            fields[name].name: _decode(table[key], fields[name].type, replace(place, key=key))
            for name, key in written.items()
        }
    )


def _by_present_name(table: Iterable[str], known: Collection[str], place: Place) -> dict[str, str]:
    """Keys as they are written, by what each is called now."""
    written: dict[str, str] = {}
    for key in table:
        now = _NOW.get(key, key)
        name = now if now in known else key
        if name in written:
            place.refuse(f"has both {written[name]!r} and {key!r}", hint=f"keep {name!r}")
        written[name] = key
    return written


def _mapping(value: object, rule: inspect.DictType, place: Place) -> dict[str, Any]:
    table = _expect(value, dict, place)
    if isinstance(rule.key_type, inspect.LiteralType):
        _refuse_metrics(table, place)
    if len(table) < (rule.min_length or 0):
        place.refuse("names no metric", hint="write e.g. { latency = 1.05 }")
    return {
        key: _decode(item, rule.value_type, replace(place, key=f"{place.key}.{key}"))
        for key, item in table.items()
    }


def _refuse_metrics(table: Iterable[str], place: Place) -> None:
    """The keys of the only mappings that settings have are metrics."""
    for name in table:
        problem = problem_of_metric(name)
        if problem:
            place.refuse(problem.message, hint=problem.hint)


def _refuse_unknown(table: Iterable[str], known: Iterable[Any], place: Place) -> None:
    known = list(known)
    for key in table:
        if key not in known:
            place.refuse(f"unknown key {key!r}", hint=near_matches(key, known) or _choose_from(known))


def _choice(value: object, rule: inspect.LiteralType, place: Place) -> object:
    text = _expect(value, str, place)
    if text not in rule.values:
        known = [str(choice) for choice in rule.values]
        place.refuse(f"unknown value {text!r}", hint=near_matches(text, known) or _choose_from(known))
    return text


def _text(value: object, rule: inspect.StrType, place: Place, extra: dict[str, Any]) -> str:
    text: str = _expect(value, str, place)
    if len(text) < (rule.min_length or 0):
        place.refuse("is empty")
    if rule.pattern and not re.fullmatch(rule.pattern, text):
        place.refuse(f"{text!r} is not {extra['expects']}")
    return text


def _number(
    value: object, rule: inspect.IntType | inspect.FloatType, place: Place, extra: dict[str, Any]
) -> int | float:
    if isinstance(value, str) and "problem_of_text" in extra:
        _refuse_limit(extra["problem_of_text"](value), place)
    number = _real(value, place) if isinstance(rule, inspect.FloatType) else _expect(value, int, place)
    if "problem" in extra:
        _refuse_limit(extra["problem"](number), place)
    if rule.gt is not None and not number > rule.gt:
        place.refuse(f"{number:g} is not above {rule.gt:g}")
    if rule.ge is not None and number < rule.ge:
        place.refuse(f"{number} is below {rule.ge}")
    if rule.le is not None and number > rule.le:
        place.refuse(f"is more than {rule.le:g}")
    return number


def _refuse_limit(problem: Problem | None, place: Place) -> None:
    if problem is not None:
        place.refuse(problem.message, hint=problem.hint)


def _real(value: object, place: Place) -> float:
    try:
        number = _expect(float(value) if type(value) is int else value, float, place)
    except OverflowError:  # TOML's integers have no limit here
        number = math.inf
    if not math.isfinite(number):
        place.refuse(f"{number} is not a finite number")
    return float(number)


def _expect(value: object, kind: type, place: Place) -> Any:  # noqa: ANN401
    if type(value) is not kind:  # a bool is no int here
        found = _TOML_NAMES.get(type(value), f"a {type(value).__name__}")
        place.refuse(f"expected {_TOML_NAMES[kind]}, not {found}")
    return value


def _choose_from(known: Iterable[str]) -> str:
    return f"choose from {', '.join(known)}"
