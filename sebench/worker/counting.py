"""Networks by name to static costs and cross-checks, and the worker that answers requests for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import msgspec
from msgspec.structs import replace

from sebench import counters, models, surgery
from sebench.analysis.lock import count_entry
from sebench.errors import BuildError, CountError, UsageError
from sebench.files import digests
from sebench.schema import CrossCheck, ModelSpec, Phase, StaticCost
from sebench.schema.forms import rewritten_in
from sebench.worker.channel import Fatal, WorkerChannel, guarded
from sebench.worker.protocol import (
    Counted,
    CountRequest,
    CrossChecked,
    CrossCheckRequest,
    Done,
    Failed,
    Locked,
    LockRequest,
)
from sebench.worker.shapes import count_on_shapes
from sebench.worker.side import check_origin

if TYPE_CHECKING:
    from sebench.counters.adapters.tool import Tool
    from sebench.inputs import Inputs
    from sebench.schema.gates import Gate
    from sebench.surgery.sites import Sites


def count_network(
    spec: ModelSpec,
    shape: tuple[int, ...],
    phase: Phase = "inference",
    dtype: str = "float32",
    *,
    gates: bool = False,
) -> StaticCost:
    """Count a network on meta tensors; nothing is kept of earlier counts.

    Where a network has attention is known of native ones; in those of others it is found by data flow.

    It is built on the meta device, or on the CPU where its constructor or its forward reads values.

    Args:
        spec: a resolved spec.
        shape: of the input, batch in front.
        phase: ``training`` adds backward rows and saved-for-backward bytes.
        dtype: sets the bytes per element.
        gates: whether to look for the gates of a native network too.

    Raises:
        BuildError: it cannot be built, or does not accept this input.
        CountError: it cannot be counted, though it may run.
    """
    if models.exported_file(spec.model) is not None:
        from sebench.surgery.files import count_file  # noqa: PLC0415 - imports torch

        return count_file(models.resolve(spec), shape, phase, dtype)
    if phase == "inference" and not gates:
        cost = count_on_shapes(spec, shape, dtype)
        if cost is not None:
            return cost
    built = surgery.build(spec, device="meta", input_shape=shape, phase=phase)
    surgery.require_proof(spec, shape)
    try:
        return _count(built, shape, phase, dtype, gates=gates)
    except CountError:
        if built.device != "meta" or not models.source_of(spec.model).may_read_values:
            raise
    return _count(surgery.build(spec, input_shape=shape, phase=phase), shape, phase, dtype, gates=gates)


def _count(
    built: models.BuiltModel, shape: tuple[int, ...], phase: Phase, dtype: str, *, gates: bool
) -> StaticCost:
    from sebench.surgery.sites import find_sites  # noqa: PLC0415 - imports torch

    source, inputs = models.source_of(built.spec.model), inputs_of(built.spec, shape)
    if models.is_users_own(built.spec):
        models.search_last(Path.cwd())  # for what its code imports only while it runs
    if not source.knows_sites or built.captured:
        found = _found(built, shape, phase, inputs)
        cost = counters.count(
            built.module,
            shape,
            phase=phase,
            dtype=dtype,
            sites=(*found.modules, *built.sites),
            stages=found.stages,
            places=found.places,
            inputs=inputs,
        )
        # What was put in is attention, whether or not it is a gate.
        others = tuple(site for site in cost.sites if site.path not in found.modules)
        return replace(
            cost,
            sites=(*found.sites, *others),
            gates=found.gates,
            captured=built.captured,
            rewritten=tuple(rewritten_in(built.module).items()),
        )
    cost = counters.count(
        built.module, shape, phase=phase, dtype=dtype, sites=built.sites, stages=built.stages, inputs=inputs
    )
    cost = replace(cost, rewritten=tuple(rewritten_in(built.module).items()))
    if not gates:
        return cost
    return replace(cost, gates=_in_stages_of(built, find_sites(counters.record(built.module, shape, inputs))))


def _found(built: models.BuiltModel, shape: tuple[int, ...], phase: Phase, inputs: Inputs | None) -> Sites:
    """Sites in evaluation mode, besides those of attention that was put in.

    Of a network that only works in training mode none are known.
    """
    from sebench.surgery.sites import NO_SITES, charged_to, find_sites  # noqa: PLC0415 - imports torch

    try:
        return charged_to(built.sites, find_sites(counters.record(built.module, shape, inputs)))
    except (BuildError, CountError):
        if phase == "inference":
            raise
        return NO_SITES


def _in_stages_of(built: models.BuiltModel, found: Sites) -> tuple[Gate, ...]:
    """Gates of a native network, whose stages have names."""
    from sebench.counters.scope import longest_prefix  # noqa: PLC0415 - imports torch

    return tuple(
        replace(gate, stage=longest_prefix(gate.path, built.stages) or gate.stage) for gate in found.gates
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
    inputs = inputs_of(spec, shape)
    if inputs is not None and inputs.only is None:
        raise UsageError(
            f"{spec.label} takes {inputs.describe()}, and other counters take one tensor",
            hint="leave out --cross-check",
        )
    checks = cross_check(
        lambda: surgery.build(spec, device=device, input_shape=shape, phase=phase).module,
        cost,
        shape=shape if inputs is None or inputs.only is None else tuple(inputs.only.shape),
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


def inputs_of(spec: ModelSpec, shape: tuple[int, ...]) -> Inputs | None:
    """What a function of the user's makes for a network; None where it takes one tensor of that shape."""
    return None if spec.example_inputs is None else models.make_inputs(spec.example_inputs, shape[0], seed=0)


_Request = CountRequest | CrossCheckRequest


def serve_counts(first: _Request, channel: WorkerChannel, exit_hooks: Callable[[], object]) -> None:
    """Answer requests for counts until no more come, then say `Done`.

    A network that cannot be counted is answered by `Failed`, and the next one is waited for.

    Args:
        first: the request that was read already.
        channel: to the runner.
        exit_hooks: runs what the networks' code has left for the end of the process; it may end it itself,
            and then there is no `Done`.
    """
    request: _Request | None = first
    labels: dict[str, None] = {}
    while request is not None:
        labels[request.spec.label] = None
        channel.about(request.spec.label)
        try:
            channel.send(_answer(request))
        except Fatal as error:
            channel.send(Failed(code=error.code, message=str(error)))
        line = channel.readline()
        request = msgspec.json.decode(line, type=_Request) if line else None
    channel.about(" or ".join(labels))
    exit_hooks()
    channel.send(Done())


def serve_lock(request: LockRequest, channel: WorkerChannel, exit_hooks: Callable[[], object]) -> None:
    """Count all networks of a lock and answer with one message.

    Raises:
        Fatal: one cannot be counted.
    """
    entries = []
    for network in request.networks:
        channel.about(network.spec.label)
        entries.append(guarded(partial(count_entry, network, count_network, request.torch)).entry)
    exit_hooks()
    channel.send(Locked(entries=tuple(entries)))


def _answer(request: _Request) -> Counted | CrossChecked:
    spec, shape, phase = request.spec, request.input_shape, request.phase
    match request:
        case CountRequest(dtype=dtype, gates=gates, not_from=not_from):
            cost = guarded(lambda: count_network(spec, shape, phase, dtype, gates=gates))
            guarded(lambda: check_origin(spec.model, not_from))
            own = models.own_files() if models.is_users_own(spec) else ()
            return Counted(cost=cost, files=digests(map(str, own)))
        case CrossCheckRequest():
            return CrossChecked(check=guarded(lambda: cross_check_network(spec, shape, phase)))
        case _:
            assert_never(request)
