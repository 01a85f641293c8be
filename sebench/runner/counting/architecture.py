"""The parts of a native network, read off its modules for Table 1."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sebench import models, shapes
from sebench.models.sources.native import assemble
from sebench.paper.tables.architecture import StageArchitecture
from sebench.runner.planning.plan import resolve_spec

_SLOTS = "sebench.models.slots"


def stage_architectures(model: str, variant: str) -> tuple[StageArchitecture, ...]:
    """The parts of a network with SE or without attention at its native size; shapes are all it takes."""
    network = assemble(resolve_spec(model, variant), models.model_info(model), shapes.load)
    parts = []
    x = shapes.Tensor((1, *models.source_of(model).input_size(model)))
    for name, part in network.module.named_children():
        x = part(x)
        parts.append(
            StageArchitecture(
                stage=network.stages[name],
                output_size="x".join(str(side) for side in x.shape[2:]) or "1x1",
                layers=_layers(part),
                attention_widths=", ".join(sorted(set(_attention_widths(part)))),
            )
        )
    return tuple(parts)


def _layers(part: shapes.Module) -> str:
    """Blocks with their repetitions, or single layers."""
    blocks = [module for module in part.modules() if isinstance(module, shapes.load(_SLOTS).SlottedBlock)]
    if not blocks:
        return "; ".join(_leaves(part))
    texts = ("; ".join(_leaves(block)) for block in blocks)
    return " + ".join(f"({text}) x {len(list(same))}" for text, same in groupby(texts))


def _leaves(module: shapes.Module) -> Iterator[str]:
    """Convolutions, pools and FC layers in order; shortcuts are no layers of a block."""
    for path, leaf in module.named_modules():
        text = _leaf_text(leaf)
        if text and not path.startswith(("projection", "attention")):
            yield text
    widths = ", ".join(_attention_widths(module))
    if widths:
        yield f"fc {widths}"


def _leaf_text(leaf: Any) -> str:  # noqa: ANN401 - layers differ in their attributes
    match type(leaf).__name__:
        case "Conv2d":
            height, width = leaf.kernel_size
            groups = f", C={leaf.groups}" if leaf.groups > 1 else ""
            return f"{height}x{width}, {leaf.out_channels}{groups}"
        case "MaxPool2d":
            return f"{leaf.kernel_size}x{leaf.kernel_size} max pool"
        case "AdaptiveAvgPool2d":
            return "global average pool"
        case "Linear":
            return f"{leaf.out_features}-d fc"
        case _:
            return ""


def _attention_widths(module: shapes.Module) -> Iterator[str]:
    """``[hidden,channels]`` of every attention module with fully connected layers, read off the first."""
    for block in module.modules():
        if isinstance(block, shapes.load(_SLOTS).SlottedBlock) and block.attention is not None:
            layers = (leaf for leaf in block.attention.modules() if isinstance(leaf, shapes.Linear))
            if first := next(layers, None):
                yield f"[{first.out_features},{first.in_features}]"
