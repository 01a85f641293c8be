"""The uncounted ledger in words."""

from __future__ import annotations

from collections.abc import Sequence

from sebench.schema import UncountedOp


def uncounted_text(ledger: Sequence[UncountedOp]) -> str:
    """Which ops are in no total, e.g. ``not counted: aten.erf (2 calls)``."""
    ops = ", ".join(f"{item.op} ({item.calls} call{'' if item.calls == 1 else 's'})" for item in ledger)
    return f"not counted, in no total: {ops}"
