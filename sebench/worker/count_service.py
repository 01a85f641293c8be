"""A worker that counts: requests in, costs, cross-checks or lock entries out, and a last word."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import assert_never

import msgspec

from sebench.analysis.lock import count_entry
from sebench.files import digests
from sebench.models import own_files, source_of
from sebench.schema import ModelSpec
from sebench.worker.channel import WorkerChannel
from sebench.worker.counting import count_network, cross_check_network
from sebench.worker.failures import Fatal, guarded
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
from sebench.worker.side import check_origin

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


def _files_of(spec: ModelSpec) -> dict[str, str]:
    return digests(map(str, own_files())) if source_of(spec.model).is_users_own else {}


def _answer(request: _Request) -> Counted | CrossChecked:
    spec, shape, phase = request.spec, request.input_shape, request.phase
    match request:
        case CountRequest(dtype=dtype, gates=gates, not_from=not_from):
            cost = guarded(lambda: count_network(spec, shape, phase, dtype, gates=gates))
            guarded(lambda: check_origin(spec.model, not_from))
            return Counted(cost=cost, files=_files_of(spec))
        case CrossCheckRequest():
            return CrossChecked(check=guarded(lambda: cross_check_network(spec, shape, phase)))
        case _:
            assert_never(request)
