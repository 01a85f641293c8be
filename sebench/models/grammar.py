"""The variant grammar as rows for people, read off the catalogue that the parser knows."""

from __future__ import annotations

from dataclasses import dataclass

from sebench.schema import ASIS, ATTENTION_KINDS, PLAIN, AttentionOption, Variant


@dataclass(frozen=True, slots=True)
class GrammarRow:
    """One thing that may be said in a variant."""

    syntax: str
    meaning: str
    default: str


def grammar() -> tuple[GrammarRow, ...]:
    """Every variant and option, in canonical order."""
    rows = [
        GrammarRow(PLAIN, "the network without channel attention; taken out where there was some", ""),
        GrammarRow(ASIS, "a network of others as its author built it", ""),
        *(_row(ASIS, option) for option in Variant(as_built=True).known_options),
    ]
    for kind in ATTENTION_KINDS.values():
        rows.append(GrammarRow(kind.name, "attention in every block, with the defaults below", ""))
        rows += [_row(kind.name, option) for option in Variant(kind.name).known_options]
    return tuple(rows)


def _row(name: str, option: AttentionOption) -> GrammarRow:
    return GrammarRow(
        syntax=f"{name}({option.name}={option.type.syntax})",
        meaning=option.meaning,
        default=option.render(option.default),
    )
