"""Cross-checks of networks by name: every tool gets a copy of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sebench import models
from sebench.schema import CrossCheck, ModelSpec, Phase
from sebench.worker.counting import count_network

if TYPE_CHECKING:
    from sebench.counters.adapters.tool import Tool


def cross_check_model(
    spec: ModelSpec,
    shape: tuple[int, ...],
    *,
    phase: Phase = "inference",
    tools: Iterable[Tool] | None = None,
) -> CrossCheck:
    """Count a network with every tool.

    Args:
        spec: a resolved spec.
        shape: of the input, batch in front.
        phase: tools that only know the forward pass say so in training.
        tools: those to ask; all that sebench knows, if None.

    Raises:
        BuildError: the network does not accept this input.
    """
    from sebench.counters.cross_check import TOOLS, cross_check  # noqa: PLC0415 - imports torch

    cost = count_network(spec, shape, phase=phase)
    device = models.build(spec, seed=0, device="meta").device
    checks = cross_check(
        lambda: models.build(spec, seed=0, device=device).module,
        cost,
        device=device,
        tools=TOOLS if tools is None else tools,
    )
    return CrossCheck(
        spec=spec,
        input_shape=shape,
        phase=phase,
        macs=sum(op.macs for op in cost.ops),
        tools=checks,
        uncounted=cost.uncounted,
    )
