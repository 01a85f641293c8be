"""What this machine can do at best: memory traffic, arithmetic, and the cost of starting an operation."""

from __future__ import annotations

from datetime import UTC, datetime

import torch

from sebench.profilers.device import Device, Step
from sebench.schema import Machine

COPY_BYTES = 256 * 2**20
"""Far beyond the caches of the early 2020s."""
MATMUL_SIDE = 1024
REPEATS = 20
LAUNCHES = 500


def measure_machine(device: Device, dtype: torch.dtype = torch.float32) -> Machine:
    """Copy bandwidth, matrix rate and launch cost of `device`; the best of some repetitions each.

    The best, because these are bounds: whatever disturbs a repetition is not the machine's limit.

    Args:
        device: its clock and barrier.
        dtype: of the matrix product.
    """
    source = torch.zeros(COPY_BYTES, dtype=torch.uint8, device=device.name)
    target = torch.empty_like(source)
    matrix = torch.ones(MATMUL_SIDE, MATMUL_SIDE, dtype=dtype, device=device.name)
    element = torch.zeros(1, device=device.name)
    copy_s = _best(device, lambda: target.copy_(source))
    matmul_s = _best(device, lambda: matrix @ matrix)

    def launches() -> None:
        for _ in range(LAUNCHES):
            element.add_(1)

    return Machine(
        copy_bytes_per_s=2 * COPY_BYTES / copy_s,
        matmul_flops_per_s=2 * MATMUL_SIDE**3 / matmul_s,
        launch_s=_best(device, launches) / LAUNCHES,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _best(device: Device, step: Step) -> float:
    device.timed(step, 2)
    return min(device.timed(step, 1).steps_s[0] for _ in range(REPEATS))
