"""Names of the metrics that a limit may be set on."""

from __future__ import annotations

from typing import Literal, get_args

LimitMetric = Literal[
    "latency",
    "forward_latency",
    "backward_latency",
    "device_latency",
    "peak_memory",
    "saved_bytes",
    "energy",
    "params",
    "macs",
    "paper_macs",
    "flops",
    "bytes",
]
"""Those of `compare` that have one ratio per pair."""

LIMIT_METRICS: tuple[LimitMetric, ...] = get_args(LimitMetric)
