"""Kinds that gather context from a neighbourhood or the whole map, and hand it back to every position."""

from __future__ import annotations

from sebench.schema.attention import STAGES, AttentionKind, AttentionPart, position_option, reduction_option
from sebench.schema.attention_options import AttentionOption, Choice

GATHER_EXCITE = AttentionKind(
    name="ge",
    label="GE",
    implementation="sebench.models.attentions.gather_excite:IMPLEMENTATION",
    options=(
        reduction_option(16),
        STAGES,
        position_option(),
        AttentionOption(
            "form",
            Choice(("theta-minus", "theta", "theta-plus")),
            "theta-minus",
            "no parameters; depthwise convolutions gather; with two layers of SE beside",
        ),
        AttentionOption(
            "extent",
            Choice(("global", "2", "4", "8")),
            "global",
            "side of what is gathered; with convolutions 2, 4 or 8",
        ),
    ),
    parts=(
        AttentionPart(name="gather"),
        AttentionPart(name="excite"),
        AttentionPart(name="scale", ablated_in=("inference",)),
    ),
    # A convolution over the whole map has as many weights as the map has pixels, which a slot does not know.
    excluded=({"form": "theta", "extent": "global"}, {"form": "theta-plus", "extent": "global"}),
    paper="Hu et al., NeurIPS 2018",
    params="0",
    macs="0",
)

GLOBAL_CONTEXT = AttentionKind(
    name="gc",
    label="GC",
    implementation="sebench.models.attentions.global_context:IMPLEMENTATION",
    options=(
        reduction_option(16),
        STAGES,
        position_option(),
        AttentionOption("fusion", Choice(("add", "mul")), "add", "how the context meets the map"),
    ),
    parts=(
        AttentionPart(name="context", ablated_in=("inference", "training")),
        AttentionPart(name="transform", ablated_in=("inference", "training"), holds_weights=True),
        AttentionPart(name="fuse", ablated_in=("inference",)),
    ),
    paper="Cao et al., ICCV Workshops 2019",
    params="2 C h + 3 h + 2 C + 1",
    macs="2 C H W + 2 C h",
)
