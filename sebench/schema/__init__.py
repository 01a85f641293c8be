"""Every value that crosses a hop: frozen, typed, base SI units (s, byte), JSON through msgspec.

History of the format: ``sebench/1`` is the first. Fields may be added within a version (readers ignore
what they do not know); renaming or removing one makes a new version.
"""

from sebench.schema.base import (
    SCHEMA,
    Effort,
    Grade,
    MemoryFormat,
    Phase,
    Severity,
    Side,
    Status,
    StrideIn,
    Value,
)
from sebench.schema.conclusions import (
    Comparison,
    Interval,
    MetricComparison,
    Quantity,
    Ratio,
)
from sebench.schema.costs import (
    ModelCost,
    OpCost,
    SavedBytes,
    SiteCost,
    StaticCost,
    UncountedOp,
)
from sebench.schema.measurements import (
    Block,
    Environment,
    Finding,
    Measurement,
    ProcessRun,
    Result,
    Segment,
)
from sebench.schema.request import (
    ModelSpec,
    Pair,
    Plan,
    Session,
    TimingPolicy,
    Workload,
)

__all__ = [
    "SCHEMA",
    "Block",
    "Comparison",
    "Effort",
    "Environment",
    "Finding",
    "Grade",
    "Interval",
    "Measurement",
    "MemoryFormat",
    "MetricComparison",
    "ModelCost",
    "ModelSpec",
    "OpCost",
    "Pair",
    "Phase",
    "Plan",
    "ProcessRun",
    "Quantity",
    "Ratio",
    "Result",
    "SavedBytes",
    "Segment",
    "Session",
    "Severity",
    "Side",
    "SiteCost",
    "StaticCost",
    "Status",
    "StrideIn",
    "TimingPolicy",
    "UncountedOp",
    "Value",
    "Workload",
]
