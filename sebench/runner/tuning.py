"""Which spelling of a network is fastest: each is measured as a pair with the network as written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from sebench.analysis.comparison import compare
from sebench.errors import Interrupted, SebenchError, UsageError
from sebench.models import PLAIN
from sebench.runner.measuring.context import RunContext
from sebench.runner.measuring.run import run
from sebench.runner.planning.forms import candidate_forms, in_form, require_form
from sebench.runner.planning.plan import make_plan
from sebench.schema import (
    NO_OPTIONS,
    Effort,
    NetworkOptions,
    PairPlan,
    Plan,
    Result,
    WorkloadRequest,
    parse_variant,
)
from sebench.schema.forms import FormSet, form_named
from sebench.schema.tuning import Candidate, Tuning

Keep = Callable[[Result], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningRequest:
    """What is asked for."""

    model: str
    variant: str | None
    """The network as written; None is what it is usually compared with plain as."""
    forms: tuple[str, ...]
    """As in a variant, e.g. ``pooled+fused``; none is every one made for the runtime."""
    workload: WorkloadRequest
    options: NetworkOptions = NO_OPTIONS
    effort: Effort = "standard"
    budget_s: float | None = None
    seed: int | None = None
    confirm: bool = True
    """Whether the fastest is measured again in fresh processes."""


def tune_forms(request: TuningRequest, context: RunContext, keep: Keep = lambda result: None) -> Tuning:
    """Measure spellings of a network.

    Args:
        request: the network and what to try.
        context: what measuring needs.
        keep: told each result.

    Raises:
        UsageError: a network, form or option that cannot be meant.
        BuildError: no form fits the network.
        Interrupted: after Ctrl-C.
    """
    plan = _plan(request, context)
    (against_plain,) = plan.pairs
    written, (workload,) = against_plain.pair.candidate, against_plain.workloads[:1]
    wanted = _asked(request.forms) or candidate_forms(workload)
    if not wanted:
        raise UsageError(f"there is no form for --runtime {workload.runtime} and --phase {workload.phase}")
    for form in dict.fromkeys(name for forms in wanted for name in forms):
        require_form(form_named(form), workload)  # before anything is measured
    variants = [in_form(written, forms) for forms in wanted]
    budget_s = None if request.budget_s is None else request.budget_s / (len(variants) + 1 + request.confirm)
    measure = _Measure(request, context, keep, budget_s)
    candidates = [
        replace(measure(str(written.variant), PLAIN, plan.seed), is_spelling=False),
        *(measure(str(written.variant), variant, plan.seed) for variant in variants),
    ]
    found = Tuning(spec=written, workload=workload, candidates=tuple(candidates))
    if all(each.latency is None for each in candidates[1:]):
        raise UsageError(f"{written.label}: {candidates[1].reason}")
    if found.fastest is None or not request.confirm or len(variants) == 1:
        return found
    return replace(
        found, confirmed=measure(str(written.variant), found.fastest.variant, (plan.seed + 1) % 2**31)
    )


@dataclass(frozen=True, slots=True)
class _Measure:
    request: TuningRequest
    context: RunContext
    keep: Keep
    budget_s: float | None

    def __call__(self, baseline: str, candidate: str, seed: int) -> Candidate:
        """One variant against another; one that cannot be built or run is no error, but no candidate."""
        asked = self.request
        try:
            plan = make_plan(
                names=[asked.model],
                variants=[],
                baseline=baseline,
                candidate=candidate,
                workload=asked.workload,
                effort=asked.effort,
                budget_s=self.budget_s,
                seed=seed,
                options=asked.options,
                memory=False,
            )
            (result,) = run(plan, self.context)
        except (UsageError, Interrupted):
            raise
        except SebenchError as error:
            return Candidate(variant=candidate, reason=str(error))
        if result.has_samples:
            self.keep(result)
        latency = next((each for each in compare(result).metrics if each.metric == "latency"), None)
        if latency is None or latency.status == "unavailable":
            reason = (latency and latency.reason) or "it could not be measured"
            return Candidate(variant=candidate, reason=reason)
        return Candidate(variant=candidate, latency=latency)


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


def _asked(forms: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(dict.fromkeys(_read(forms)))


def _read(forms: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for text in forms:
        names = FormSet().parse("form", text.lower())
        if names:
            yield names
