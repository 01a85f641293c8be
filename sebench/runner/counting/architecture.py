"""The parts of a native network, read off its modules for Table 1."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sebench import models
from sebench.paper.tables.architecture import StageArchitecture
from sebench.runner.planning.plan import resolve_spec

if TYPE_CHECKING:
    from torch import nn


def stage_architectures(model: str, variant: str) -> tuple[StageArchitecture, ...]:
    """The parts of a network at its native size; on meta tensors, so nothing is computed."""
    import torch  # noqa: PLC0415 - only Table 1 needs modules

    built = models.build(resolve_spec(model, variant), seed=None, device="meta")
    parts = []
    x = torch.empty(built.input_shape, device="meta")
    for name, part in built.module.named_children():
        x = part(x)
        parts.append(
            StageArchitecture(
                stage=built.stages[name],
                output_size="x".join(str(side) for side in x.shape[2:]) or "1x1",
                layers=_layers(part),
                attention_widths=", ".join(sorted(set(_attention_widths(part)))),
            )
        )
    return tuple(parts)


def _layers(part: nn.Module) -> str:
    """Blocks with their repetitions, or single layers."""
    from sebench.models.slots import SlottedBlock  # noqa: PLC0415

    blocks = [module for module in part.modules() if isinstance(module, SlottedBlock)]
    if not blocks:
        return "; ".join(_leaves(part))
    texts = ("; ".join(_leaves(block)) for block in blocks)
    return " + ".join(f"({text}) x {len(list(same))}" for text, same in groupby(texts))


def _leaves(module: nn.Module) -> Iterator[str]:
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


def _attention_widths(module: nn.Module) -> Iterator[str]:
    """``[hidden,channels]`` of every attention module with fully connected layers, read off the first."""
    from torch import nn  # noqa: PLC0415

    from sebench.models.slots import SlottedBlock  # noqa: PLC0415

    for block in module.modules():
        if isinstance(block, SlottedBlock) and block.attention is not None:
            layers = (leaf for leaf in block.attention.modules() if isinstance(leaf, nn.Linear))
            if first := next(layers, None):
                yield f"[{first.out_features},{first.in_features}]"
