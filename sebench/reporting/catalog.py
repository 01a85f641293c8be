"""What `sebench list` shows: the networks that can be built, their sources, and the variant grammar."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from sebench.paper.tables.registry import TableInfo
from sebench.reporting.document import Cell, Column, Document, Table, text_cell
from sebench.schema import PLAIN, AttentionKind, AttentionOption
from sebench.schema.forms import FORMS, Form


class ModelRow(Protocol):
    """What the catalogue says about one network."""

    @property
    def name(self) -> str:
        """As given to ``--model``."""

    @property
    def family(self) -> str:
        """Networks that are built alike."""

    @property
    def image_size(self) -> int | tuple[int, int]:
        """Native side, or height and width, in pixels."""

    @property
    def num_classes(self) -> int:
        """Width of the published classifier."""

    @property
    def stages(self) -> tuple[int, ...]:
        """Those that can be chosen in a variant, ascending; empty where a network has none."""

    @property
    def source(self) -> str:
        """Where the paper describes the network or uses it."""


class SourceRow(Protocol):
    """A place where networks come from."""

    @property
    def key(self) -> str:
        """One word that names it."""

    @property
    def syntax(self) -> str:
        """How its networks are given to ``--model``."""

    @property
    def networks(self) -> str:
        """Which networks those are."""

    @property
    def takes_variants(self) -> bool:
        """Whether they take a ``--variant`` other than their own."""

    @property
    def own_variant(self) -> str:
        """What they are where nobody says."""


class VariantRow(Protocol):
    """One line of the variant grammar."""

    @property
    def syntax(self) -> str:
        """As given to ``--variant``."""

    @property
    def meaning(self) -> str:
        """What it does, in one line."""

    @property
    def default(self) -> str:
        """The value where nothing is said; empty where there is none."""


def _image_size(size: int | tuple[int, int]) -> Cell:
    text = str(size) if isinstance(size, int) else "x".join(map(str, size))
    return Cell(text, size if isinstance(size, int) else text)


def catalog_document(
    *,
    models: Sequence[ModelRow] = (),
    attention: Sequence[AttentionKind] = (),
    variants: Sequence[VariantRow] = (),
    tables: Sequence[TableInfo] = (),
    sources: Sequence[SourceRow] = (),
) -> Document:
    """Networks, attention, variant grammar and the papers' tables, in the order given, without empty ones.

    Args:
        models: those that are listed by name.
        attention: its kinds, with what one module costs.
        variants: what may be said in a variant.
        tables: of the papers.
        sources: where networks come from; a note below the models names those that it does not list.
    """
    parts = (
        *((_models(models, sources),) if models else ()),
        *((_attention(attention), _forms()) if attention else ()),
        *((_variants(variants),) if variants else ()),
        *((_tables(tables),) if tables else ()),
    )
    return Document("What sebench can build", parts)


def _tables(tables: Sequence[TableInfo]) -> Table:
    columns = (Column("name", "table"), Column("title", "shows"), Column("source", "source"))
    rows = tuple((text_cell(info.name), text_cell(info.title), text_cell(info.source)) for info in tables)
    return Table("Tables of the papers", columns, rows, ("sebench table NAME; all prints every one",))


def _models(models: Sequence[ModelRow], sources: Sequence[SourceRow]) -> Table:
    columns = (
        Column("model", "model"),
        Column("family", "family", role="data"),
        Column("image_size", "image", "right"),
        Column("num_classes", "classes", "right"),
        Column("stages", "stages"),
        Column("source", "paper", wrap=True),
    )
    rows = tuple(
        (
            text_cell(model.name),
            text_cell(model.family),
            _image_size(model.image_size),
            Cell(str(model.num_classes), model.num_classes),
            text_cell(stages_text(model.stages)),
            text_cell(model.source),
        )
        for model in models
    )
    others = ", ".join(source.syntax for source in sources if source.own_variant != PLAIN)
    return Table("Models", columns, rows, (f"also: {others}",) if others else ())


def _attention(kinds: Sequence[AttentionKind]) -> Table:
    columns = (
        Column("attention", "attention"),
        Column("label", "label"),
        Column("params", "parameters", wrap=True),
        Column("macs", "MACs", wrap=True),
        Column("options", "options", wrap=True),
        Column("paper", "paper", wrap=True),
    )
    rows = tuple(
        tuple(map(text_cell, (kind.name, kind.label, kind.params, kind.macs, _options(kind), kind.paper)))
        for kind in kinds
    )
    placing = {_written(option) for kind in kinds for option in kind.options if option.placing}
    notes = (
        "one module with these options, per image: C channels, a map of H x W; h, k: `sebench list variants`",
        f"also, where the kind has them: {', '.join(sorted(placing))}",
    )
    return Table("Attention", columns, rows, notes)


def _forms() -> Table:
    columns = (
        Column("form", "form"),
        Column("help", "what it is", wrap=True),
        Column("runtimes", "made for", wrap=True),
        Column("includes", "includes", wrap=True),
        Column("needs", "needs", wrap=True),
    )
    rows = tuple(
        tuple(map(text_cell, (form.name, form.help, ", ".join(form.runtimes), *_includes_and_needs(form))))
        for form in FORMS
    )
    notes = ("the same values, spelt otherwise: se(form=pooled+fused), asis(form=blocked); docs/forms.md",)
    return Table("Forms", columns, rows, notes)


def _includes_and_needs(form: Form) -> tuple[str, str]:
    needs = (
        f"batch {form.largest_batch}" if form.largest_batch else "a fixed batch" if form.fixed_batch else "",
        "a processor of the same vector width" if form.for_hardware else "",
    )
    return ", ".join(form.implies) or "-", ", ".join(filter(None, needs)) or "-"


def _options(kind: AttentionKind) -> str:
    return ", ".join(_written(option) for option in kind.options if not option.placing) or "-"


def _written(option: AttentionOption) -> str:
    return f"{option.name}={option.render(option.default)}"


def _variants(variants: Sequence[VariantRow]) -> Table:
    columns = (
        Column("variant", "variant"),
        Column("meaning", "meaning", wrap=True),
        Column("default", "default"),
    )
    rows = tuple(tuple(map(text_cell, (row.syntax, row.meaning, row.default))) for row in variants)
    return Table("Variants", columns, rows)


def stages_text(stages: Sequence[int]) -> str:
    """A gapless run as a range: (2, 3, 4, 5) -> '2-5', (2, 4) -> '2, 4'; '-' for none."""
    if len(stages) > 1 and all(after == before + 1 for before, after in pairwise(stages)):
        return f"{stages[0]}-{stages[-1]}"
    return ", ".join(map(str, stages)) or "-"
