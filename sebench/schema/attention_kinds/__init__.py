"""The kinds of attention, one entry each: name, options, parts, cost, and where the torch side is.

Everything else derives from `ATTENTION_KINDS`: the variant grammar and its listing, checks of a variant
against a network, building and initialising, the profile with its cross-check, tables and pictures. Nothing
here imports torch; the torch side is named by its import path.
"""

from __future__ import annotations

from collections.abc import Mapping

from sebench.schema.attention import FORM, STAGES, AttentionKind, position_option
from sebench.schema.attention_kinds.channel import EFFECTIVE_SE, EFFICIENT_CHANNEL, SQUEEZE_EXCITATION, STYLE
from sebench.schema.attention_kinds.context import GATHER_EXCITE, GLOBAL_CONTEXT
from sebench.schema.attention_kinds.spatial import BOTTLENECK, CONCURRENT, CONVOLUTIONAL, COORDINATE, SIMPLE
from sebench.schema.attention_options import AttentionOption, Reference

__all__ = ["ATTENTION_KINDS", "CUSTOM", "SEARCH_AXES"]

ATTENTION_KINDS: Mapping[str, AttentionKind] = {
    kind.name: kind
    for kind in (
        SQUEEZE_EXCITATION,
        EFFECTIVE_SE,
        EFFICIENT_CHANNEL,
        CONVOLUTIONAL,
        BOTTLENECK,
        GATHER_EXCITE,
        GLOBAL_CONTEXT,
        STYLE,
        COORDINATE,
        SIMPLE,
        CONCURRENT,
    )
}
"""Every kind by name, in the order in which they are listed."""


def _axes() -> Mapping[str, AttentionOption]:
    found: dict[str, AttentionOption] = {}
    for kind in ATTENTION_KINDS.values():
        for option in kind.options:
            if option.name != FORM.name:
                found.setdefault(option.name, option)
    return found


SEARCH_AXES: Mapping[str, AttentionOption] = _axes()
"""Options that a search may vary, by name, each as the first kind has it; forms are an axis of their own."""

CUSTOM = AttentionKind(
    name="custom",
    label="custom attention",
    implementation="sebench.models.attentions.custom:IMPLEMENTATION",
    options=(
        AttentionOption(
            "class",
            Reference(),
            None,
            "class of yours, called with the number of channels",
            case_matters=True,
        ),
        position_option(),
        STAGES,
    ),
    parts=(),
)
"""A class of the user's; in no list, as it is nothing without that."""
