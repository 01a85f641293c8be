"""Static int8 in OpenVINO: its quantizer is nncf, an extra of its own."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sebench.profilers.runtimes.exported import OperationCounts
from sebench.profilers.runtimes.openvino_core import openvino_core

# What moves, converts or reshapes tensors computes nothing.
_NO_COMPUTATION = frozenset({
    "Input", "Output", "Const", "Reorder", "Reshape", "Transpose", "Convert", "Concatenation", "Split",
    "StridedSlice", "Gather", "Broadcast", "ShapeOf",
})  # fmt: skip
_CONVOLUTION = "Convolution"
_INT8 = ("i8", "u8")


def quantize(file: Path, calibration: Sequence[tuple[torch.Tensor, ...]]) -> None:
    """Replace a float32 network by its quantized form.

    Args:
        file: ``NAME.xml`` with its weights beside it.
        calibration: inputs whose activations set the ranges, in the order of the graph's inputs.
    """
    import nncf  # noqa: PLC0415 - an extra
    import openvino  # noqa: PLC0415

    batches = [[each.numpy() for each in batch] for batch in calibration]
    model = nncf.quantize(openvino_core().read_model(file), nncf.Dataset(batches), subset_size=len(batches))
    folder = file.parent / "quantized"
    openvino.save_model(model, folder / file.name, compress_to_fp16=False)
    for path in folder.iterdir():
        path.replace(file.parent / path.name)
    shutil.rmtree(folder)


def count_operations(compiled: Any) -> OperationCounts:  # noqa: ANN401 - it is not typed
    """What computes in what, in a compiled network."""
    nodes = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    kinds = Counter((_text(info["layerType"]), _text(info["runtimePrecision"])) for info in nodes)
    floating: Counter[str] = Counter()
    for (kind, precision), count in kinds.items():
        if precision not in _INT8 and kind not in _NO_COMPUTATION:
            floating[kind] += count
    return OperationCounts(
        convolutions=sum(count for (kind, _), count in kinds.items() if kind == _CONVOLUTION),
        int8_convolutions=sum(kinds[_CONVOLUTION, precision] for precision in _INT8),
        float_operations=dict(sorted(floating.items())),
    )


def _text(fact: Any) -> str:  # noqa: ANN401 - text, or a box with text in it
    return str(getattr(fact, "value", fact))
