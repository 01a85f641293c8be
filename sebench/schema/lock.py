"""The lock: exact costs of chosen networks, kept under version control."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import asdict, force_setattr

from sebench.schema.base import REVISION, SCHEMA, Value
from sebench.schema.network import NetworkOptions, network_options
from sebench.schema.ranges import Count, Positive, Shape
from sebench.schema.request import ModelSpec, variant_of_name

ChangeKind = Literal["network-added", "network-removed", "torch-added", "torch-removed", "changed"]
LockStatus = Literal["written", "unchanged", "differs"]


class LockedNetwork(NetworkOptions, frozen=True, kw_only=True):
    """A network at one input: what an entry of a lock is about."""

    model: str
    variant: str = ""
    """As in `ModelSpec`."""
    input_shape: Shape
    """With the batch in front."""

    def __post_init__(self) -> None:
        if not self.variant:
            force_setattr(self, "variant", variant_of_name(self.model))

    @property
    def spec(self) -> ModelSpec:
        """How to build it."""
        return ModelSpec(model=self.model, variant=self.variant, **asdict(network_options(self)))

    @property
    def network(self) -> LockedNetwork:
        """The identity alone: equal and hashable across entries and changes."""
        return LockedNetwork(
            model=self.model,
            variant=self.variant,
            input_shape=self.input_shape,
            **asdict(network_options(self)),
        )


class TorchCosts(Value, frozen=True, kw_only=True):
    """Costs that depend on which ops a torch release runs: of a forward pass, but for `saved_bytes`."""

    flops: Count
    bytes_read: Count
    bytes_written: Count
    ops: dict[str, Count]
    """Calls by aten op, those without a formula included; views are not ops that cost anything."""
    saved_bytes: Count | None
    """Kept by autograd for the backward pass; None where the network cannot be counted in training."""


class LockEntry(LockedNetwork, frozen=True, kw_only=True):
    """The exact costs of one network."""

    params: Count
    buffers: Count
    """Elements of all buffers."""
    macs: Count
    paper_macs: Count
    torch: dict[str, TorchCosts]
    """By torch minor version, e.g. ``2.15``."""


class Lock(Value, frozen=True, kw_only=True):
    """One lock file; its entries are sorted and about one network each."""

    schema: str = SCHEMA
    kind: Literal["lock"] = "lock"
    revision: Positive = REVISION
    """What its words mean; files that were written before it was kept have none, and mean 1."""
    entries: tuple[LockEntry, ...] = ()


class LockChange(Value, frozen=True, kw_only=True):
    """One difference between two locks."""

    network: LockedNetwork
    change: ChangeKind
    torch: str | None = None
    """The torch minor version whose figure it is; None for figures that depend on none."""
    metric: str | None = None
    """None where a whole network or a whole torch version came or went."""
    op: str | None = None
    """Of which op, where the metric is ``ops``."""
    before: int | None = None
    after: int | None = None


class LockDiff(Value, frozen=True, kw_only=True):
    """What `sebench lock` found, and what it did about it."""

    file: str
    status: LockStatus
    torch: str
    """The torch minor version that was counted with."""
    networks: int
    changes: tuple[LockChange, ...]
