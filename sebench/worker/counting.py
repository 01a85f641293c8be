"""Networks by name to static costs and lock entries, in whichever process they are counted."""

from __future__ import annotations

from sebench import counters, models
from sebench.analysis.lock import count_entry
from sebench.errors import CountError
from sebench.schema import ModelSpec, Phase, StaticCost
from sebench.worker.protocol import Counted, CountRequest, Locked, LockRequest
from sebench.worker.side import check_origin


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
    built = models.build(spec, seed=0, device="meta")
    try:
        return _count(built, shape, phase, dtype)
    except CountError:
        if built.device != "meta" or not models.is_foreign(spec.model):
            raise
    return _count(models.build(spec, seed=0), shape, phase, dtype)


def _count(built: models.BuiltModel, shape: tuple[int, ...], phase: Phase, dtype: str) -> StaticCost:
    return counters.count(
        built.module, shape, phase=phase, dtype=dtype, sites=built.sites, stages=built.stages
    )


def answer_count(request: CountRequest | LockRequest) -> Counted | Locked:
    """The worker's answer to a request for counts.

    Raises:
        SebenchError: a network cannot be counted, or is not of the tree it should be of.
    """
    if isinstance(request, LockRequest):
        found = (count_entry(network, count_network, request.torch) for network in request.networks)
        return Locked(entries=tuple(counted.entry for counted in found))
    cost = count_network(request.spec, request.input_shape, request.phase, request.dtype)
    check_origin(request.spec.model, request.not_from)
    return Counted(cost=cost)
