"""Networks by name to static costs and cross-checks, in whichever process they are counted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sebench import counters, models, surgery
from sebench.errors import CountError
from sebench.schema import CrossCheck, ModelSpec, Phase, StaticCost

if TYPE_CHECKING:
    from sebench.counters.adapters.tool import Tool


def count_network(
    spec: ModelSpec, shape: tuple[int, ...], phase: Phase = "inference", dtype: str = "float32"
) -> StaticCost:
    """Count a network on meta tensors; nothing is kept of earlier counts.

    It is built on the meta device, or on the CPU where its constructor or its forward reads values.

    Args:
        spec: a resolved spec.
        shape: of the input, batch in front.
        phase: ``training`` adds backward rows and saved-for-backward bytes.
        dtype: sets the bytes per element.

    Raises:
        BuildError: it cannot be built, or does not accept this input.
        CountError: it cannot be counted, though it may run.
    """
    built = surgery.build(spec, device="meta", input_shape=shape, phase=phase)
    try:
        return _count(built, shape, phase, dtype)
    except CountError:
        if built.device != "meta" or not models.source_of(spec.model).may_read_values:
            raise
    return _count(surgery.build(spec, input_shape=shape, phase=phase), shape, phase, dtype)


def _count(built: models.BuiltModel, shape: tuple[int, ...], phase: Phase, dtype: str) -> StaticCost:
    if models.source_of(built.spec.model).is_users_own:
        models.search_last(Path.cwd())  # for what its code imports only while it runs
    return counters.count(
        built.module, shape, phase=phase, dtype=dtype, sites=built.sites, stages=built.stages
    )


def cross_check_network(
    spec: ModelSpec, shape: tuple[int, ...], phase: Phase = "inference", tools: Iterable[Tool] | None = None
) -> CrossCheck:
    """Count a network with every tool; each gets a copy of its own.

    Args:
        spec: a resolved spec.
        shape: of the input, batch in front.
        phase: tools that only know the forward pass say so in training.
        tools: those to ask; all that sebench knows, if None.

    Raises:
        BuildError: the network does not accept this input.
    """
    from sebench.counters.cross_check import TOOLS, cross_check  # noqa: PLC0415 - imports all of them

    cost = count_network(spec, shape, phase)
    device = surgery.build(spec, device="meta", input_shape=shape, phase=phase).device
    checks = cross_check(
        lambda: surgery.build(spec, device=device, input_shape=shape, phase=phase).module,
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
