"""Kinds whose factors differ from one position of the map to the next."""

from __future__ import annotations

from sebench.schema.attention import (
    REDUCTION_RATIO,
    STAGES,
    AttentionKind,
    AttentionPart,
    position_option,
    reduction_option,
)
from sebench.schema.attention_numbers import Number, OddNumber, WholeNumber
from sebench.schema.attention_options import AttentionOption, Choice, Flag

CONVOLUTIONAL = AttentionKind(
    name="cbam",
    label="CBAM",
    implementation="sebench.models.attentions.convolutional:IMPLEMENTATION",
    options=(
        REDUCTION_RATIO,
        STAGES,
        position_option(),
        AttentionOption("k", OddNumber(example=7), 7, "kernel of the spatial convolution"),
        AttentionOption("bias", Flag(), False, "biases in the two shared layers"),
    ),
    parts=(
        AttentionPart(name="channel", ablated_in=("inference", "training"), holds_weights=True),
        AttentionPart(name="spatial", ablated_in=("inference", "training")),
    ),
    paper="Woo et al., ECCV 2018",
    params="2 C h + 2 k k + 2",
    macs="4 C h + 2 k k H W",
)

BOTTLENECK = AttentionKind(
    name="bam",
    label="BAM",
    implementation="sebench.models.attentions.bottleneck:IMPLEMENTATION",
    options=(
        REDUCTION_RATIO,
        STAGES,
        position_option(),
        AttentionOption("dilation", WholeNumber(example=4, largest=64), 4, "of the two 3x3 convolutions"),
    ),
    parts=(
        AttentionPart(name="channel", ablated_in=("inference", "training")),
        AttentionPart(name="spatial", ablated_in=("inference", "training")),
        AttentionPart(name="scale", ablated_in=("inference",)),
    ),
    paper="Park et al., BMVC 2018",
    params="3 C h + 18 h h + 5 h + 3 C + 3",
    macs="2 C h + C h H W + 18 h h H W + h H W",
)

COORDINATE = AttentionKind(
    name="coord",
    label="CA",
    implementation="sebench.models.attentions.coordinate:IMPLEMENTATION",
    options=(reduction_option(32, least=8), STAGES, position_option()),
    parts=(
        AttentionPart(name="squeeze", ablated_in=("inference", "training")),
        AttentionPart(name="excite", ablated_in=("inference", "training"), holds_weights=True),
        AttentionPart(name="scale", ablated_in=("inference",)),
    ),
    paper="Hou, Zhou and Feng, CVPR 2021",
    params="3 C h + 3 h + 2 C",
    macs="2 C h H + 2 C h W",
)

SIMPLE = AttentionKind(
    name="simam",
    label="SimAM",
    implementation="sebench.models.attentions.simple:IMPLEMENTATION",
    options=(
        STAGES,
        position_option(),
        AttentionOption("lam", Number(example="1e-4"), 1e-4, "lambda, which regularises the energy"),
    ),
    parts=(
        AttentionPart(name="energy", ablated_in=("inference", "training")),
        AttentionPart(name="scale", ablated_in=("inference",)),
    ),
    paper="Yang et al., ICML 2021",
    params="0",
    macs="0",
)

CONCURRENT = AttentionKind(
    name="scse",
    label="scSE",
    implementation="sebench.models.attentions.concurrent:IMPLEMENTATION",
    options=(
        reduction_option(2),
        STAGES,
        position_option(),
        AttentionOption("combine", Choice(("add", "max", "mul")), "add", "how the two results are combined"),
        AttentionOption("bias", Flag(), False, "biases in the three layers"),
    ),
    parts=(
        AttentionPart(name="channel", ablated_in=("inference", "training"), holds_weights=True),
        AttentionPart(name="spatial", ablated_in=("inference", "training")),
        AttentionPart(name="combine", ablated_in=("inference",)),
    ),
    paper="Roy, Navab and Wachinger, MICCAI 2018",
    params="2 C h + C",
    macs="2 C h + C H W",
)
