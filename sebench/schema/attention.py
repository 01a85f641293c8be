"""What an entry of the catalogue says of a kind of attention, and the options that several kinds share.

The entries are in `sebench.schema.attention_kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from sebench.schema.attention_numbers import WholeNumber
from sebench.schema.attention_options import AttentionOption, Choice, OptionValue, PathSet, StageSet
from sebench.schema.base import Phase
from sebench.schema.forms import FormSet

Position = Literal["standard", "pre", "post", "identity", "3x3"]
"""Place in a block (TPAMI section 6.5): before the add, on the branch's input, after the add, ..."""

POSITIONS: tuple[Position, ...] = get_args(Position)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionPart:
    """One step of an attention module: its child of this name."""

    name: str
    ablated_in: tuple[Phase, ...] = ()
    """Phases in which leaving the part out shows what it costs; needs a stand-in on the torch side.

    In training that holds only where the others still get a gradient.
    """
    holds_weights: bool = False
    """Whether it has all, or nearly all, weights of the module. At most one part of a kind does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionKind:
    """One kind of attention, without its modules."""

    name: str
    """As written in a variant: lower case."""
    label: str
    """As written in running text."""
    implementation: str
    """Import path ``package.module:NAME`` of its `sebench.models.attention.Implementation`."""
    options: tuple[AttentionOption, ...]
    """In canonical order."""
    parts: tuple[AttentionPart, ...]
    """In order of execution; none where its time is not told apart."""
    inseparable: Mapping[str, OptionValue] = field(default_factory=dict)
    """Values of options with which a module lacks one of the parts, so that its time is not told apart."""
    excluded: tuple[Mapping[str, OptionValue], ...] = ()
    """Values of options that cannot be had together."""
    paper: str = ""
    """Who published it, where and when."""
    params: str = ""
    """Parameters of one module with the default options: a sum of products of ``C``, ``h`` and ``k``."""
    macs: str = ""
    """Multiply-accumulates of one module per image, of ``H`` and ``W`` too."""

    def option(self, name: str) -> AttentionOption | None:
        """The option of this name, if the kind has it."""
        return next((option for option in self.options if option.name == name), None)

    def default(self, name: str) -> OptionValue:
        """Value of an option that is not given; None for one that the kind does not have."""
        option = self.option(name)
        return None if option is None else option.default

    @property
    def positions(self) -> tuple[Position, ...]:
        """Places in a block that it supports; the standard one alone unless an option says where it sits."""
        option = self.option("position")
        if option is None or not isinstance(option.type, Choice):
            return ("standard",)
        return cast("tuple[Position, ...]", option.type.choices)

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts, in order of execution."""
        return tuple(part.name for part in self.parts)


def reduction_option(default: int, *, least: int = 1) -> AttentionOption:
    """Reduction ratio of a kind with a bottleneck; one beyond the widest tensor attended to is refused."""
    meaning = f"reduction ratio: h = max({least}, C // r)"
    return AttentionOption("r", WholeNumber(example=16), default, meaning)


REDUCTION_RATIO = reduction_option(16)
"""That of SE."""
STAGES = AttentionOption(
    "stages", StageSet(), None, "stages that carry it, in the paper's numbering", placing=True
)

FORM = AttentionOption(
    "form", FormSet(), (), "spelling of the same function; several joined by +", placing=True
)
"""Of kinds whose gate can be spelt otherwise, and of networks with attention of their author's."""


WITHOUT = AttentionOption(
    "without", PathSet(), (), "gates left out, by their path", placing=True, case_matters=True
)
"""Of every attention: it says which of its gates are not there, not what they are."""


def position_option(positions: tuple[Position, ...] = POSITIONS) -> AttentionOption:
    """The option of a kind that can sit at several places of a block; ``standard`` must be one of them."""
    meaning = "place in the block; standard is before the add"
    return AttentionOption("position", Choice(positions), "standard", meaning, placing=True)


def hidden_channels(channels: int, reduction: int, *, least: int = 1) -> int:
    """Width h of a bottleneck: max(least, C // r), never rounded to hardware multiples."""
    return max(least, channels // reduction)
