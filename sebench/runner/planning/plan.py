"""Names and numbers from the command line to a checked `Plan`; nothing is built yet."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from sebench import models
from sebench.errors import UsageError, near_matches
from sebench.runner.planning.inputs import input_size
from sebench.runner.planning.pairs import UsualCandidate, known_candidate, make_pairs, resolve_spec
from sebench.runner.planning.workloads import image_size, require_batch_size, workloads
from sebench.schema import (
    NOTHING_SAID,
    Effort,
    ModelSpec,
    Pair,
    PairPlan,
    Plan,
    StrideIn,
    TimingPolicy,
    Workload,
    WorkloadRequest,
)

__all__ = ["drawn_seed", "input_shape", "make_plan", "resolve_spec", "timing_policy"]

# Sizes in bytes, of the input and of what a network makes of it, have to fit into 63 bits.
_MAX_ELEMENTS = 2**50
LONGEST_BUDGET_S = 30 * 86_400
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
        UsageError: no such effort, or a budget that is not positive, or beyond `LONGEST_BUDGET_S`.
    """
    if effort not in _EFFORTS:
        hint = near_matches(effort, _EFFORTS) or f"choose from {', '.join(_EFFORTS)}"
        raise UsageError(f"no effort {effort!r}", hint=hint)
    settings = dict(_EFFORTS[effort])
    if budget_s is not None:
        if not 0 < budget_s <= LONGEST_BUDGET_S:
            limit = f"up to {LONGEST_BUDGET_S} (30 days)"
            raise UsageError(f"--budget {budget_s:g} is not a positive number of seconds {limit}")
        settings |= {"budget_s": budget_s / sessions, "hard_budget": True}
    return TimingPolicy(effort=effort, **settings)


def make_plan(
    *,
    names: Sequence[str],
    variants: Sequence[str],
    baseline: str = models.PLAIN,
    candidate: str | None = None,
    workload: WorkloadRequest = NOTHING_SAID,
    seed: int | None = None,
    effort: Effort = "standard",
    budget_s: float | None = None,
    num_classes: int | None = None,
    stride_in: StrideIn | None = None,
    memory: bool | None = None,
    energy: bool = False,
    usual_candidate: UsualCandidate = known_candidate,
) -> Plan:
    """Every pair that is asked for, under the same workload.

    Args:
        names: models to build; none where `baseline` and `candidate` are networks.
        variants: candidates of each model.
        baseline: variant or network that they are compared with.
        candidate: variant or network, instead of `variants`.
        workload: device, phase, batch, image size and the like; whatever it leaves out has its default.
        seed: fixes weights, orders and pauses; None draws one.
        effort: how many processes and blocks to aim at.
        budget_s: seconds for the whole command, a hard limit; None sets none.
        num_classes: width of the classifier of native networks; None is each network's own.
        stride_in: which convolution strides in native bottleneck ResNets; None is the model's own.
        memory: measure peak memory of training steps; None does, but for quick runs.
        energy: measure energy per step.
        usual_candidate: the variant that a network is compared with its plain self as where none is said.

    Raises:
        UsageError: a name, variant or number that cannot be meant.
    """
    pairs = tuple(
        PairPlan(pair=pair, workloads=workloads(workload, _image_shape(pair, image_size(workload))))
        for pair in make_pairs(
            names,
            variants,
            baseline,
            candidate,
            num_classes=num_classes,
            stride_in=stride_in,
            usual_candidate=lambda model: usual_candidate(model, image_size(workload)),
        )
    )
    measured = [each for planned in pairs for each in planned.workloads]
    if energy:
        require_one_device(measured, "--energy")
    return Plan(
        pairs=pairs,
        policy=timing_policy(effort, budget_s=budget_s, sessions=len(measured)),
        seed=drawn_seed(seed),
        memory=effort != "quick" if memory is None else memory,
        energy=energy,
    )


def require_one_device(measured: Iterable[Workload], asked: str) -> None:
    """Energy is that of one device.

    Args:
        measured: workloads whose energy is to be measured.
        asked: what asks for it, e.g. ``--energy``.

    Raises:
        UsageError: a workload has several ranks.
    """
    if any(workload.world_size > 1 for workload in measured):
        raise UsageError(f"{asked} reads the energy counter of one device", hint="leave out --world-size")


def drawn_seed(seed: int | None) -> int:
    """The seed that was asked for, or a new one.

    Raises:
        UsageError: more digits than a seed can have.
    """
    if seed is None:
        return secrets.randbits(31)
    if not -(2**63) <= seed < 2**63:
        raise UsageError("--seed does not fit into 64 bits", hint="leave --seed out to draw one")
    return seed


def _image_shape(pair: Pair, size: models.ImageSize | None) -> tuple[int, ...]:
    """One input for both: of a network that limits it, or else of one that says what it was made for."""
    specs = sorted((pair.baseline, pair.candidate), key=_priority)
    return input_shape(specs[0].model, 1, size)[1:]


def _priority(spec: ModelSpec) -> tuple[bool, bool]:
    source = models.source_of(spec.model)
    return source.smallest_image(spec.model) is None, source.published_input(spec.model) is None


def input_shape(name: str, batch_size: int, size: models.ImageSize | None) -> tuple[int, int, int, int]:
    """Shape of the input of model `name`: its own channels, and its own image size unless another is given.

    Raises:
        UsageError: a batch or image size that is not positive or beyond all bounds, or an image too small for
            the network.
    """
    require_batch_size(batch_size)
    source = models.source_of(name)
    channels, *own = input_size(name)
    height, width = own if size is None else models.height_width(size)
    source.check_image_size(name, (height, width))
    if batch_size * channels * height * width > _MAX_ELEMENTS:
        pixels = models.image_size_text((height, width))
        raise UsageError(f"--batch-size {batch_size} at {pixels} is more than any machine holds")
    return (batch_size, channels, height, width)
