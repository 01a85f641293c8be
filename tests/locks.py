"""Hand-made locks and counts: every number in them is chosen."""

from __future__ import annotations

from msgspec.structs import replace

from sebench.errors import BuildError
from sebench.schema import (
    LockedNetwork,
    LockEntry,
    OpCost,
    SavedBytes,
    StaticCost,
    TorchCosts,
    UncountedOp,
)

SHAPE = (1, 3, 224, 224)
TORCH = "2.15"
NETWORK = LockedNetwork(model="resnet50", variant="se", input_shape=SHAPE)


def op(name, calls=1, stage="2", macs=0, flops=0, bytes_read=0, bytes_written=0):
    return OpCost(
        op=name,
        module="m",
        stage=stage,
        calls=calls,
        macs=macs,
        paper_macs=macs,
        flops=flops,
        bytes_read=bytes_read,
        bytes_written=bytes_written,
    )


OPS = (
    op("aten.convolution", calls=2, macs=500, flops=1000, bytes_read=40, bytes_written=20),
    op("aten.convolution", calls=1, stage="3", macs=500, flops=1000, bytes_read=40, bytes_written=20),
    op("aten.add", calls=4, flops=16, bytes_read=8, bytes_written=4),
)


def cost(params=100, buffers=7, ops=OPS, saved=(), phase="inference"):
    return StaticCost(
        input_shape=SHAPE,
        phase=phase,
        params=params,
        buffers=buffers,
        ops=ops,
        saved=saved,
        uncounted=(UncountedOp(op="aten.erf", calls=3),),
    )


def counting(saved_bytes=64, **fields):
    """A count that answers for every network; in training it fails where `saved_bytes` is None."""

    def count(spec, shape, phase):
        if phase == "inference":
            return cost(**fields)
        if saved_bytes is None:
            raise BuildError("batch norm needs two values")
        saved = (
            SavedBytes(stage="2", site=None, saved_bytes=saved_bytes - 24),
            SavedBytes(stage="2", site="se", saved_bytes=24),
        )
        return cost(saved=saved, phase="training", **fields)

    return count


COSTS = TorchCosts(
    flops=2016,  # 1000 + 1000 + 16
    bytes_read=88,  # 40 + 40 + 8
    bytes_written=44,  # 20 + 20 + 4
    ops={"aten.add": 4, "aten.convolution": 3, "aten.erf": 3},
    saved_bytes=64,  # 40 + 24
)
ENTRY = LockEntry(
    model="resnet50",
    variant="se",
    input_shape=SHAPE,
    params=100,
    buffers=7,
    macs=1000,
    paper_macs=1000,
    torch={TORCH: COSTS},
)


def entry(torch=None, **fields):
    return replace(ENTRY, **fields, **({} if torch is None else {"torch": torch}))
