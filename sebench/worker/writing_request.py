"""What the process that writes a network is asked for."""

from __future__ import annotations

from sebench.schema import ModelSpec, Workload
from sebench.schema.base import Value


class WriteRequest(Value, frozen=True, kw_only=True):
    """What to write."""

    spec: ModelSpec
    workload: Workload
    seed: int
    path: str
    """Ends with ``.onnx`` or ``.pt2``."""
