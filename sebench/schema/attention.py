"""The kinds of attention, one entry each: name, options, parts, and where the torch side is.

Everything else derives from `ATTENTION_KINDS`: the variant grammar and its listing, checks of a variant
against a network, building and initialising, the profile with its cross-check, tables and pictures. Nothing
here imports torch; the torch side is named by its import path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from sebench.schema.attention_options import (
    AttentionOption,
    Choice,
    Flag,
    OptionValue,
    StageSet,
    WholeNumber,
)
from sebench.schema.base import Phase

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


REDUCTION_RATIO = AttentionOption("r", WholeNumber(example=16), 16, "reduction ratio: h = max(1, C // r)")
"""For every kind with a bottleneck; a ratio beyond the widest tensor attended to is refused."""
STAGES = AttentionOption(
    "stages", StageSet(), None, "stages that carry it, in the paper's numbering", placing=True
)


def position_option(positions: tuple[Position, ...] = POSITIONS) -> AttentionOption:
    """The option of a kind that can sit at several places of a block; ``standard`` must be one of them."""
    meaning = "place in the block; standard is before the add"
    return AttentionOption("position", Choice(positions), "standard", meaning, placing=True)


def hidden_channels(channels: int, reduction: int) -> int:
    """Width h of a bottleneck: max(1, C // r), never rounded to hardware multiples."""
    return max(1, channels // reduction)


_SQUEEZE_EXCITATION = AttentionKind(
    name="se",
    label="SE",
    implementation="sebench.models.squeeze_excitation:IMPLEMENTATION",
    options=(
        REDUCTION_RATIO,
        STAGES,
        position_option(),
        AttentionOption(
            "squeeze",
            Choice(("avg", "max", "avgmax", "none")),
            "avg",
            "pooling; none is the NoSqueeze ablation",
        ),
        AttentionOption("excitation", Choice(("sigmoid", "relu", "tanh", "hardsigmoid")), "sigmoid", "gate"),
        AttentionOption("bias", Flag(), True, "biases in the two layers"),
    ),
    parts=(
        AttentionPart(name="squeeze", ablated_in=("inference", "training")),
        AttentionPart(name="excite", ablated_in=("inference", "training"), holds_weights=True),
        # Without the scale no gradient reaches the others: in training that leaves out more than the scale.
        AttentionPart(name="scale", ablated_in=("inference",)),
    ),
    inseparable={"squeeze": "none"},
)

ATTENTION_KINDS: Mapping[str, AttentionKind] = {kind.name: kind for kind in (_SQUEEZE_EXCITATION,)}
"""Every kind by name, in the order in which they are listed."""
