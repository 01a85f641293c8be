"""Data-parallel training: ranks that start a span of steps together, timed by the slowest of them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import psutil
import torch
from torch import distributed

from sebench.errors import DeviceError
from sebench.profilers.device import Device, EnergyCounter, Step, Timing
from sebench.schema import DeviceState, Workload

if TYPE_CHECKING:
    from torch.distributed import Store, TCPStore  # type: ignore[attr-defined]

LOOPBACK = "127.0.0.1"

Maximum = Callable[[Sequence[float]], Sequence[float]]
"""Element-wise over all ranks. Nobody leaves it before everybody has come, so it is a barrier too."""
Announce = Callable[[Step, int], None]


class DistributedDevice:
    """The device of one rank; a step takes as long as on the rank where it took longest.

    Args:
        local: what this rank runs on.
        maximum: over the ranks.
        announce: called on rank 0 with what is timed next, so that the other ranks time it too.
    """

    def __init__(
        self, local: Device, maximum: Maximum, announce: Announce = lambda step, count: None
    ) -> None:
        self._local, self._maximum, self._announce = local, maximum, announce

    @property
    def name(self) -> str:
        """Of this rank's device."""
        return self._local.name

    def clock(self) -> float:
        """This rank's clock; no two ranks' clocks are ever compared."""
        return self._local.clock()

    def timed(self, step: Step, count: int) -> Timing:
        """Run `count` steps on every rank, from a common start; each time is the largest over the ranks.

        The forward part ends where the slowest rank's does, so the rest of the step is the backward pass of
        all, with the exchange of the gradients.
        """
        if count == 0:
            return self._local.timed(step, 0)
        self._announce(step, count)
        self._maximum((0.0,))
        return self._slowest(self._local.timed(step, count))

    def mark(self) -> None:
        """See `Device.mark`."""
        self._local.mark()

    def pause(self, duration_s: float) -> None:
        """Idle; the other ranks wait for the next announcement meanwhile."""
        self._local.pause(duration_s)

    def canary_s(self) -> float:
        """On this rank alone."""
        return self._local.canary_s()

    def state(self) -> DeviceState | None:
        """Of this rank's device."""
        return self._local.state()

    def energy_counter(self) -> EnergyCounter:
        """Refused: a counter reads one device, and the ranks have several."""
        raise DeviceError("energy is read from one device, but ranks use several")

    def quiet(self) -> AbstractContextManager[None]:
        """See `Device.quiet`."""
        return self._local.quiet()

    def _slowest(self, timing: Timing) -> Timing:
        steps, forwards = len(timing.steps_s), len(timing.forward_s)
        own = (*timing.steps_s, *timing.forward_s, timing.device_s or 0.0, timing.submit_s or 0.0)
        *parts, device_s, submit_s = self._maximum(own)
        return replace(
            timing,
            steps_s=tuple(parts[:steps]),
            forward_s=tuple(parts[steps : steps + forwards]),
            device_s=None if timing.device_s is None else device_s,
            submit_s=None if timing.submit_s is None else submit_s,
        )


def require_backend(device: str) -> None:
    """Check that torch can join ranks on this kind of device.

    Raises:
        DeviceError: it was built without what that needs.
    """
    if not (distributed.is_available() and distributed.is_gloo_available()):
        raise DeviceError(f"torch {torch.__version__} was built without gloo, so there is no --world-size")
    kind = torch.device(device).type
    if kind == "cuda" and not distributed.is_nccl_available():
        raise DeviceError(f"torch {torch.__version__} was built without NCCL", hint="use --device cpu")


def host_store() -> TCPStore:
    """Where ranks find each other; the port is a free one, and nobody beyond this machine reaches it."""
    listener = socket.create_server((LOOPBACK, 0))
    port = listener.getsockname()[1]
    return distributed.TCPStore(  # type: ignore[attr-defined]
        LOOPBACK, port, is_master=True, wait_for_workers=False, master_listen_fd=listener.detach()
    )


def reach_store(port: int, *, timeout_s: float) -> TCPStore:
    """The store that rank 0 hosts."""
    return distributed.TCPStore(  # type: ignore[attr-defined]
        LOOPBACK, port, is_master=False, timeout=timedelta(seconds=timeout_s)
    )


@contextmanager
def process_group(
    store: Store, *, rank: int, world_size: int, device: str, timeout_s: float
) -> Iterator[Maximum]:
    """The default process group of torch, for the length of the block.

    Times and barriers go through gloo, gradients through the backend of the device: NCCL on CUDA.

    Args:
        store: the same for all ranks.
        rank: of this process.
        world_size: number of ranks.
        device: of this rank, as torch spells it.
        timeout_s: after which a rank gives up waiting for the others.

    Yields:
        The maximum over the ranks.
    """
    if "GLOO_SOCKET_IFNAME" not in os.environ and (interface := _loopback_interface()):
        os.environ["GLOO_SOCKET_IFNAME"] = interface  # host names need not resolve
    distributed.init_process_group(
        _backend(device), store=store, rank=rank, world_size=world_size, timeout=timedelta(seconds=timeout_s)
    )
    yield maximum
    distributed.destroy_process_group()  # not after an error: a broken group may wait for the dead


def lone_rank(workload: Workload) -> AbstractContextManager[object]:
    """A process group in which a data-parallel step of `workload` runs without the other ranks.

    For what does not depend on them, such as memory. Nothing where the workload has one rank.
    """
    if workload.world_size == 1:
        return nullcontext()
    store = distributed.HashStore()  # type: ignore[attr-defined]
    return process_group(store, rank=0, world_size=1, device=workload.device, timeout_s=60.0)


def _backend(device: str) -> str:
    kind = torch.device(device).type
    if kind == "cpu":
        return "gloo"
    return f"cpu:gloo,{kind}:{distributed.get_default_backend_for_device(kind)}"


def maximum(values: Sequence[float]) -> list[float]:
    """The largest value of each position over the ranks of the process group; every rank must call it."""
    largest = torch.tensor(values, dtype=torch.float64)
    distributed.all_reduce(largest, op=distributed.ReduceOp.MAX)
    found: list[float] = largest.tolist()
    return found


def _loopback_interface() -> str | None:
    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address == LOOPBACK for address in addresses):
            return str(name)
    return None
