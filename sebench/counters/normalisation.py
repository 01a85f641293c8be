"""Formulas of normalisations.

Per element: statistics are 1 (mean) + 3 (squared deviations), scale and shift are 2.
"""

from __future__ import annotations

from sebench.counters.elementwise import per_input, per_output
from sebench.counters.work import Call, Rule, Work

BATCH_NORM = (
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "_batch_norm_with_update",
    "_batch_norm_no_update",
    "cudnn_batch_norm",
)
BATCH_NORM_BACKWARD = ("native_batch_norm_backward", "batch_norm_backward")


def uses_batch_statistics(call: Call) -> bool:
    """Whether batch norm normalises by its own batch, and so updates the running statistics."""
    implied = call.name == "_batch_norm_with_update"
    return bool(call.arguments.get("training", call.arguments.get("train", implied)))


def batch_norm(call: Call) -> Work:
    """Scale and shift per element (affine and statistics fold per channel); in training the statistics."""
    return Work(0, call.output.numel() * (6 if uses_batch_statistics(call) else 2))


def batch_norm_backward(call: Call) -> Work:
    """Two channel sums (1 + 3), and the input gradient: a, b, c with a dy + b x + c, or one scale in eval."""
    wants_input, wants_weight, wants_bias = call.arguments["output_mask"]
    trained = uses_batch_statistics(call)
    sums = 4 if wants_weight or wants_bias or (wants_input and trained) else 0
    return Work(0, call.input.numel() * (sums + wants_input * (4 if trained else 1)))


def row_norm(call: Call) -> Work:
    """Statistics per row and affine per column do not fold: 4 + 2, and 2 more for the affine part."""
    return Work(0, call.output.numel() * (8 if call.has("weight") else 6))


RULES = (
    Rule(BATCH_NORM, "0", "2 per element; with batch statistics 6", batch_norm),
    Rule(
        BATCH_NORM_BACKWARD,
        "0",
        "8 per element with batch statistics, 5 without; fewer where not every gradient is needed",
        batch_norm_backward,
    ),
    Rule(("native_layer_norm", "_fused_rms_norm"), "0", "8 per element; 6 without affine", row_norm),
    Rule(("native_layer_norm_backward", "_fused_rms_norm_backward"), "0", "12 per element", per_input(12)),
    Rule(("native_group_norm",), "0", "6 per element (affine folded per channel)", per_output(6)),
    Rule(("native_group_norm_backward",), "0", "8 per element", per_input(8)),
    Rule(
        ("_softmax", "_safe_softmax", "_log_softmax"),
        "0",
        "5 per element (maximum, difference, exp, sum, division)",
        per_input(5),
    ),
    Rule(("_softmax_backward_data", "_log_softmax_backward_data"), "0", "4 per element", per_output(4)),
    Rule(
        ("_weight_norm_interface", "_weight_norm_interface_backward"),
        "0",
        "4 per output element (square, sum, division, scale)",
        per_output(4),
    ),
)
