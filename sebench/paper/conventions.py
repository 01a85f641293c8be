"""Ways of counting the "FLOPs" that papers print: MACs plus a few operations per element.

No convention reproduces every printed digit (docs/paper.md). ``paper`` was fixed beforehand, by what the
authors' released graphs compute; those marked fitted were found by searching for matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_DOWN, ROUND_HALF_UP
from fractions import Fraction
from functools import cache
from typing import Literal

from sebench.errors import UsageError, near_matches
from sebench.schema import OpCost, StaticCost, Value


class Elements(Value, frozen=True, kw_only=True):
    """How often each kind of operation occurs in a forward pass; exact."""

    macs: int
    residual_adds: int
    squeezed: int
    scaled: int
    pool_outputs: int
    """Of maximum and average pooling, the global one at the head left out."""
    pool_taps: int
    """Window elements read by the same."""
    head_pool_inputs: int
    normalised: int
    """Outputs of batch normalisation."""
    rectified: int
    """Outputs of ReLUs outside of attention."""


Rounding = Literal["nearest", "down"]


class Convention(Value, frozen=True, kw_only=True):
    """A price per kind of operation, in MACs, and how the sum is printed."""

    name: str
    description: str
    residual_adds: Fraction = Fraction(0)
    squeezed: Fraction = Fraction(0)
    scaled: Fraction = Fraction(0)
    pool_outputs: Fraction = Fraction(0)
    pool_taps: Fraction = Fraction(0)
    head_pool_inputs: Fraction = Fraction(0)
    normalised: Fraction = Fraction(0)
    rectified: Fraction = Fraction(0)
    rounding: Rounding = "nearest"
    fitted: bool = False
    """Chosen after the fact, because it matches many figures."""

    @property
    def decimal_rounding(self) -> str:
        """For `decimal.Decimal.quantize`."""
        return ROUND_HALF_UP if self.rounding == "nearest" else ROUND_DOWN

    def price(self, cost: StaticCost) -> Fraction:
        """What a network costs, in MACs."""
        counted = elements(cost)
        return counted.macs + sum(
            (getattr(self, kind) * getattr(counted, kind) for kind in _PRICED), start=Fraction(0)
        )


_PRICED = tuple(field for field in Elements.__struct_fields__ if field != "macs")
_HALF = Fraction(1, 2)
_ONE = Fraction(1)

CONVENTIONS: Mapping[str, Convention] = {
    convention.name: convention
    for convention in (
        Convention(name="macs", description="convolutions and linear layers"),
        Convention(
            name="paper",
            description="MACs + 1 per residual add + 1 per squeezed element; the scale is fused with the add",
            residual_adds=_ONE,
            squeezed=_ONE,
        ),
        Convention(
            name="naive",
            description="MACs + 1 per residual add, squeezed and scaled element",
            residual_adds=_ONE,
            squeezed=_ONE,
            scaled=_ONE,
        ),
        Convention(
            name="se-only",
            description="MACs + 1 per squeezed and scaled element; residual adds are free",
            squeezed=_ONE,
            scaled=_ONE,
        ),
        Convention(
            name="fit-1.5",
            description="MACs + 1 per residual add and scaled, 1/2 per squeezed element",
            residual_adds=_ONE,
            squeezed=_HALF,
            scaled=_ONE,
            fitted=True,
        ),
        Convention(
            name="fit-half",
            description="MACs + 3/2 per residual add, 1 per squeezed and 1/2 per pool output element",
            residual_adds=Fraction(3, 2),
            squeezed=_ONE,
            pool_outputs=_HALF,
            fitted=True,
        ),
        Convention(
            name="fit-floor",
            description="MACs + 1 per ReLU, pool output and head pool input, 3/2 per squeezed; truncated",
            squeezed=Fraction(3, 2),
            pool_outputs=_ONE,
            head_pool_inputs=_ONE,
            rectified=_ONE,
            rounding="down",
            fitted=True,
        ),
        Convention(
            name="caffe-trunc",
            description="MACs + 2 per residual add, 1/2 per squeezed, scaled and pooled element; truncated",
            residual_adds=Fraction(2),
            squeezed=_HALF,
            scaled=_HALF,
            pool_taps=_HALF,
            head_pool_inputs=_HALF,
            rounding="down",
            fitted=True,
        ),
        Convention(
            name="netscope",
            description="MACs + 1 per normalised and scaled element (Caffe's Scale layers); truncated",
            scaled=_ONE,
            normalised=_ONE,
            rounding="down",
        ),
    )
}


def convention_named(name: str) -> Convention:
    """Look a convention up.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in CONVENTIONS:
        hint = near_matches(name, CONVENTIONS) or f"use one of {', '.join(CONVENTIONS)}"
        raise UsageError(f"unknown convention {name!r}", hint=hint)
    return CONVENTIONS[name]


@cache
def elements(cost: StaticCost) -> Elements:
    """Read the kinds of operations off a count of inference in float32."""
    outside = [op for op in cost.ops if op.site is None]
    inside = [op for op in cost.ops if op.site is not None]
    pools = [op for op in outside if op.op in _POOL_OUTPUT_BYTES]
    head = [op for op in outside if op.op == "aten.mean"]
    return Elements(
        macs=_sum(cost.ops, "macs"),
        residual_adds=_sum(outside, "paper_macs") - _sum(outside, "macs"),
        squeezed=_sum(inside, "paper_macs") - _sum(inside, "macs"),
        scaled=_flops(inside, "aten.mul"),
        pool_outputs=sum(_pool_outputs(op) for op in pools),
        pool_taps=sum(_pool_taps(op) for op in pools),
        # A mean is one add per input and one division per output.
        head_pool_inputs=sum(op.flops - op.bytes_written // _FLOAT_BYTES for op in head),
        normalised=_flops(outside, "aten.native_batch_norm") // _NORMALISATION_FLOPS,
        rectified=_flops(outside, "aten.relu") + _flops(outside, "aten.relu_"),
    )


_FLOAT_BYTES = 4
# Scale and shift (docs/counting.md).
_NORMALISATION_FLOPS = 2
# Maximum pooling writes an int64 index beside each output.
_POOL_OUTPUT_BYTES = {"aten.avg_pool2d": 4, "aten.max_pool2d_with_indices": 12}


def _pool_outputs(op: OpCost) -> int:
    return op.bytes_written // _POOL_OUTPUT_BYTES[op.op]


def _pool_taps(op: OpCost) -> int:
    divisions = _pool_outputs(op) if op.op == "aten.avg_pool2d" else 0
    return op.flops - divisions


def _flops(ops: Iterable[OpCost], name: str) -> int:
    return sum(op.flops for op in ops if op.op == name)


def _sum(ops: Iterable[OpCost], field: str) -> int:
    return sum(getattr(op, field) for op in ops)
