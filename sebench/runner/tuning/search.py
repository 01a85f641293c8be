"""Variants within limits: counted first, then measured in rounds that halve them, and the best once more."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, get_args

from msgspec.structs import replace

from sebench import models
from sebench.analysis.tuning import (
    FINALISTS,
    best,
    broken_limit,
    exact_cost,
    pareto_set,
    survivors,
    verdict,
)
from sebench.errors import Interrupted, SebenchError, UsageError, VariantError, near_matches
from sebench.models import PLAIN
from sebench.runner.measuring.context import RunContext
from sebench.runner.planning.plan import make_plan, resolve_spec, timing_policy
from sebench.runner.planning.workloads import says_input
from sebench.runner.tuning.forms import wanted_forms
from sebench.runner.tuning.measuring import (
    LEAST_S,
    Asked,
    Bench,
    Keep,
    Tell,
    forget,
    opened,
    require_time,
    silent,
    too_small,
)
from sebench.runner.tuning.space import Axes, require_axes, search_variants
from sebench.schema import (
    EXACT_METRICS,
    ExactCost,
    Limit,
    ModelSpec,
    Preference,
    Search,
    SearchCandidate,
    SearchRound,
    StaticCost,
    TimingPolicy,
    Workload,
    network_words,
)
from sebench.statistics import simultaneous_confidence
from sebench.units import number_of

SEARCHED_METRICS: tuple[str, ...] = ("latency", *EXACT_METRICS)
"""Those that a search takes a limit on."""
_SCREENING_BLOCKS = 6
"""The fewest that give an interval of 95 % within one process."""
_SCREENING_SHARE = 12
"""A first look takes this part of a full measurement, but no less than `LEAST_S`."""


_FEWER = ", or try fewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest(Asked):
    """What is asked for."""

    axes: Axes
    limits: tuple[Limit, ...]
    prefer: Preference = "attention"
    dry_run: bool = False
    """Only say which candidates there are, what they cost exactly, and how long a search takes."""


def search(request: SearchRequest, context: RunContext, keep: Keep = forget, tell: Tell = silent) -> Search:
    """Find the best variant of a network within limits.

    Args:
        request: the network, what to try, and the limits.
        context: what measuring needs.
        keep: told each result.
        tell: told of each round.

    Raises:
        UsageError: a network, option or limit that cannot be meant, or none of whose variants can be built.
        BudgetError: the budget does not cover all rounds and the second measurement.
        Interrupted: after Ctrl-C.
    """
    require_searched(request.limits)
    _require_preference(request.prefer)
    first, *_ = require_axes(request.axes)
    plan = make_plan(
        names=[request.model],
        variants=[],
        baseline=PLAIN,
        candidate=first.name,
        workload=request.workload,
        effort=request.effort,
        seed=request.seed,
        options=request.options,
        memory=False,
    )
    if request.budget_s is not None:
        timing_policy(request.effort, budget_s=request.budget_s)  # refuses what is no budget
    (planned,) = plan.pairs
    workload, axes = planned.workloads[0], request.axes
    forms = wanted_forms(axes.forms, workload) if axes.forms or axes.all_forms else ()
    with opened(request, plan, context, keep) as bench:
        stages = stages_in(bench.count(planned.pair.candidate, workload))
        variants = search_variants(axes, stages, forms, planned.pair.candidate)
        tell(f"counting {number_of(len(variants), 'variant')} of {request.model}")
        plain = exact_cost(bench.count(planned.pair.baseline, workload))
        candidates = _counted(bench, request, variants, workload, plain)
        within = [each for each in candidates if each.fate == "listed"]
        rounds = planned_rounds(len(within), bench.policy)
        found = Search(
            spec=planned.pair.baseline,
            workload=workload,
            plain=plain,
            limits=request.limits,
            prefer=request.prefer,
            candidates=candidates,
            planned=rounds,
            planned_s=planned_seconds(rounds, bench.policy, confirm=request.confirm),
            is_published=_is_published(planned.pair.baseline, workload),
        )
        if not within:
            return found
        require_covered(rounds, request)
        if request.dry_run:
            return replace(found, planned_s=request.budget_s or found.planned_s)
        return _Rounds(bench, request, found, tell).run(within)


def _require_preference(prefer: str) -> None:
    known = get_args(Preference)
    if prefer not in known:
        hint = near_matches(prefer, known) or f"choose from {', '.join(known)}"
        raise UsageError(f"no preference {prefer!r}", hint=hint)


def require_searched(limits: Sequence[Limit]) -> None:
    """Refuse limits that no search holds, and two on one metric.

    Raises:
        UsageError: one line.
    """
    if not limits:
        raise UsageError("a search needs a limit", hint="add --max-overhead latency:1.02, or params:1.04")
    seen = set()
    for limit in limits:
        if limit.metric not in SEARCHED_METRICS:
            raise UsageError(
                f"--max-overhead {limit}: tune searches by {', '.join(SEARCHED_METRICS)}",
                hint="check one variant against other limits with `sebench check`",
            )
        if limit.metric in seen:
            raise UsageError(f"--max-overhead {limit}: there is another limit on {limit.metric}")
        seen.add(limit.metric)


def stages_in(cost: StaticCost) -> tuple[int, ...]:
    """Stages in which a counted network has attention, in the paper's numbering, ascending."""
    found = set()
    for site in cost.sites:
        stride = re.fullmatch(r"stride (\d+)", site.stage)
        if stride:
            found.add(round(math.log2(int(stride[1]))))
        elif site.stage.isdecimal():
            found.add(int(site.stage))
    return tuple(sorted(found))


