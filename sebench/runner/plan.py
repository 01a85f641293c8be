"""Names and numbers from the command line to a checked `Plan`; nothing is built yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sebench import models
from sebench.errors import UsageError
from sebench.schema import Effort, ModelSpec, Pair, Plan, Session, TimingPolicy, Workload

_EFFORTS: dict[Effort, dict[str, Any]] = {
    "quick": {"processes": 1, "min_blocks": 12, "budget_s": 18.0},
    "standard": {"processes": 6, "min_blocks": 3, "budget_s": 75.0},
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
    effort: Effort = "standard",
    budget_s: float | None = None,
    image_size: int | None = None,
    num_classes: int | None = None,
    stride_in: str | None = None,
    **workload: Any,
) -> Plan:
    """Every model with every variant against the baseline, under one kind of workload.

    Args:
        names: model names; duplicates are measured once.
        variants: candidate variants.
        baseline: the variant they are compared with.
        seed: fixes weights, orders and pauses.
        effort: see `timing_policy`.
        budget_s: see `timing_policy`.
        image_size: side of the square input in pixels; None is each network's own.
        num_classes: width of the classifier; None is each network's own.
        stride_in: see `ModelSpec`.
        **workload: further fields of `Workload` (device, batch_size, dtype, ...).

    Raises:
        UsageError: a name, variant or number that cannot be meant.
    """
    options = {"num_classes": num_classes, "stride_in": stride_in}
    sessions = [
        Session(
            pair=Pair(
                baseline=count_spec(name, baseline, **options), candidate=count_spec(name, variant, **options)
            ),
            workload=_workload(name, image_size, **workload),
        )
        for name in _unique(names)
        for variant in _unique(variants)
    ]
    sessions = list(dict.fromkeys(sessions))
    if not sessions:
        raise UsageError("nothing to compare", hint="name at least one --model and one --variant")
    return Plan(
        sessions=tuple(sessions),
        policy=timing_policy(effort, budget_s=budget_s, pairs=len(sessions)),
        seed=seed,
    )


def count_spec(name: str, variant: str, **options: Any) -> ModelSpec:
    """A checked spec with its variant in canonical form.

    Raises:
        UsageError: unknown model, or a variant or option it does not take.
    """
    return models.resolve(ModelSpec(model=name, variant=variant, **options))


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


def _workload(
    name: str, image_size: int | None, *, batch_size: int, threads: int, **others: Any
) -> Workload:
    if threads < 1:
        raise UsageError(f"--threads {threads} is not positive")
    return Workload(
        batch_size=batch_size,
        input_shape=input_shape(name, batch_size, image_size),
        threads=threads,
        **others,
    )


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
