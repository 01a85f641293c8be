"""What this machine can do at best: memory traffic, arithmetic, and the cost of starting an operation."""

from __future__ import annotations

from datetime import UTC, datetime

import torch

from sebench.profilers.device import Device, Step
from sebench.schema import Machine

COPY_BYTES = 256 * 2**20
"""Far beyond the caches of the early 2020s."""
MATMUL_SIDES = (128, 256, 512, 1024)
"""The largest that can be repeated is taken: in half precision many a CPU needs seconds for one product."""
REPEATS = 20
LEAST_REPEATS = 3
_WARM = 2
BUDGET_S = 2.0
"""What the repetitions of each bound may take, as long as there are the fewest."""
LAUNCHES = 500


def measure_machine(device: Device, dtype: torch.dtype = torch.float32) -> Machine:
    """Copy bandwidth, matrix rate and launch cost of `device`; the best of some repetitions each.

    The best, because these are bounds: whatever disturbs a repetition is not the machine's limit. Where
    `REPEATS` of them would take longer than `BUDGET_S` there are fewer, and of smaller matrices.

    Args:
        device: its clock and barrier.
        dtype: of the matrix product.
    """
    source = torch.zeros(COPY_BYTES, dtype=torch.uint8, device=device.name)
    target = torch.empty_like(source)
    element = torch.zeros(1, device=device.name)
    copy_s = _best(device, lambda: target.copy_(source))

    def launches() -> None:
        for _ in range(LAUNCHES):
            element.add_(1)

    return Machine(
        copy_bytes_per_s=2 * COPY_BYTES / copy_s,
        matmul_flops_per_s=_matmul_flops_per_s(device, dtype),
        launch_s=_best(device, launches) / LAUNCHES,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _matmul_flops_per_s(device: Device, dtype: torch.dtype) -> float:
    def product(side: int) -> Step:
        matrix = torch.ones(side, side, dtype=dtype, device=device.name)
        return lambda: matrix @ matrix

    side, *larger = MATMUL_SIDES
    for next_side in larger:
        expected_s = _warm_s(device, product(side)) * (next_side / side) ** 3
        if expected_s * (_WARM + LEAST_REPEATS) > BUDGET_S:
            break
        side = next_side
    return float(2 * side**3 / _best(device, product(side)))


def _best(device: Device, step: Step) -> float:
    _warm_s(device, step)
    times_s: list[float] = []
    while len(times_s) < LEAST_REPEATS or (len(times_s) < REPEATS and sum(times_s) < BUDGET_S):
        times_s.extend(device.timed(step, 1).steps_s)
    return min(times_s)


def _warm_s(device: Device, step: Step) -> float:
    """Seconds of the faster one of the first runs, which do not count."""
    return min(device.timed(step, 1).steps_s[0] for _ in range(_WARM))
