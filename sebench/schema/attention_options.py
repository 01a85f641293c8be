"""Options of attention kinds: ``name=value`` in a variant, and what may stand behind the ``=``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from sebench.errors import VariantError, near_matches

OptionValue = int | float | bool | str | tuple[int, ...] | tuple[str, ...] | None
_REFERENCE = re.compile(r"[^:=,()]+:[^\W\d]\w*")
_RUN = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?", re.ASCII)
_PATH = re.compile(r"[^\s:=,+()]+")


class OptionType(Protocol):
    """The values that an option can have, and how they are written."""

    @property
    def syntax(self) -> str:
        """What may stand behind the ``=``, for people."""

    def parse(self, name: str, text: str) -> OptionValue:
        """Read a value of the option `name`; the text is in lower case, without blanks around it.

        Raises:
            VariantError: the text is no such value.
        """

    def render(self, value: Any) -> str:  # noqa: ANN401 - of the type that `parse` returns
        """The one text of a value."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several words."""

    choices: tuple[str, ...]

    @property
    def syntax(self) -> str:
        """What may stand behind the ``=``."""
        return "|".join(self.choices)

    def parse(self, name: str, text: str) -> str:
        """Read one of the words."""
        if text not in self.choices:
            raise unknown_word(f"{name} value", text, self.choices)
        return text

    def render(self, value: str) -> str:
        """The word itself."""
        return value


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    @property
    def syntax(self) -> str:
        """What may stand behind the ``=``."""
        return "true|false"

    def parse(self, name: str, text: str) -> bool:
        """Read ``true`` or ``false``."""
        if text not in ("true", "false"):
            raise unknown_word(f"{name} value", text, ("true", "false"))
        return text == "true"

    def render(self, value: bool) -> str:
        """In lower case."""
        return str(value).lower()


@dataclass(frozen=True, slots=True)
class Reference:
    """A function or class of the user's, in a file or a module."""

    @property
    def syntax(self) -> str:
        """What may stand behind the ``=``."""
        return "FILE.py:NAME or package.module:NAME"

    def parse(self, name: str, text: str) -> str:
        """Take it as it is, where it has the form of such a name."""
        if not _REFERENCE.fullmatch(text):
            raise VariantError(f"{name} cannot be {text!r}", hint=f"write {self.syntax}")
        return text

    def render(self, value: str) -> str:
        """The name itself."""
        return value


@dataclass(frozen=True, slots=True)
class StageSet:
    """Some stages of a network, in the paper's numbering: ascending, each once."""

    @property
    def syntax(self) -> str:
        """What may stand behind the ``=``."""
        return "2-4 or 2+4"

    def parse(self, name: str, text: str) -> tuple[int, ...]:
        """Read runs such as ``4`` and ``2-4``, joined by ``+``."""
        stages: set[int] = set()
        for run in text.split("+"):
            match = _RUN.fullmatch(run.strip())
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
            if last < first:
                raise VariantError(
                    f"{run.strip()!r} is not a stage or range of stages", hint=f"for example {name}=2+4-5"
                )
            stages.update(range(first, last + 1))
        return tuple(sorted(stages))

    def render(self, value: Iterable[int]) -> str:
        """As runs, for example ``2+4-5``."""
        return format_stages(value)


@dataclass(frozen=True, slots=True)
class PathSet:
    """Some gates of a network, by the paths under which counts list them: in natural order, each once."""

    @property
    def syntax(self) -> str:
        """What may stand behind the ``=``."""
        return "PATH+PATH"

    def parse(self, name: str, text: str) -> tuple[str, ...]:
        """Read paths joined by ``+``; ``none`` alone is none."""
        paths = [path.strip() for path in text.split("+")]
        if paths == ["none"]:
            return ()
        for path in paths:
            if not _PATH.fullmatch(path):
                raise VariantError(
                    f"{name}: {path!r} is not the path of a gate",
                    hint=f"for example {name}=stage5.2.attention; `sebench count --by site` lists them",
                )
        return tuple(sorted(dict.fromkeys(paths), key=_naturally))

    def render(self, value: Iterable[str]) -> str:
        """Joined by ``+``; ``none`` where there is none."""
        return "+".join(value) or "none"


@dataclass(frozen=True, slots=True)
class AttentionOption:
    """One ``name=value`` of the variant grammar."""

    name: str
    """As written in a variant; also the keyword of the module's constructor, unless it is `placing`."""
    type: OptionType
    default: OptionValue
    """What it is where it is not given; None stands for all."""
    meaning: str
    placing: bool = False
    """Whether it says where modules sit or how they are spelt, and is no argument of their constructor."""
    case_matters: bool = False
    """Whether upper and lower case of its value differ."""

    def parse(self, text: str) -> OptionValue:
        """Read what stands behind the ``=``.

        Raises:
            VariantError: the text is no value of this option.
        """
        return self.type.parse(self.name, text if self.case_matters else text.lower())

    def render(self, value: OptionValue) -> str:
        """The one text of a value; ``all`` of None, which cannot be given."""
        return "all" if value is None else self.type.render(value)

    def require(self, value: OptionValue) -> None:
        """Refuse what could not have been read from a text.

        Raises:
            VariantError: the value is of another type, out of range or not in its one form.
        """
        if value is None and self.default is None:
            return
        try:
            accepted = self.parse(self.render(value)) == value
        except (AttributeError, TypeError, ValueError, VariantError):
            accepted = False
        if not accepted:
            raise VariantError(
                f"option {self.name!r} cannot be {value!r}", hint=f"its values are {self.type.syntax}"
            )


def _naturally(path: str) -> tuple[str | int, ...]:
    """A key by which numbers within paths are in their order: 2 before 10."""
    return tuple(int(part) if number else part for number, part in _alternating(path))


def _alternating(path: str) -> Iterable[tuple[bool, str]]:
    return ((bool(index % 2), part) for index, part in enumerate(re.split("([0-9]+)", path)))


def is_run_of_stages(text: str) -> bool:
    """Whether a text is one stage or one run of stages: ``4`` or ``2-4``."""
    return _RUN.fullmatch(text) is not None


def format_stages(stages: Iterable[int]) -> str:
    """Runs as ``a-b``, joined by ``+``: (2, 4, 5) -> ``2+4-5``."""
    runs: list[list[int]] = []
    for stage in sorted(stages):
        if runs and stage == runs[-1][-1] + 1:
            runs[-1].append(stage)
        else:
            runs.append([stage])
    return "+".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def unknown_word(what: str, word: str, known: Iterable[str]) -> VariantError:
    """The error for a word that is not among those known; names what comes close, or all."""
    known = tuple(known)
    listed = f"choose from {', '.join(known)}" if known else "there is none"
    hint = near_matches(word, known) or listed
    return VariantError(f"unknown {what} {word!r}" if word else f"{what} missing", hint=hint)
