"""What `count` returns: totals, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from sebench.analysis import costs
from sebench.analysis.costs import CostRow, Totals
from sebench.api.display import Display
from sebench.errors import UsageError, near_matches
from sebench.reporting.counts import count_document
from sebench.reporting.records import Field, Records
from sebench.reporting.sites import gate_records
from sebench.schema import ModelCost, StaticCost, UncountedOp, input_text
from sebench.schema.gates import Gate
from sebench.units import format_count

if TYPE_CHECKING:
    import pandas as pd

    from sebench.reporting.document import Document

Breakdown = Literal["op", "stage", "site"]

_ROWS: Mapping[str, Callable[[StaticCost], tuple[CostRow, ...]]] = {
    "op": costs.by_op,
    "stage": costs.by_stage,
    "site": costs.by_site,
}
_COUNTS = ("calls", "params", "macs", "paper_macs", "flops", "bytes_read", "bytes_written", "saved_bytes")


@dataclass(frozen=True, repr=False)
class CountResult(Display):
    """The exact cost of one network: integers, bytes where the name says so."""

    model: ModelCost
    """The network, and what was counted of it: one row per module, op and pass."""

    @cached_property
    def totals(self) -> Totals:
        """Sums over the whole network."""
        return costs.totals(self.model.cost)

    @cached_property
    def attention(self) -> Totals:
        """Sums over its attention sites alone."""
        return costs.attention_totals(self.model.cost)

    @property
    def params(self) -> int:
        """Learnable parameters."""
        return self.totals.params

    @property
    def buffers(self) -> int:
        """Elements of its buffers, e.g. running statistics."""
        return self.totals.buffers

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers."""
        return self.totals.macs

    @property
    def paper_macs(self) -> int:
        """MACs with residual adds and squeezes, as the paper counts them."""
        return self.totals.paper_macs

    @property
    def flops(self) -> int:
        """2 x MACs + elementwise operations."""
        return self.totals.flops

    @property
    def bytes_read(self) -> int:
        """Tensor bytes that go into all ops, no cache model."""
        return self.totals.bytes_read

    @property
    def bytes_written(self) -> int:
        """Tensor bytes that come out of all ops."""
        return self.totals.bytes_written

    @property
    def moved_bytes(self) -> int:
        """Both together."""
        return self.totals.moved_bytes

    @property
    def saved_bytes(self) -> int:
        """What autograd keeps for the backward pass; 0 in inference."""
        return self.totals.saved_bytes

    @property
    def uncounted(self) -> tuple[UncountedOp, ...]:
        """Ops that no formula covers; they are in no total."""
        return self.model.cost.uncounted

    @cached_property
    def by_op(self) -> tuple[CostRow, ...]:
        """One row per aten op and pass, the most MACs first."""
        return costs.by_op(self.model.cost)

    @cached_property
    def by_stage(self) -> tuple[CostRow, ...]:
        """One row per stage and pass, in the order of the network."""
        return costs.by_stage(self.model.cost)

    @cached_property
    def by_site(self) -> tuple[CostRow, ...]:
        """One row per attention site and pass, in the order of the network."""
        return costs.by_site(self.model.cost)

    @property
    def gates(self) -> tuple[Gate, ...]:
        """Channel attention found by data flow, in order of execution."""
        return self.model.cost.gates

    def to_frame(self, by: Breakdown | Literal["gate"] = "op") -> pd.DataFrame:
        """A breakdown as a frame: ``model``, ``variant``, what is broken down by, ``phase``, and the counts.

        Args:
            by: ``op``, ``stage`` or ``site``; rows of sites also have their ``stage`` and ``params``.
                ``gate``: one row per gate, with what was found of it.

        Raises:
            UsageError: no such breakdown.
        """
        if by == "gate":
            return gate_records(self.model).to_frame()
        if by not in _ROWS:
            known = (*_ROWS, "gate")
            raise UsageError(
                f"no breakdown by {by!r}", hint=near_matches(by, known) or f"use {', '.join(known)}"
            )
        spec = self.model.spec
        texts = ("model", "variant", by, "phase", *(("stage",) if by == "site" else ()))
        fields = (
            *(Field(key, "text", "") for key in texts),
            *(Field(key, "integer", "") for key in _COUNTS),
        )
        return Records(
            fields,
            tuple(
                (
                    *(spec.model, spec.variant, row.key, row.phase),
                    *((row.stage,) if by == "site" else ()),
                    *(_value(row, key) for key in _COUNTS),
                )
                for row in _ROWS[by](self.model.cost)
            ),
        ).to_frame()

    def document(self) -> Document:
        """What ``sebench count`` prints."""
        return count_document([self.model])

    def __repr__(self) -> str:
        spec, found = self.model.spec, self.totals
        shape = input_text(self.model.cost.input_shape)
        figures = f"params {format_count(found.params)}, macs {format_count(found.macs)}"
        return f"CountResult('{spec.model} {spec.variant}', {shape}, {figures})"


def _value(row: CostRow, key: str) -> int | None:
    """Parameters stand with the forward pass alone, so that a column adds up."""
    if key == "params" and row.phase == "backward":
        return None
    value: int | None = getattr(row, key)
    return value
