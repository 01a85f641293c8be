"""The calls of one run, added up by module, op and phase."""

from __future__ import annotations

from collections.abc import Mapping

from sebench.counters.memo import Price
from sebench.counters.scope import Frame
from sebench.schema import OpCost, UncountedOp

Calls = Mapping[tuple[Frame, Price], int]


def rows_of(calls: Calls) -> tuple[tuple[OpCost, ...], tuple[UncountedOp, ...]]:
    """Add calls up by (module, op, phase), first seen first."""
    rows: dict[tuple[Frame, str], list[int]] = {}
    uncounted: dict[str, int] = {}
    for (frame, price), count in calls.items():
        if not price.counted:
            uncounted[price.op] = uncounted.get(price.op, 0) + count
            continue
        row = rows.setdefault((frame, price.op), [0] * 6)
        row[:] = (total + count * value for total, value in zip(row, _values(frame, price), strict=True))
    return (
        tuple(_op_cost(frame, op, row) for (frame, op), row in rows.items()),
        tuple(UncountedOp(op=op, calls=count) for op, count in uncounted.items()),
    )


def _values(frame: Frame, price: Price) -> tuple[int, ...]:
    extra = 0
    if frame.phase == "forward":
        extra = price.residual_elements if frame.site is None else price.squeezed_elements
    return (1, price.macs, price.macs + extra, price.flops, price.bytes_read, price.bytes_written)


def _op_cost(frame: Frame, op: str, row: list[int]) -> OpCost:
    calls, macs, paper_macs, flops, bytes_read, bytes_written = row
    return OpCost(
        op=op,
        module=frame.module,
        stage=frame.stage,
        site=frame.site,
        phase=frame.phase,
        calls=calls,
        macs=macs,
        paper_macs=paper_macs,
        flops=flops,
        bytes_read=bytes_read,
        bytes_written=bytes_written,
    )
