"""What sebench computes for a printed figure, exactly and in the printed unit."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from sebench.analysis.costs import attention_totals
from sebench.errors import DataFileError, SebenchError
from sebench.paper.conventions import Convention
from sebench.paper.figures import PublishedFigure
from sebench.paper.subjects import Subject
from sebench.schema import StaticCost, Value

Count = Callable[[Subject], StaticCost]
"""Counts a network; the caller remembers."""

_MILLION, _GIGA, _MEBI = 10**6, 10**9, 2**20
_FLOAT_BYTES = 4

# These tables count every blob that Caffe stores: parameters, running means and variances, and one factor per
# batch normalisation (all figures of Table 7 need it; buffers of torch hold as many elements).
_STORED_SOURCES = re.compile(r"CVPR18 Table 7|TPAMI Table 1\d")
TRAINABLE, STORED = "trainable parameters", "stored blobs: parameters and batch-norm statistics"


class Computed(Value, frozen=True, kw_only=True):
    """A figure of our own beside a printed one."""

    value: Fraction
    """In the printed unit."""
    rule: str
    """How it was counted."""
    convention: Convention | None = None
    """Where a convention for operations was chosen."""


def params_rule(source: str) -> str:
    """Which elements a source counts as parameters."""
    return STORED if _STORED_SOURCES.match(source) else TRAINABLE


def params(cost: StaticCost, rule: str = TRAINABLE) -> int:
    """Parameters by `params_rule`."""
    return cost.params + cost.buffers if rule == STORED else cost.params


def compute(
    figure: PublishedFigure, subject: Subject, convention: Convention, count: Count
) -> Computed | None:
    """Our value for a figure; None for metrics that nobody can recompute.

    Args:
        figure: its metric says what.
        subject: the network it is about.
        convention: how operations are counted.
        count: counts a network.
    """
    if figure.metric in _OPERATIONS:
        value = _OPERATIONS[figure.metric](subject, convention, count)
        return Computed(value=value, rule=f"convention {convention.name}", convention=convention)
    if figure.metric in _PARAMS:
        rule = params_rule(figure.source)
        return Computed(value=_PARAMS[figure.metric](subject, rule, count), rule=rule)
    if figure.metric == "size_mib":
        size_bytes = _FLOAT_BYTES * params(count(subject), STORED)
        return Computed(value=Fraction(size_bytes, _MEBI), rule="4 bytes per stored blob")
    return None


def compute_in_file(
    figure: PublishedFigure, subject: Subject, convention: Convention, count: Count, file: str
) -> Computed | None:
    """As `compute`, for a figure that anybody may have written.

    Raises:
        DataFileError: a variant that the network cannot have, for instance; names file and line.
    """
    try:
        return compute(figure, subject, convention, count)
    except SebenchError as error:
        raise DataFileError(f"{file} line {figure.line}: {error.message}", hint=error.hint) from error


def _price(subject: Subject, convention: Convention, count: Count) -> Fraction:
    return convention.price(count(subject))


def _relative_price(subject: Subject, convention: Convention, count: Count) -> Fraction:
    plain = _price(subject.plain, convention, count)
    return 100 * (_price(subject, convention, count) - plain) / plain


def _params(subject: Subject, rule: str, count: Count) -> int:
    return params(count(subject), rule)


def _added(subject: Subject, rule: str, count: Count) -> int:
    return _params(subject, rule, count) - _params(subject.plain, rule, count)


def _saved_pct(subject: Subject, rule: str, count: Count) -> Fraction:
    """What a reduced SE network saves against the full one."""
    full = _params(Subject(model=subject.model, variant="se"), rule, count)
    return Fraction(100 * (full - _params(subject, rule, count)), full)


_OPERATIONS: Mapping[str, Callable[[Subject, Convention, Count], Fraction]] = {
    "gflops": lambda *on: _price(*on) / _GIGA,
    "mflops": lambda *on: _price(*on) / _MILLION,
    "gflops_rel_increase_pct": _relative_price,
}
_PARAMS: Mapping[str, Callable[[Subject, str, Count], Fraction]] = {
    "params_m": lambda *on: Fraction(_params(*on), _MILLION),
    "params_added_m": lambda *on: Fraction(_added(*on), _MILLION),
    "params_rel_increase_pct": lambda subject, rule, count: Fraction(
        100 * _added(subject, rule, count), _params(subject.plain, rule, count)
    ),
    "params_saved_pct": _saved_pct,
}


# --- Eq. 5 and the block itself -------------------------------------------------------------------------


def block_weights(text: str) -> int | None:
    """Weights of the two FC layers, 2 C (C / r), from e.g. ``C=512 r=16``."""
    found = re.fullmatch(r"C=(\d+) r=(\d+)", text)
    if not found:
        return None
    channels, reduction = int(found[1]), int(found[2])
    return 2 * channels * (channels // reduction)


class StageWidths(Value, frozen=True, kw_only=True):
    """The SE blocks of one stage."""

    stage: str
    blocks: int
    channels: int
    hidden: int


def stage_widths(cost: StaticCost) -> tuple[StageWidths, ...]:
    """N_s, C_s and the hidden width by stage, read off the gates and rectifiers of a counted network."""
    stages: dict[str, list[tuple[int, int]]] = {}
    for site in cost.sites:
        inside = [op for op in cost.ops if op.site == site.path]
        # One operation per element: the gate has C of them, the rectifier C / r.
        channels = sum(op.flops for op in inside if op.op == "aten.sigmoid")
        hidden = sum(op.flops for op in inside if op.op in ("aten.relu", "aten.relu_"))
        stages.setdefault(site.stage, []).append((channels, hidden))
    return tuple(
        StageWidths(stage=stage, blocks=len(widths), channels=widths[0][0], hidden=widths[0][1])
        for stage, widths in stages.items()
    )


def formula_value(text: str, widths: tuple[StageWidths, ...], reduction: int) -> Fraction | None:
    """The printed formula of Eq. 5 evaluated over the stages; None where it is no such formula.

    A sum sign may stand anywhere, as in ``(2/r)*sum_s N_s*C_s^2``: all factors are taken into the sum.

    Args:
        text: with r, N_s and C_s.
        widths: of the stages.
        reduction: r.
    """
    plain = re.sub(r"\bsum(_s)?\b", " ", text).replace("^", "**")
    try:
        tree = ast.parse(plain.strip(), mode="eval")
        return sum(
            (
                _evaluate(tree.body, {"r": reduction, "N_s": stage.blocks, "C_s": stage.channels})
                for stage in widths
            ),
            start=Fraction(0),
        )
    except (SyntaxError, _NotArithmetic):
        return None


def attention_weights(cost: StaticCost) -> int:
    """Weights of all FC layers of the attention modules, biases left out: one MAC each per image."""
    return attention_totals(cost).macs


class _NotArithmetic(Exception):  # noqa: N818 - never leaves this module
    pass


_OPERATORS: Mapping[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a ** int(b),
}


def _evaluate(node: ast.expr, names: Mapping[str, int]) -> Fraction:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_evaluate(node.left, names), _evaluate(node.right, names))
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return Fraction(node.value)
    if isinstance(node, ast.Name) and node.id in names:
        return Fraction(names[node.id])
    raise _NotArithmetic