def planned_rounds(candidates: int, policy: TimingPolicy) -> tuple[SearchRound, ...]:
    """The rounds of a search: half as many candidates each time, twice as long for each; then a full look.

    Args:
        candidates: that are measured at first.
        policy: of the last round.
    """
    found: list[SearchRound] = []
    while candidates > FINALISTS:
        found.append(_screening(candidates, len(found), policy))
        candidates = max(FINALISTS, math.ceil(candidates / 2))
    return (*found, _last(candidates, policy)) if candidates else ()


def planned_seconds(rounds: Sequence[SearchRound], policy: TimingPolicy, *, confirm: bool) -> float:
    """What rounds take in all, with a second measurement of the best."""
    if not rounds:
        return 0.0
    return sum(each.candidates * each.each_s for each in rounds) + confirm * policy.budget_s


def require_covered(rounds: Sequence[SearchRound], asked: Asked) -> None:
    """Refuse a budget that does not cover all rounds and the second measurement, before any is begun.

    Args:
        rounds: that are planned.
        asked: says the budget, and whether the best is measured again.

    Raises:
        BudgetError: one line.
    """
    require_time(asked, _measurements(rounds, asked), _measured_in(rounds, asked), fewer=_FEWER)


def _measurements(rounds: Sequence[SearchRound], asked: Asked) -> int:
    return sum(each.candidates for each in rounds) + asked.confirm


def _measured_in(rounds: Sequence[SearchRound], asked: Asked) -> str:
    what = number_of(rounds[0].candidates, "candidate")
    what += f" in {len(rounds)} rounds" if len(rounds) > 1 else ""
    return what + (", and the best again" if asked.confirm else "")


def _screening(candidates: int, number: int, policy: TimingPolicy) -> SearchRound:
    first_s = max(LEAST_S, policy.budget_s / _SCREENING_SHARE)
    return SearchRound(
        candidates=candidates,
        processes=1,
        blocks=_SCREENING_BLOCKS << number,
        each_s=min(first_s * 2**number, policy.budget_s),
    )


def _last(candidates: int, policy: TimingPolicy) -> SearchRound:
    return SearchRound(
        candidates=candidates,
        processes=policy.processes,
        blocks=policy.min_blocks,
        each_s=policy.budget_s,
        is_last=True,
    )


