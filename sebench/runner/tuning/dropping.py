"""Which gate of a network to drop first: the network as it is against the same without one, gate by gate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from sebench.analysis.costs import by_site
from sebench.analysis.tuning import interval, rank_ranges
from sebench.errors import UsageError
from sebench.models import PLAIN
from sebench.runner.measuring.context import RunContext
from sebench.runner.planning.plan import make_plan, timing_policy
from sebench.runner.tuning.measuring import (
    Asked,
    Keep,
    Tell,
    forget,
    opened,
    require_time,
    silent,
    too_small,
)
from sebench.schema import (
    NOT_MEASURED,
    TO_BE_MEASURED,
    DropRanking,
    GateCost,
    ModelSpec,
    StaticCost,
    parse_variant,
)
from sebench.schema.attention import WITHOUT
from sebench.schema.gates import gate_word
from sebench.statistics import simultaneous_confidence
from sebench.units import number_of

USUAL_TOP = 8
"""Gates that are measured where neither a number nor a budget is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRequest(Asked):
    """What is asked for."""

    variant: str | None = None
    """The network as it is; None is what it is usually compared with plain as."""
    top: int | None = None
    """How many gates are measured, those with most bytes; None is as many as the budget has time for."""
    dry_run: bool = False
    """Only say what each gate costs exactly."""


def rank_gates(
    request: DropRequest, context: RunContext, keep: Keep = forget, tell: Tell = silent
) -> DropRanking:
    """Rank the gates of a network by what dropping them saves.

    Args:
        request: the network.
        context: what measuring needs.
        keep: told each result.
        tell: told what is measured.

    Raises:
        UsageError: a network or variant that cannot be meant, or one without gates.
        BudgetError: the budget does not cover the gates and the second measurement.
        Interrupted: after Ctrl-C.
    """
    if request.top is not None and request.top < 1:
        raise UsageError(f"--top {request.top} measures nothing", hint="leave it out, or use --dry-run")
    plan = make_plan(
        names=[request.model],
        variants=[] if request.variant is None else [request.variant],
        workload=request.workload,
        effort=request.effort,
        seed=request.seed,
        options=request.options,
        memory=False,
        usual_candidate=context.usual_candidate,
    )
    if request.budget_s is not None:
        timing_policy(request.effort, budget_s=request.budget_s)  # refuses what is no budget
    (planned,) = plan.pairs
    spec, workload = planned.pair.candidate, planned.workloads[0]
    with opened(request, plan, context, keep) as bench:
        gates = sorted(
            _gates(spec, bench.count(spec, workload)), key=lambda gate: (-gate.bytes, -gate.params)
        )
        if not gates:
            raise UsageError(
                f"{spec.model} {spec.variant} has no gates to drop", hint="name a variant that has: -v se"
            )
        number = _measured_at_most(request, len(gates), bench.policy.budget_s)
        share_s = None if request.budget_s is None else request.budget_s / (number + request.confirm)
        what = f"{number_of(number, 'gate')}{', and the first again' if request.confirm else ''}"
        fewer = ", or measure fewer: --top" if number > 1 else ""
        require_time(request, number + request.confirm, what, fewer=fewer)
        found = DropRanking(
            spec=spec,
            workload=workload,
            gates=tuple(gates),
            planned_s=(share_s or bench.policy.budget_s) * (number + request.confirm),
        )
        if request.dry_run:
            return replace(found, gates=_planned(gates, number))
        tell(f"measuring {number} of the {len(gates)} gates of {spec.model} {spec.variant}")
        confidence = simultaneous_confidence(number)
        measured = []
        for index, gate in enumerate(gates[:number]):
            done = bench.measure(
                spec.variant,
                gate.variant,
                budget_s=share_s,
                confidence=confidence,
                place=(index, number),
            )
            if done.out_of_budget and index == 0:
                # nor would it cover the others
                raise too_small(request, 2 * (request.budget_s or 0.0), what, fewer=fewer)
            measured.append(replace(gate, latency=done.latency, reason=done.reason))
        found = replace(found, gates=_ranked(measured, gates[number:]), confidence=confidence)
        first = found.gates[0]
        if not request.confirm or first.ratio is None or first.ratio >= 1:
            return found
        tell(f"measuring {first.path} again, in fresh processes with another seed")
        again = bench.measure(spec.variant, first.variant, seed=bench.other_seed, budget_s=share_s)
        return replace(found, confirmed=again.latency, confirming=again.reason)


def _gates(spec: ModelSpec, cost: StaticCost) -> Iterator[GateCost]:
    variant = parse_variant(spec.variant)
    rows = [row for row in by_site(cost) if row.phase == "forward"]
    for row in rows:
        left_out = WITHOUT.parse("+".join((*variant.without, gate_word(row.key))))
        yield GateCost(
            path=row.key,
            stage=row.stage or "",
            variant=PLAIN if len(rows) == 1 else str(variant.replaced(**{WITHOUT.name: left_out})),
            params=row.params or 0,
            macs=row.macs,
            bytes=row.bytes_read + row.bytes_written,
        )


def _measured_at_most(request: DropRequest, gates: int, each_s: float) -> int:
    wanted = request.top
    if wanted is None and request.budget_s is not None:
        wanted = max(1, int(request.budget_s / each_s) - request.confirm)
    return min(gates, USUAL_TOP if wanted is None else wanted)


def _planned(gates: Sequence[GateCost], number: int) -> tuple[GateCost, ...]:
    """All gates; each says whether it would be measured."""
    return tuple(
        replace(gate, reason=TO_BE_MEASURED if index < number else NOT_MEASURED)
        for index, gate in enumerate(gates)
    )


def _ranked(measured: Sequence[GateCost], others: Sequence[GateCost]) -> tuple[GateCost, ...]:
    """Those measured by their ratio, each with the places that its interval leaves it; then all others."""
    known = sorted(
        (gate for gate in measured if gate.latency is not None), key=lambda gate: gate.ratio or math.inf
    )
    ranges = rank_ranges([interval(gate.latency.ratio) for gate in known if gate.latency is not None])
    failed = [gate for gate in measured if gate.latency is None]
    return (
        *(replace(gate, rank=places) for gate, places in zip(known, ranges, strict=True)),
        *failed,
        *(replace(gate, reason=NOT_MEASURED) for gate in others),
    )
