"""Names and numbers from the command line to a checked `Plan`; nothing is built yet."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from sebench import models
from sebench.errors import UsageError, near_matches
from sebench.runner.planning.files import as_files_ask
from sebench.runner.planning.forms import require_forms
from sebench.runner.planning.inputs import input_shape
from sebench.runner.planning.pairs import (
    UsualCandidate,
    known_candidate,
    make_pairs,
    resolve_spec,
)
from sebench.runner.planning.workloads import image_size, require_runtimes, said_shape, says_input, workloads
from sebench.schema import (
    NO_OPTIONS,
    NOTHING_SAID,
    Effort,
    ModelSpec,
    NetworkOptions,
    Pair,
    PairPlan,
    Plan,
    Runtime,
    TimingPolicy,
    Workload,
    WorkloadRequest,
)

__all__ = ["drawn_seed", "item_shape", "make_plan", "resolve_spec", "shape_said", "timing_policy"]

LONGEST_BUDGET_S = 30 * 86_400
_EFFORTS: dict[Effort, dict[str, Any]] = {
    "quick": {"processes": 1, "min_blocks": 12, "budget_s": 12.0},
    # Hodges-Lehmann of three blocks cannot withstand one spike, of four it can (reports/coverage.md).
    "standard": {"processes": 6, "min_blocks": 4, "budget_s": 40.0},
    "rigorous": {"processes": 12, "min_blocks": 8, "budget_s": 300.0, "warmup_busy_s": 2.0},
}


def timing_policy(effort: Effort, *, budget_s: float | None = None, sessions: int = 1) -> TimingPolicy:
    """The policy of an effort level.

    Args:
        effort: how many processes and blocks to aim at.
        budget_s: seconds of measuring for the whole command, shared evenly by the sessions; a hard limit.
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
    runtimes: Sequence[Runtime] = (),
    seed: int | None = None,
    effort: Effort = "standard",
    budget_s: float | None = None,
    options: NetworkOptions = NO_OPTIONS,
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
        runtimes: instead of that of the workload; each pair is measured in each.
        seed: fixes weights, orders and pauses; None draws one.
        effort: how many processes and blocks to aim at.
        budget_s: seconds of measuring for the whole command, a hard limit; None sets none.
        options: that the networks are built with.
        memory: measure peak memory of training steps; None does, but for quick runs.
        energy: measure energy per step.
        usual_candidate: the variant that a network is compared with its plain self as where none is said.

    Raises:
        UsageError: a name, variant or number that cannot be meant.
    """
    pairs = tuple(
        PairPlan(
            pair=pair,
            workloads=tuple(
                dict.fromkeys(
                    each
                    for runtime in runtimes or (workload.runtime,)
                    for each in workloads(
                        as_files_ask(replace(workload, runtime=runtime), pair), item_shape(pair, workload)
                    )
                )
            ),
        )
        for pair in make_pairs(
            names,
            variants,
            baseline,
            candidate,
            options=options,
            own_inputs=not says_input(workload),
            usual_candidate=lambda spec: usual_candidate(spec, shape_said(spec, workload)),
        )
    )
    for planned in pairs:
        require_runtimes(planned)
        require_forms(planned)
    measured = [each for planned in pairs for each in planned.workloads]
    if energy:
        require_one_device(measured, "--energy")
    return Plan(
        pairs=pairs,
        policy=timing_policy(effort, budget_s=budget_s, sessions=len(measured)),
        seed=drawn_seed(seed),
        budget_shares=len(measured),
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


def item_shape(pair: Pair, request: WorkloadRequest) -> tuple[int, ...]:
    """Shape of one item of the batch, for both networks; nothing where a function makes the inputs.

    It is that of the network that limits it, or else of one that says what it was made for.
    """
    specs = sorted((pair.baseline, pair.candidate), key=_priority)
    shape = shape_said(specs[0], request)[1:]
    for spec in specs[1:]:
        if models.exported_file(spec.model) and shape_said(spec, request)[1:] != shape:
            raise UsageError(
                f"{specs[0].model} takes other inputs than {spec.model}",
                hint="export both for the same input",
            )
    return shape


def shape_said(spec: ModelSpec, request: WorkloadRequest) -> tuple[int, ...]:
    """Shape of the input of a network at batch 1, as somebody says or else as it is made for.

    Raises:
        UsageError: a size that is none, or that the network cannot take.
    """
    return input_shape(spec, size=image_size(request), shape=said_shape(request))


def _priority(spec: ModelSpec) -> tuple[bool, bool, bool]:
    name, source = spec.model, models.source_of(spec.model)
    return not source.is_file, source.smallest_image(name) is None, source.published_input(name) is None
