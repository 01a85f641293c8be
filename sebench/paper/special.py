"""Figures that are no single network's: Eq. 5, the FC widths of Table 1, and the weights of one block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from sebench.paper.figures import PublishedFigure
from sebench.paper.quantities import Count, attention_weights, block_weights, formula_value, stage_widths
from sebench.paper.subjects import Subject
from sebench.paper.verdicts import AuditedFigure, quoted

_EQ5_SUBJECT = Subject(model="resnet50", variant="se")
_EQ5_REDUCTION = 16


def _judge_formula(figure: PublishedFigure, count: Count) -> AuditedFigure:
    """Eq. 5, evaluated over the stages of SE-ResNet-50, against the weights that were counted."""
    cost = count(_EQ5_SUBJECT)
    value = formula_value(figure.value, stage_widths(cost), _EQ5_REDUCTION)
    if value is None:
        return quoted(figure, "not an arithmetic formula of r, N_s and C_s")
    weights = attention_weights(cost)
    shown = int(value) if value.denominator == 1 else float(value)
    reason = f"evaluates to {shown:,} for SE-ResNet-50 with r = 16; its FC layers have {weights:,} weights"
    holds = value == weights
    if not holds and "-" in figure.value:
        reason += "; likely cause: N_s and C_s^2 are multiplied in Eq. 5, not subtracted"
    return AuditedFigure(
        figure=figure, verdict="reproduced" if holds else "contradicted", computed=float(value), reason=reason
    )


def _judge_widths(figure: PublishedFigure, count: Count) -> AuditedFigure:
    """Table 1 prints ``[hidden, channels]`` per stage of two networks."""
    stage = figure.variant.removeprefix("conv").removesuffix("_x")
    found = {
        f"[{widths.hidden},{widths.channels}]"
        for model in ("resnet50", "resnext50_32x4d")
        for widths in stage_widths(count(Subject(model=model, variant="se")))
        if widths.stage == stage
    }
    holds = found == {figure.value.replace(" ", "")}
    return AuditedFigure(
        figure=figure,
        verdict="reproduced" if holds else "contradicted",
        computed_text=", ".join(sorted(found)),
        reason=f"FC widths in stage {stage} as built: {', '.join(sorted(found)) or 'no such stage'}",
    )


def _judge_block(figure: PublishedFigure, count: Count) -> AuditedFigure:
    weights = block_weights(figure.variant)
    if weights is None or figure.number is None:
        return quoted(figure, "needs a variant such as C=512 r=16")
    holds = Decimal(weights) == figure.number
    return AuditedFigure(
        figure=figure,
        verdict="reproduced" if holds else "contradicted",
        computed=float(weights),
        computed_text=str(weights),
        reason=f"2 C (C / r) = {weights:,}",
    )


JUDGES: Mapping[str, Callable[[PublishedFigure, Count], AuditedFigure]] = {
    "formula": _judge_formula,
    "se_fc_dims": _judge_widths,
    "weights": _judge_block,
}
"""By metric."""
