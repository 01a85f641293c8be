"""Static int8 in ONNX Runtime: its own quantizer, and what became of each operation.

Activations are unsigned (QUInt8), weights signed. With the quantizer's default of signed activations the CPU
provider leaves depthwise convolutions and those of SE in float; with unsigned ones it fuses all of them.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from sebench.profilers.runtimes.exported import OperationCounts

_CONVOLUTIONS = ("Conv", "FusedConv", "QLinearConv", "ConvInteger")
# What moves, converts or reshapes tensors computes nothing.
_NO_COMPUTATION = frozenset({
    "QuantizeLinear", "DequantizeLinear", "ReorderInput", "ReorderOutput", "Transpose", "Reshape", "Squeeze",
    "Unsqueeze", "Flatten", "Identity", "Cast", "Concat", "Slice", "Gather", "Shape", "Expand", "Split",
})  # fmt: skip


def quantize(file: Path, calibration: Sequence[tuple[torch.Tensor, ...]]) -> None:
    """Replace a float32 network by its quantized form (QDQ), shapes inferred first.

    Args:
        file: ``NAME.onnx`` with its weights beside it.
        calibration: inputs whose activations set the ranges, in the order of the graph's inputs.
    """
    from onnxruntime.quantization import (  # noqa: PLC0415 - an extra
        QuantFormat,
        QuantType,
        quant_pre_process,
        quantize_static,
    )

    work = file.parent / "quantizing"
    prepared, quantized = work / "prepared" / file.name, work / "quantized" / file.name
    for path in (prepared, quantized):
        path.parent.mkdir(parents=True)
    quant_pre_process(str(file), str(prepared), save_as_external_data=True, all_tensors_to_one_file=True)
    quantize_static(
        str(prepared),
        str(quantized),
        _Reader(prepared, calibration),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        use_external_data_format=True,
    )
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()
    for path in quantized.parent.iterdir():
        path.rename(file.parent / path.name)
    shutil.rmtree(work)


class _Reader:
    """A `CalibrationDataReader`: one input after the other, then None."""

    def __init__(self, file: Path, calibration: Sequence[tuple[torch.Tensor, ...]]) -> None:
        import onnx  # noqa: PLC0415

        graph = onnx.load(str(file), load_external_data=False).graph
        weights = {each.name for each in graph.initializer}
        names = [each.name for each in graph.input if each.name not in weights]
        self._feeds: Iterator[dict[str, Any]] = iter(
            [dict(zip(names, (each.numpy() for each in batch), strict=True)) for batch in calibration]
        )

    def get_next(self) -> dict[str, Any] | None:
        """The next input by name."""
        return next(self._feeds, None)


def count_operations(optimized: Path) -> OperationCounts:
    """What computes in what, in a graph as ONNX Runtime has optimised it.

    Args:
        optimized: written by a session (`SessionOptions.optimized_model_filepath`).
    """
    import onnx  # noqa: PLC0415

    kinds = Counter(node.op_type for node in onnx.load(str(optimized), load_external_data=False).graph.node)
    floating = {
        kind: count
        for kind, count in sorted(kinds.items())
        if not kind.startswith("Q") and not kind.endswith("Integer") and kind not in _NO_COMPUTATION
    }
    return OperationCounts(
        convolutions=sum(kinds[kind] for kind in _CONVOLUTIONS),
        int8_convolutions=kinds["QLinearConv"] + kinds["ConvInteger"],
        float_operations=floating,
    )
