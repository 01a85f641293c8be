"""How the ranks of a data-parallel run come together: rank 0, which the runner talks to, and the others."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from sebench.errors import SebenchError
from sebench.profilers.device import Device, Step
from sebench.profilers.distributed import (
    DistributedDevice,
    Maximum,
    host_store,
    process_group,
    reach_store,
    require_backend,
)
from sebench.schema import Side
from sebench.worker.failures import Fatal
from sebench.worker.protocol import Failed, Join, Request
from sebench.worker.ranks import Ranks

if TYPE_CHECKING:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

Send = Callable[[Failed], None]
TakeUp = Callable[[Mapping[Side, Step]], None]
_POLL_S = 1.0
WAIT_S = 3600.0
"""How long a rank waits for another. The runner gives up the silent much sooner, unless it knows that a block
or compiling takes long; ranks that die are noticed at once."""


@contextmanager
def leading(request: Request, local: Device, send: Send) -> Iterator[tuple[Device, TakeUp]]:
    """Start the other ranks, if the workload has any, and join them as rank 0.

    Args:
        request: goes to all of them.
        local: the device of this rank.
        send: says for another rank, from another thread, why it failed while this one hangs.

    Yields:
        The device of all ranks, and a function that must be told the steps before it times any.

    Raises:
        Fatal: another rank cannot do its part, or torch cannot join them.
        SystemExit: another rank died.
    """
    if request.workload.world_size == 1:
        yield local, lambda steps: None
        return
    store = _host(request.workload.device)
    with Ranks(request, port=store.port, send=send) as ranks:
        try:
            with _joined(request, store, rank=0) as maximum:
                yield DistributedDevice(local, maximum, ranks.announce), ranks.take_up
                ranks.dismiss()
        except (Fatal, RuntimeError, OSError) as error:
            ranks.blame(error)
            raise


@contextmanager
def following(join: Join, local: Device) -> Iterator[Device]:
    """Join as one of the other ranks.

    Yields:
        The device of all.
    """
    threading.Thread(target=_end_with, args=(join.leader,), daemon=True).start()
    store = reach_store(join.port, timeout_s=WAIT_S)
    with _joined(join.request, store, rank=join.rank) as maximum:
        yield DistributedDevice(local, maximum)


def _host(device: str) -> TCPStore:
    try:
        require_backend(device)
    except SebenchError as error:
        raise Fatal("device", str(error)) from error
    return host_store()


def _joined(request: Request, store: TCPStore, *, rank: int) -> AbstractContextManager[Maximum]:
    workload = request.workload
    return process_group(
        store,
        rank=rank,
        world_size=workload.world_size,
        device=workload.device_of(rank),
        timeout_s=WAIT_S,
    )


def _end_with(leader: int) -> None:
    """A rank that is stuck does not read the end of its pipe, so look who its parent is."""
    while os.getppid() == leader:
        time.sleep(_POLL_S)
    os._exit(1)
