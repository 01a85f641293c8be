"""The variant grammar: one string says which attention a network carries and how.

``plain`` is the network without attention; ``NAME`` or ``NAME(option=value, ...)`` is one with it, for
example ``se(r=8,stages=2-4)``. ``str(Variant)`` is the canonical form: only options that differ from
their default, always in the same order, so equal networks have equal names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from sebench.errors import VariantError, near_matches

Position = Literal["standard", "pre", "post", "identity", "3x3"]
Squeeze = Literal["avg", "max", "avgmax", "none"]
Excitation = Literal["sigmoid", "relu", "tanh", "hardsigmoid"]

PLAIN = "plain"
_CALL = re.compile(r"\s*(?P<name>[^()]*?)\s*(?:\((?P<options>[^()]*)\))?\s*")
_STAGES = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Variant:
    """Which attention fills a network's slots; without one, the network is plain."""

    attention: str | None = None
    """Name of the attention, None for the plain network."""
    reduction: int = 16
    """Reduction ratio r of Eq. 5."""
    stages: tuple[int, ...] | None = None
    """Stages whose slots are filled, ascending; None fills all."""
    position: Position = "standard"
    """Place in the block (TPAMI section 6.5): before the add, on the branch's input, after the add, ..."""
    squeeze: Squeeze = "avg"
    """Pooling of Eq. 2; ``none`` is the NoSqueeze ablation (TPAMI section 7.1)."""
    excitation: Excitation = "sigmoid"
    """Gate of Eq. 3."""
    bias: bool = True
    """Whether the excitation's two layers have biases, as the released models do."""

    def __str__(self) -> str:
        if self.attention is None:
            return PLAIN
        options = ",".join(
            f"{option.name}={option.render(getattr(self, option.field))}"
            for option in ATTENTION_OPTIONS[self.attention]
            if getattr(self, option.field) != _DEFAULTS[option.field]
        )
        return f"{self.attention}({options})" if options else self.attention


@dataclass(frozen=True, slots=True)
class Option:
    """One ``name=value`` of the grammar and the `Variant` field it sets."""

    name: str
    field: str
    parse: Callable[[str], Any]
    values: str
    """What may stand behind the ``=``."""
    meaning: str
    render: Callable[[Any], str] = str


def parse_variant(text: str) -> Variant:
    """Read a variant; case and blanks around words do not matter.

    Args:
        text: For example ``plain``, ``se`` or ``se(r=8, stages=2+4-5)``.

    Raises:
        VariantError: The text is outside the grammar; names the culprit and near matches.
    """
    try:
        return _parse(text.lower())
    except VariantError as error:
        raise VariantError(f"variant {text!r}: {error.message}", hint=error.hint) from None


def hidden_channels(channels: int, reduction: int) -> int:
    """Width h of the excitation's bottleneck: max(1, C // r), never rounded to hardware multiples."""
    return max(1, channels // reduction)


def format_stages(stages: Iterable[int]) -> str:
    """Runs as ``a-b``, joined by ``+``: (2, 4, 5) -> ``2+4-5``."""
    runs: list[list[int]] = []
    for stage in sorted(stages):
        if runs and stage == runs[-1][-1] + 1:
            runs[-1].append(stage)
        else:
            runs.append([stage])
    return "+".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _parse(text: str) -> Variant:
    call = _CALL.fullmatch(text)
    if call is None:
        raise VariantError("unbalanced parentheses", hint="write it as NAME(option=value,...)")
    name, options = call["name"], call["options"] or ""
    if name == PLAIN:
        if options.strip():
            raise VariantError("the plain network has no options", hint="write plain, or name an attention")
        return Variant()
    if name not in ATTENTION_OPTIONS:
        raise _unknown("attention", name, (PLAIN, *ATTENTION_OPTIONS))
    return Variant(
        name, **_parse_options(options, {option.name: option for option in ATTENTION_OPTIONS[name]})
    )


def _parse_options(text: str, known: Mapping[str, Option]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item in _split_options(text):
        name, equals, value = (part.strip() for part in item.partition("="))
        if name not in known:
            raise _unknown("option", name, known)
        option = known[name]
        if not equals or not value:
            raise VariantError(f"option {name!r} has no value", hint=f"write {name}=...")
        if option.field in values:
            raise VariantError(f"option {name!r} is given twice", hint="keep one of them")
        values[option.field] = option.parse(value)
    return values


def _split_options(text: str) -> list[str]:
    """Split at commas, except those that separate stages: ``stages=2,4`` is one option."""
    items: list[str] = []
    for item in text.split(",") if text.strip() else []:
        if items and items[-1].strip().startswith("stages") and _STAGES.fullmatch(item.strip()):
            items[-1] = f"{items[-1]}+{item}"
        else:
            items.append(item)
    return items


def _unknown(what: str, word: str, known: Iterable[str]) -> VariantError:
    known = tuple(known)
    hint = near_matches(word, known) or f"choose from {', '.join(known)}"
    return VariantError(f"unknown {what} {word!r}" if word else f"{what} missing", hint=hint)


def _parse_reduction(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or int(text) < 1:
        raise VariantError(f"r must be a whole number of at least 1, not {text!r}", hint="for example r=16")
    return int(text)


def _parse_stages(text: str) -> tuple[int, ...]:
    stages: set[int] = set()
    for run in text.split("+"):
        match = _STAGES.fullmatch(run.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise VariantError(
                f"{run.strip()!r} is no stage or run of stages", hint="for example stages=2+4-5"
            )
        stages.update(range(first, last + 1))
    return tuple(sorted(stages))


def _choice(name: str, values: tuple[str, ...], meaning: str) -> Option:
    def parse(text: str) -> str:
        if text not in values:
            raise _unknown(f"{name} value", text, values)
        return text

    return Option(name, name, parse, "|".join(values), meaning)


def _parse_bias(text: str) -> bool:
    if text not in ("true", "false"):
        raise _unknown("bias value", text, ("true", "false"))
    return text == "true"


_DEFAULTS: Mapping[str, Any] = {field.name: field.default for field in fields(Variant)}

_REDUCTION = Option("r", "reduction", _parse_reduction, "1, 2, ...", "reduction ratio: h = max(1, C // r)")
_STAGE_SET = Option(
    "stages",
    "stages",
    _parse_stages,
    "2-4 or 2+4",
    "stages that carry it, in the paper's numbering",
    format_stages,
)
_POSITION = _choice("position", get_args(Position), "place in the block; standard is before the add")
_SQUEEZE = _choice("squeeze", get_args(Squeeze), "pooling; none is the NoSqueeze ablation")
_EXCITATION = _choice("excitation", get_args(Excitation), "gate")
_BIAS = Option(
    "bias", "bias", _parse_bias, "true|false", "biases in the two layers", lambda value: str(value).lower()
)

ATTENTION_OPTIONS: Mapping[str, tuple[Option, ...]] = {
    "se": (_REDUCTION, _STAGE_SET, _POSITION, _SQUEEZE, _EXCITATION, _BIAS),
}
"""Attention name -> its options in canonical order; its module is registered in `attention`."""
