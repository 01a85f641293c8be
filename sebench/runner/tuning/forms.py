"""Which spelling of a network is fastest: each is measured as a pair with the network as written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from sebench.errors import UsageError
from sebench.models import PLAIN
from sebench.runner.measuring.context import RunContext
from sebench.runner.planning.forms import candidate_forms, in_form, require_form
from sebench.runner.planning.plan import make_plan
from sebench.runner.tuning.measuring import Asked, Bench, Keep, forget, opened, require_time
from sebench.schema import PairPlan, Plan, Workload, parse_variant
from sebench.schema.forms import FormSet, form_named
from sebench.schema.tuning import Candidate, Tuning
from sebench.units import number_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningRequest(Asked):
    """What is asked for."""

    variant: str | None
    """The network as written; None is what it is usually compared with plain as."""
    forms: tuple[str, ...]
    """As in a variant, e.g. ``pooled+fused``; none is every one made for the runtime."""


def tune_forms(request: TuningRequest, context: RunContext, keep: Keep = forget) -> Tuning:
    """Measure spellings of a network.

    Args:
        request: the network and what to try.
        context: what measuring needs.
        keep: told each result.

    Raises:
        UsageError: a network, form or option that cannot be meant.
        BuildError: no form fits the network.
        BudgetError: the budget does not cover all that is measured.
        Interrupted: after Ctrl-C.
    """
    plan = _plan(request, context)
    (against_plain,) = plan.pairs
    written, (workload,) = against_plain.pair.candidate, against_plain.workloads[:1]
    wanted = wanted_forms(request.forms, workload)
    if not wanted:
        raise UsageError(f"there is no form for --runtime {workload.runtime} and --phase {workload.phase}")
    variants = [in_form(written, forms) for forms in wanted]
    is_confirmed = request.confirm and len(variants) > 1
    shares = len(variants) + 1 + is_confirmed
    again = ", and the fastest again" if is_confirmed else ""
    forms = number_of(len(variants), "form")
    require_time(request, shares, f"plain and {forms}{again}", fewer=", or name fewer: --form")
    budget_s = None if request.budget_s is None else request.budget_s / shares
    with opened(request, plan, context, keep) as bench:
        candidates = [
            _candidate(bench, written.variant, variant, budget_s, place=(number, len(variants) + 1))
            for number, variant in enumerate((PLAIN, *variants))
        ]
        candidates[0] = replace(candidates[0], is_spelling=False)
        found = Tuning(spec=written, workload=workload, candidates=tuple(candidates))
        if all(each.latency is None for each in candidates[1:]):
            raise UsageError(f"{written.label}: {candidates[1].reason}")
        if found.fastest is None or not is_confirmed:
            return found
        fastest, seed = found.fastest.variant, bench.other_seed
        confirmed = _candidate(bench, written.variant, fastest, budget_s, seed=seed)
    return replace(found, confirmed=confirmed)


def wanted_forms(texts: Sequence[str], workload: Workload) -> tuple[tuple[str, ...], ...]:
    """Forms to try, by their names; all made for a workload where none is named.

    Args:
        texts: as in a variant, e.g. ``pooled+fused``.
        workload: that they have to go with.

    Raises:
        UsageError: no such form, or one that does not go with the workload.
    """
    wanted = tuple(dict.fromkeys(_read(texts))) or candidate_forms(workload)
    for form in dict.fromkeys(name for forms in wanted for name in forms):
        require_form(form_named(form), workload)  # before anything is measured
    return wanted


def _candidate(
    bench: Bench,
    written: str,
    variant: str,
    budget_s: float | None,
    *,
    seed: int | None = None,
    place: tuple[int, int] = (0, 1),
) -> Candidate:
    """One variant against the network as written; one that cannot be built or run is no candidate."""
    found = bench.measure(written, variant, seed=seed, budget_s=budget_s, place=place)
    rewritten = {} if found.cost is None else dict(found.cost.rewritten)
    return Candidate(variant=variant, latency=found.latency, reason=found.reason, rewritten=rewritten)


def _plan(request: TuningRequest, context: RunContext) -> Plan:
    """The network as written against its plain self, which says what all others are measured on."""
    plan = make_plan(
        names=[request.model],
        variants=[] if request.variant is None else [request.variant],
        workload=request.workload,
        seed=request.seed,
        effort=request.effort,
        budget_s=request.budget_s,
        options=request.options,
        memory=False,
        usual_candidate=context.usual_candidate,
    )
    return replace(plan, pairs=tuple(_in_standard_form(planned) for planned in plan.pairs))


def _in_standard_form(planned: PairPlan) -> PairPlan:
    candidate = planned.pair.candidate
    if parse_variant(candidate.variant).kind is None and not parse_variant(candidate.variant).as_built:
        raise UsageError("the plain network has no gates to spell otherwise", hint="use --variant se")
    candidate = replace(candidate, variant=str(parse_variant(candidate.variant).standard))
    return replace(planned, pair=replace(planned.pair, candidate=candidate))


def _read(forms: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for text in forms:
        names = FormSet().parse("form", text.lower())
        if names:
            yield names
