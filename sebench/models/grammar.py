"""The variant grammar as rows for people, read off the options that the parser knows."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sebench.models.variants import ATTENTION_OPTIONS, PLAIN, Option, Variant


@dataclass(frozen=True, slots=True)
class GrammarRow:
    """One thing that may be said in a variant."""

    syntax: str
    meaning: str
    default: str


def grammar() -> tuple[GrammarRow, ...]:
    """Every variant and option, in canonical order."""
    rows = [GrammarRow(PLAIN, "the network without attention", "")]
    for attention, options in ATTENTION_OPTIONS.items():
        rows.append(GrammarRow(attention, "attention in every block, with the defaults below", ""))
        rows += [_row(attention, option) for option in options]
    return tuple(rows)


def _row(attention: str, option: Option) -> GrammarRow:
    default = {field.name: field.default for field in fields(Variant)}[option.field]
    return GrammarRow(
        syntax=f"{attention}({option.name}={option.values})",
        meaning=option.meaning,
        default="all" if default is None else option.render(default),
    )
