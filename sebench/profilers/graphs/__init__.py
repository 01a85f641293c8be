"""Graphs of runtimes with the times of their nodes: one file per runtime, behind one protocol."""

from __future__ import annotations

from sebench.profilers.graphs import inductor, onnx_runtime, open_vino
from sebench.profilers.graphs.reading import Reading, Watch, Watched, described
from sebench.schema import Runtime

__all__ = ["WATCH", "Reading", "Watch", "Watched", "described", "inductor"]

WATCH: dict[Runtime, Watch] = {"onnxruntime": onnx_runtime.watch, "openvino": open_vino.watch}
"""For the runtimes that take files."""
