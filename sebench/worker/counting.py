"""``python -m sebench.worker.counting``: counts networks in a process that knows of no earlier count.

Reads a JSON list of networks from stdin and writes their entries to stdout.
"""

from __future__ import annotations

import os
import sys

import msgspec

from sebench import counters, models
from sebench.analysis.lock import count_entry
from sebench.schema import LockedNetwork, LockEntry, ModelSpec, Phase, StaticCost, Value


class LockRequest(Value, frozen=True, kw_only=True):
    """Runner to worker: count these."""

    networks: tuple[LockedNetwork, ...]
    torch: str
    """The torch minor version to file the figures under."""


def answer(request: LockRequest) -> tuple[LockEntry, ...]:
    """The entries of the networks, in their order.

    Raises:
        SebenchError: one of them cannot be counted.
    """
    return tuple(count_entry(network, _count, request.torch).entry for network in request.networks)


def _count(spec: ModelSpec, shape: tuple[int, ...], phase: Phase) -> StaticCost:
    built = models.build(spec, seed=None, device="meta")
    return counters.count(built.module, shape, phase=phase, sites=built.sites, stages=built.stages)


if __name__ == "__main__":
    # Whatever a network prints must not end up in the answer: keep the pipe, point stdout at stderr.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as replies:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        request = msgspec.json.decode(sys.stdin.buffer.read(), type=LockRequest)
        replies.write(msgspec.json.encode(answer(request)))
