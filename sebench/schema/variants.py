"""The variant grammar: one string says which attention a network carries and how.

``plain`` is the network without attention; ``NAME`` or ``NAME(option=value, ...)`` is one with it, for
example ``se(r=8,stages=2-4)``. ``str(Variant)`` is the canonical form: only options that differ from
their default, always in the same order, so equal networks have equal names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from sebench.errors import VariantError, near_matches
from sebench.schema.attention import FORM, STAGES, WITHOUT, AttentionKind, AttentionPart, Position
from sebench.schema.attention_kinds import ATTENTION_KINDS, CUSTOM
from sebench.schema.attention_options import AttentionOption, OptionValue, is_run_of_stages, unknown_word

PLAIN = "plain"
ASIS = "asis"
"""A network of others as its author built it, with the attention that it has."""
_CALL = re.compile(r"\s*(?P<name>[^()]*?)\s*(?:\((?P<options>[^()]*)\))?\s*")


@dataclass(frozen=True, slots=True)
class Variant:
    """Which attention a network has: none (plain), its author's (as it was built), or one of the catalogue.

    Raises:
        VariantError: there is no such kind, it has no such option, or a value is none of the option's.
    """

    attention: str | None = None
    """Name of the kind; None for the plain network and for one as it was built."""
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    """Those that differ from their default, in canonical order; others may be given and are dropped."""
    as_built: bool = False
    """Whether the network is left as its author built it."""

    def __post_init__(self) -> None:
        known = {option.name: option for option in self.known_options}
        for name, value in self.options.items():
            _known_option(name, known).require(value)
        kept = {
            name: self.options[name]
            for name, option in known.items()
            if name in self.options and self.options[name] != option.default
        }
        object.__setattr__(self, "options", kept)
        if self.kind is CUSTOM and not kept.get("class"):
            raise VariantError("custom names no class", hint="write custom(class=FILE.py:NAME)")
        for excluded in () if self.kind is None else self.kind.excluded:
            if all(self.value(name) == value for name, value in excluded.items()):
                raise _together(excluded, known)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        name = self.attention or (ASIS if self.as_built else PLAIN)
        options = ",".join(
            f"{option.name}={option.render(self.options[option.name])}"
            for option in self.known_options
            if option.name in self.options
        )
        return f"{name}({options})" if options else name

    @property
    def known_options(self) -> tuple[AttentionOption, ...]:
        """Options that may be given, in canonical order."""
        if self.kind is not None:
            return (*self.kind.options, WITHOUT)
        return (FORM, WITHOUT) if self.as_built else ()

    @property
    def kind(self) -> AttentionKind | None:
        """The entry of the attention in the catalogue; None for a network that is plain, or as built."""
        return None if self.attention is None else _known_kind(self.attention)

    def value(self, name: str) -> Any:  # noqa: ANN401 - options differ in type
        """Value of an option, given or by default; None where the attention has no such option."""
        default = None if self.kind is None else self.kind.default(name)
        return self.options.get(name, default)

    def replaced(self, **options: OptionValue) -> Variant:
        """The same attention with other values of these options.

        Raises:
            VariantError: the attention has no such option, or a value is none of the option's.
        """
        return Variant(self.attention, {**self.options, **options}, self.as_built)

    @property
    def forms(self) -> tuple[str, ...]:
        """Names of the forms in which its gates are spelt; see `sebench.schema.forms`."""
        spelt = FORM in self.known_options  # gather-excite has another option of this name
        return cast("tuple[str, ...]", self.options.get(FORM.name, ())) if spelt else ()

    @property
    def standard(self) -> Variant:
        """The same attention as its author spelt it."""
        if not self.forms:
            return self
        others = {name: value for name, value in self.options.items() if name != FORM.name}
        return Variant(self.attention, others, self.as_built)

    @property
    def without(self) -> tuple[str, ...]:
        """Paths of the gates that are left out."""
        return cast("tuple[str, ...]", self.options.get(WITHOUT.name, ()))

    def require_gates(self, network: str, paths: Collection[str]) -> None:
        """Refuse to leave out gates that are not there, or all of them.

        Args:
            network: what it is called in the message.
            paths: of its gates.

        Raises:
            VariantError: names the first that is not there, or what leaves out all.
        """
        for path in self.without:
            if path not in paths:
                raise VariantError(
                    f"variant {str(self)!r}: {network} has no gate {path!r}",
                    hint=near_matches(path, paths) or "`sebench count --by site` lists them",
                )
        if self.without and not set(paths) - set(self.without):
            raise VariantError(f"variant {str(self)!r} leaves out every gate of {network}", hint="use plain")

    @property
    def stages(self) -> tuple[int, ...] | None:
        """Stages whose slots are filled, ascending; None fills all."""
        return cast("tuple[int, ...] | None", self.value(STAGES.name))

    @property
    def position(self) -> Position:
        """Place in the block."""
        return cast(Position, self.value("position") or "standard")

    @property
    def arguments(self) -> dict[str, OptionValue]:
        """Keywords of the attention module's constructor: all options but those that say where it sits."""
        options = () if self.kind is None else self.kind.options
        return {option.name: self.value(option.name) for option in options if not option.placing}

    @property
    def code(self) -> str | None:
        """The user's class of attention, as ``FILE.py:NAME``; None of every other attention."""
        return cast("str | None", self.value("class"))

    @property
    def parts(self) -> tuple[AttentionPart, ...]:
        """Parts whose time can be told apart, in order of execution; none of the plain network."""
        kind = self.kind
        if (
            kind is None
            or self.forms
            or any(self.value(name) == value for name, value in kind.inseparable.items())
        ):
            return ()
        return kind.parts


