"""Names and numbers from the command line to a checked `Plan`; nothing is built yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sebench import models
from sebench.errors import UsageError
from sebench.schema import (
    Effort,
    MemoryFormat,
    ModelSpec,
    Pair,
    Plan,
    Session,
    StrideIn,
    TimingPolicy,
    Workload,
)

_EFFORTS: dict[Effort, dict[str, Any]] = {
    "quick": {"processes": 1, "min_blocks": 12, "budget_s": 21.0},
    # Hodges-Lehmann of three blocks cannot withstand one spike, of four it can (reports/coverage.md).
    "standard": {"processes": 6, "min_blocks": 4, "budget_s": 80.0},
    "rigorous": {"processes": 12, "min_blocks": 8, "budget_s": 600.0, "warmup_busy_s": 2.0},
}


def timing_policy(effort: Effort, *, budget_s: float | None = None, pairs: int = 1) -> TimingPolicy:
    """The policy of an effort level.

    Args:
        effort: how many processes and blocks to aim at.
        budget_s: seconds for the whole command, shared evenly by the pairs; a hard limit.
        pairs: how many pairs share it.

    Raises:
        UsageError: the budget is not positive.
    """
    settings = dict(_EFFORTS[effort])
    if budget_s is not None:
        if not budget_s > 0:
            raise UsageError(f"--budget {budget_s:g} is not a positive number of seconds")
        settings |= {"budget_s": budget_s / pairs, "hard_budget": True}
    return TimingPolicy(effort=effort, **settings)


def make_plan(
    *,
    names: Sequence[str],
    variants: Sequence[str],
    baseline: str,
    seed: int,
    threads: int,
    effort: Effort = "standard",
    budget_s: float | None = None,
    num_classes: int | None = None,
    stride_in: StrideIn | None = None,
    batch_size: int = 1,
    image_size: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    memory_format: MemoryFormat = "contiguous",
) -> Plan:
    """Every model with every variant against the baseline, under one kind of workload.

    Args:
        names: model names; duplicates are measured once.
        variants: candidate variants.
        baseline: the variant they are compared with.
        seed: fixes weights, orders and pauses.
        threads: see `Workload`.
        effort: see `timing_policy`.
        budget_s: see `timing_policy`.
        num_classes: see `ModelSpec`.
        stride_in: see `ModelSpec`.
        batch_size: images per step.
        image_size: side of the square input in pixels; None is each network's own.
        device: see `Workload`.
        dtype: see `Workload`.
        memory_format: see `Workload`.

    Raises:
        UsageError: a name, variant or number that cannot be meant.
    """
    if threads < 1:
        raise UsageError(f"--threads {threads} is not positive")

    def session(name: str, variant: str) -> Session:
        baseline_spec, candidate_spec = (
            resolve_spec(name, text, num_classes=num_classes, stride_in=stride_in)
            for text in (baseline, variant)
        )
        return Session(
            pair=Pair(baseline=baseline_spec, candidate=candidate_spec),
            workload=Workload(
                device=device,
                batch_size=batch_size,
                input_shape=input_shape(name, batch_size, image_size),
                dtype=dtype,
                memory_format=memory_format,
                threads=threads,
            ),
        )

    # As keys of a dict: spelled differently, the same pair is still measured once.
    sessions = tuple(dict.fromkeys(session(name, variant) for name in names for variant in variants))
    if not sessions:
        raise UsageError("nothing to compare", hint="name at least one --model and one --variant")
    return Plan(
        sessions=sessions,
        policy=timing_policy(effort, budget_s=budget_s, pairs=len(sessions)),
        seed=seed,
    )


def resolve_spec(
    name: str, variant: str, *, num_classes: int | None = None, stride_in: StrideIn | None = None
) -> ModelSpec:
    """A checked spec with its variant in canonical form.

    Raises:
        UsageError: unknown model, or a variant or option it does not take.
    """
    return models.resolve(
        ModelSpec(model=name, variant=variant, num_classes=num_classes, stride_in=stride_in)
    )


def input_shape(name: str, batch_size: int, image_size: int | None) -> tuple[int, int, int, int]:
    """Shape of the input of model `name`: its own image size unless another is given.

    Raises:
        UsageError: a batch or image size that is not positive, or an image too small for the network.
    """
    if batch_size < 1:
        raise UsageError(f"--batch-size {batch_size} is not positive")
    size = models.native_image_size(name) if image_size is None else image_size
    models.check_image_size(name, size)
    return (batch_size, 3, size, size)
