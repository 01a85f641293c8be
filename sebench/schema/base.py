"""The root of all values, and the words they share."""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA = "sebench/1"
REVISION = 2
"""What words in a file mean. Before 2, ``plain`` was said of networks of others as they were built."""

Phase = Literal["inference", "training"]
Side = Literal["baseline", "candidate"]
StrideIn = Literal["1x1", "3x3"]
Runtime = Literal["eager", "cudagraph", "compile", "freezing", "onnxruntime", "openvino", "executorch"]
Optimizer = Literal["none", "sgd"]
Quantization = Literal["none", "int8"]
Dtype = Literal["float32", "tf32", "bfloat16", "float16", "amp-bfloat16"]
MemoryFormat = Literal["contiguous", "channels_last"]
Effort = Literal["quick", "standard", "rigorous"]
Severity = Literal["info", "warning", "error"]
Grade = Literal["A", "B", "C"]
Status = Literal["ok", "unavailable"]


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Root of all values here; gives equality, hashing and JSON in one place."""