def parse_variant(text: str) -> Variant:
    """Read a variant; case and blanks around words do not matter.

    Args:
        text: For example ``plain``, ``se`` or ``se(r=8, stages=2+4-5)``.

    Raises:
        VariantError: The text is outside the grammar; names the culprit and near matches.
    """
    try:
        return _parse(text)
    except VariantError as error:
        raise VariantError(f"variant {text!r}: {error.message}", hint=error.hint) from None


def _parse(text: str) -> Variant:
    call = _CALL.fullmatch(text)
    if call is None:
        raise VariantError("unbalanced parentheses", hint="write it as NAME(option=value,...)")
    name, options = call["name"].lower(), call["options"] or ""
    if name == PLAIN:
        if options.strip():
            raise VariantError(f"{name} has no options", hint=f"write {name}, or name an attention")
        return Variant()
    if name == ASIS:
        return Variant(options=_parse_options(options, (FORM, WITHOUT)), as_built=True)
    return Variant(name, _parse_options(options, (*_known_kind(name).options, WITHOUT)))


def _parse_options(text: str, options: Iterable[AttentionOption]) -> dict[str, OptionValue]:
    known = {option.name: option for option in options}
    values: dict[str, OptionValue] = {}
    for item in _split_options(text):
        name, equals, value = (part.strip() for part in item.partition("="))
        name = name.lower()
        option = _known_option(name, known)
        if not equals or not value:
            raise VariantError(f"option {name!r} has no value", hint=f"write {name}=...")
        if name in values:
            raise VariantError(f"option {name!r} is given twice", hint="keep one of them")
        values[name] = option.parse(value)
    return values


def _split_options(text: str) -> list[str]:
    """Split at commas, except those that separate stages: ``stages=2,4`` is one option."""
    items: list[str] = []
    for item in text.split(",") if text.strip() else []:
        if items and items[-1].strip().lower().startswith(STAGES.name) and is_run_of_stages(item.strip()):
            items[-1] = f"{items[-1]}+{item}"
        else:
            items.append(item)
    return items


def _together(excluded: Mapping[str, OptionValue], known: Mapping[str, AttentionOption]) -> VariantError:
    first, *_, last = (f"{name}={known[name].render(value)}" for name, value in excluded.items())
    option = known[[*excluded][-1]]
    return VariantError(
        f"{first} does not go with {last}", hint=f"give {option.name}; its values are {option.type.syntax}"
    )


def _known_kind(name: str) -> AttentionKind:
    if name == CUSTOM.name:
        return CUSTOM
    if name not in ATTENTION_KINDS:
        raise unknown_word("attention", name, (PLAIN, ASIS, *ATTENTION_KINDS))
    return ATTENTION_KINDS[name]


def _known_option(name: str, known: Mapping[str, AttentionOption]) -> AttentionOption:
    if name not in known:
        raise unknown_word("option", name, known)
    return known[name]