def _is_published(spec: ModelSpec, workload: Workload) -> bool:
    """Whether what the paper prints is about this network, at this input."""
    source = models.source_of(spec.model)
    if not source.has_published_figures or network_words(spec):
        return False
    return workload.input_shape[1:] == source.input_size(spec.model)


# --- exact costs ----------------------------------------------------------------------------------------


def _counted(
    bench: Bench, request: SearchRequest, variants: Sequence[str], workload: Workload, plain: ExactCost
) -> tuple[SearchCandidate, ...]:
    """All candidates with what they cost exactly, the cheapest first.

    Raises:
        SebenchError: None can be built and counted; says why of the first.
    """
    own_inputs = not says_input(request.workload)
    known: dict[str, list[tuple[str, StaticCost]]] = {}
    found: list[SearchCandidate] = []
    errors: list[SebenchError] = []
    for variant in variants:
        try:
            spec = resolve_spec(request.model, variant, request.options, own_inputs=own_inputs)
            counted = bench.count(spec, workload)
        except Interrupted:
            raise
        except SebenchError as error:
            errors.append(error)
            found.append(SearchCandidate(variant=variant, fate="failed", reason=_without_variant(error)))
            continue
        alike = known.setdefault(_but_ratio(spec.variant), [])
        twin = next((name for name, other in alike if other == counted), None)
        alike.append((spec.variant, counted))
        found.append(_judged(spec.variant, exact_cost(counted), twin, plain, request.limits))
    if len(errors) == len(found):
        raise errors[0]
    return tuple(sorted(found, key=_by_cost))


def _by_cost(candidate: SearchCandidate) -> tuple[bool, int, int]:
    cost = candidate.cost
    return (cost is None, cost.bytes if cost else 0, cost.params if cost else 0)


def _judged(
    variant: str, cost: ExactCost, twin: str | None, plain: ExactCost, limits: Sequence[Limit]
) -> SearchCandidate:
    """A candidate by its exact cost."""
    if twin is not None:
        return SearchCandidate(variant=variant, fate="same", cost=cost, reason=f"the same network as {twin}")
    broken = broken_limit(cost, plain, limits)
    if broken is None:
        return SearchCandidate(variant=variant, fate="listed", cost=cost)
    reason = f"{broken.metric} {cost.ratio(broken.metric, plain):.4f}, above {broken.ratio:g}"
    return SearchCandidate(variant=variant, fate="over", cost=cost, reason=reason)


def _but_ratio(variant: str) -> str:
    """What variants have in common that may be one network: all but r, as few channels leave h = 1."""
    return re.sub(r"\br=\d+,?", "", variant).replace("()", "")


def _without_variant(error: SebenchError) -> str:
    """What is wrong; the row says with which variant."""
    if isinstance(error, VariantError):
        return error.message.partition("': ")[2] or error.message
    return str(error)


def _needed_s(planned: SearchRound, scale: float) -> float:
    """What a look of a screening round has of a hard budget, `scale` times what is planned."""
    return max(planned.each_s * scale, LEAST_S)


# --- rounds ---------------------------------------------------------------------------------------------


