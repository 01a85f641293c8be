"""Names and numbers from the command line to a checked `Plan`; nothing is built yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sebench import models
from sebench.errors import UsageError
from sebench.runner.conditions import Conditions, workloads
from sebench.schema import (
    Effort,
    ModelSpec,
    Pair,
    Plan,
    Session,
    StrideIn,
    TimingPolicy,
)

_EFFORTS: dict[Effort, dict[str, Any]] = {
    "quick": {"processes": 1, "min_blocks": 12, "budget_s": 21.0},
    # Hodges-Lehmann of three blocks cannot withstand one spike, of four it can (reports/coverage.md).
    "standard": {"processes": 6, "min_blocks": 4, "budget_s": 80.0},
    "rigorous": {"processes": 12, "min_blocks": 8, "budget_s": 600.0, "warmup_busy_s": 2.0},
}


def timing_policy(effort: Effort, *, budget_s: float | None = None, sessions: int = 1) -> TimingPolicy:
    """The policy of an effort level.

    Args:
        effort: how many processes and blocks to aim at.
        budget_s: seconds for the whole command, shared evenly by the sessions; a hard limit.
        sessions: how many share it.

    Raises:
        UsageError: the budget is not positive.
    """
    settings = dict(_EFFORTS[effort])
    if budget_s is not None:
        if not budget_s > 0:
            raise UsageError(f"--budget {budget_s:g} is not a positive number of seconds")
        settings |= {"budget_s": budget_s / sessions, "hard_budget": True}
    return TimingPolicy(effort=effort, **settings)


def make_plan(
    *,
    names: Sequence[str],
    variants: Sequence[str],
    baseline: str,
    conditions: Conditions,
    seed: int,
    effort: Effort = "standard",
    budget_s: float | None = None,
    num_classes: int | None = None,
    stride_in: StrideIn | None = None,
    image_size: models.ImageSize | None = None,
    memory: bool | None = None,
    energy: bool = False,
) -> Plan:
    """Every model with every variant against the baseline, under the same conditions.

    Args:
        names: model names; duplicates are measured once.
        variants: candidate variants.
        baseline: the variant they are compared with.
        conditions: device, phase, batch and the like.
        seed: fixes weights, orders and pauses.
        effort: see `timing_policy`.
        budget_s: see `timing_policy`.
        num_classes: see `ModelSpec`.
        stride_in: see `ModelSpec`.
        image_size: of the input; None is each network's own.
        memory: measure peak memory of training steps; None does, but for quick runs.
        energy: measure energy per step.

    Raises:
        UsageError: a name, variant or number that cannot be meant.
    """

    def sessions(name: str, variant: str) -> Iterator[Session]:
        baseline_spec, candidate_spec = (
            resolve_spec(name, text, num_classes=num_classes, stride_in=stride_in)
            for text in (baseline, variant)
        )
        pair = Pair(baseline=baseline_spec, candidate=candidate_spec)
        image_shape = input_shape(name, 1, image_size)[1:]
        for workload in workloads(conditions, image_shape):
            yield Session(pair=pair, workload=workload)

    # As keys of a dict: spelled differently, the same pair is still measured once.
    planned = tuple(
        dict.fromkeys(
            session for name in names for variant in variants for session in sessions(name, variant)
        )
    )
    if not planned:
        raise UsageError("nothing to compare", hint="name at least one --model and one --variant")
    if energy and any(session.workload.world_size > 1 for session in planned):
        raise UsageError("--energy reads the counter of one device", hint="leave out --world-size")
    return Plan(
        sessions=planned,
        policy=timing_policy(effort, budget_s=budget_s, sessions=len(planned)),
        seed=seed,
        memory=effort != "quick" if memory is None else memory,
        energy=energy,
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


def input_shape(name: str, batch_size: int, image_size: models.ImageSize | None) -> tuple[int, int, int, int]:
    """Shape of the input of model `name`: its own image size unless another is given.

    Raises:
        UsageError: a batch or image size that is not positive, or an image too small for the network.
    """
    if batch_size < 1:
        raise UsageError(f"--batch-size {batch_size} is not positive")
    size = models.native_image_size(name) if image_size is None else models.height_width(image_size)
    models.check_image_size(name, size)
    return (batch_size, 3, *size)
