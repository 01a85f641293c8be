"""Kinds that give each channel one factor, from descriptors pooled over the whole map."""

from __future__ import annotations

from sebench.schema.attention import (
    FORM,
    REDUCTION_RATIO,
    STAGES,
    AttentionKind,
    AttentionPart,
    position_option,
)
from sebench.schema.attention_numbers import OddNumber
from sebench.schema.attention_options import AttentionOption, Choice, Flag

_STEPS = (
    AttentionPart(name="squeeze", ablated_in=("inference", "training")),
    AttentionPart(name="excite", ablated_in=("inference", "training"), holds_weights=True),
    # Without the scale no gradient reaches the others: in training that leaves out more than the scale.
    AttentionPart(name="scale", ablated_in=("inference",)),
)

SQUEEZE_EXCITATION = AttentionKind(
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
        AttentionOption(
            "fc", Choice(("linear", "conv1x1")), "linear", "what the two layers are; the values are the same"
        ),
        AttentionOption(
            "pool", Choice(("mean", "avgpool")), "mean", "what averages: Tensor.mean, or AdaptiveAvgPool2d(1)"
        ),
        FORM,
    ),
    parts=_STEPS,
    inseparable={"squeeze": "none"},
    paper="Hu, Shen and Sun, CVPR 2018",
    params="2 C h + h + C",
    macs="2 C h",
)

EFFECTIVE_SE = AttentionKind(
    name="ese",
    label="eSE",
    implementation="sebench.models.attentions.effective_se:IMPLEMENTATION",
    options=(
        STAGES,
        position_option(),
        AttentionOption("excitation", Choice(("hardsigmoid", "sigmoid")), "hardsigmoid", "gate"),
        FORM,
    ),
    parts=_STEPS,
    paper="Lee and Park, CVPR 2020",
    params="C C + C",
    macs="C C",
)

EFFICIENT_CHANNEL = AttentionKind(
    name="eca",
    label="ECA",
    implementation="sebench.models.attentions.efficient_channel:IMPLEMENTATION",
    options=(
        STAGES,
        position_option(),
        AttentionOption(
            "k",
            OddNumber(example=3, word="adaptive"),
            "adaptive",
            "kernel over the channels; adaptive is the odd number nearest to (log2(C) + 1) / 2",
        ),
    ),
    parts=_STEPS,
    paper="Wang et al., CVPR 2020",
    params="k",
    macs="k C",
)

STYLE = AttentionKind(
    name="srm",
    label="SRM",
    implementation="sebench.models.attentions.style:IMPLEMENTATION",
    options=(STAGES, position_option()),
    parts=_STEPS,
    paper="Lee, Kim and Nam, ICCV 2019",
    params="4 C",
    macs="2 C",
)