class _Rounds:
    """Measures the candidates of a search in rounds."""

    def __init__(self, bench: Bench, request: SearchRequest, found: Search, tell: Tell) -> None:
        self._bench, self._request, self._found, self._tell = bench, request, found, tell
        self._limit = next((each.ratio for each in request.limits if each.metric == "latency"), None)
        self._left: dict[str, SearchCandidate] = {}

    def run(self, within: Sequence[SearchCandidate]) -> Search:
        """All rounds.

        Raises:
            BudgetError: this machine is so slow that the budget does not cover them.
        """
        active, number, prefer = list(within), 0, self._request.prefer
        while len(active) > FINALISTS:
            active = self._round(active, _screening(len(active), number, self._bench.policy), number + 1)
            halved = survivors(active, self._limit, prefer, number=number + 1)
            self._leave(halved.left)
            active, number = list(halved.kept), number + 1
        confidence = simultaneous_confidence(max(1, len(active)))
        last = _last(len(active), self._bench.policy)
        finalists = [
            replace(each, fate="finalist")
            for each in self._round(active, last, number + 1, confidence=confidence)
        ]
        self._leave(finalists)
        winner = best(finalists, self._limit, prefer)
        found = replace(
            self._found,
            candidates=tuple(self._left.get(each.variant, each) for each in self._found.candidates),
            confidence=confidence,
            pareto=pareto_set(finalists),
            winner=None if winner is None else winner.variant,
        )
        return found if winner is None else self._confirmed(found, winner)

    def _round(
        self,
        candidates: Sequence[SearchCandidate],
        planned: SearchRound,
        number: int,
        *,
        confidence: float | None = None,
    ) -> list[SearchCandidate]:
        """Those that could be measured, with their ratio; the others have left."""
        which = "last round" if planned.is_last else f"round {number}"
        share_s = self._share_s(planned)
        takes = f"about {share_s or planned.each_s:.0f} s"
        each_takes = f"{takes} each" if len(candidates) > 1 else takes
        self._tell(f"{which}: {number_of(len(candidates), 'candidate')}, {each_takes}")
        measured, failed, spent = [], [], 0
        for index, each in enumerate(candidates):
            policy = replace(
                self._bench.policy,
                processes=planned.processes,
                min_blocks=planned.blocks,
                budget_s=planned.each_s,
            )
            found = self._bench.measure(
                PLAIN,
                each.variant,
                policy=policy,
                budget_s=share_s,
                confidence=confidence,
                place=(index, len(candidates)),
            )
            if found.out_of_budget and number == 1 and index == 0:
                self._refuse()  # nor would it cover the others
            spent += found.out_of_budget
            done = replace(each, rounds=number, latency=found.latency)
            if found.latency is None:
                failed.append(replace(done, fate="failed", reason=found.reason))
            else:
                measured.append(done)
        if candidates and spent == len(candidates):
            self._refuse()
        self._leave(failed)
        return measured

    def _refuse(self) -> NoReturn:
        asked = self._request
        what = _measured_in(self._found.planned, asked)
        raise too_small(asked, 2 * (asked.budget_s or 0.0), what, fewer=_FEWER)

    def _confirmed(self, found: Search, winner: SearchCandidate) -> Search:
        told = winner.latency
        confirmed, reason = None, ""
        if self._request.confirm:
            self._tell(f"measuring {winner.variant} again, in fresh processes with another seed")
            again = self._bench.measure(
                PLAIN,
                winner.variant,
                seed=self._bench.other_seed,
                budget_s=self._share_s(self._found.planned[-1]),
            )
            confirmed, reason = again.latency, again.reason
            if not again.out_of_budget:  # else it is left out, as with confirm=False
                told = confirmed
        decided = None
        if self._limit is not None:
            decided = "undecided" if told is None else verdict(told, self._limit)
        return replace(found, confirmed=confirmed, confirming=reason, verdict=decided)

    def _leave(self, candidates: Sequence[SearchCandidate]) -> None:
        self._left |= {each.variant: each for each in candidates}

    def _share_s(self, planned: SearchRound) -> float | None:
        """What each candidate of a round has of the budget; None without one.

        Screening rounds have what they need, and the last one and the second measurement the rest; where that
        would leave them too little, all measurements have the same.
        """
        budget_s = self._request.budget_s
        if budget_s is None:
            return None
        scale = budget_s / self._found.planned_s
        *screening, last = self._found.planned
        needed_s = sum(each.candidates * _needed_s(each, scale) for each in screening)
        rest_s = (budget_s - needed_s) / (last.candidates + self._request.confirm)
        if rest_s < LEAST_S:
            return budget_s / _measurements(self._found.planned, self._request)
        return rest_s if planned.is_last else _needed_s(planned, scale)
