"""The command line that measures the same as a call of `compare`: stored with its result."""

from __future__ import annotations

from collections.abc import Iterator

from sebench.models import names_network
from sebench.schema import WORKLOAD_OPTIONS, Pair, Plan, Workload


def equivalent_command(plan: Plan) -> tuple[str, ...]:
    """Words of the ``sebench compare`` command for a plan of one pair.

    Args:
        plan: as `make_plan` returns it; of two workloads the last is the one that options are about.
    """
    session, policy = plan.sessions[-1], plan.policy
    workload = session.workload
    network = session.pair.candidate
    options = {
        **_pair_options(session.pair),
        **({} if network.num_classes is None else {"--num-classes": network.num_classes}),
        **({} if network.stride_in is None else {"--stride-in": network.stride_in}),
        **dict(_workload_options(workload, with_phase=len(plan.sessions) == 1)),
        "--effort": policy.effort,
        **({"--budget": f"{policy.budget_s:g}"} if policy.hard_budget else {}),
        "--seed": plan.seed,
    }
    memory = () if workload.phase == "inference" else ("--memory" if plan.memory else "--no-memory",)
    energy = ("--energy",) if plan.energy else ()
    return ("sebench", "compare", *(str(word) for item in options.items() for word in item), *memory, *energy)


def _workload_options(workload: Workload, *, with_phase: bool) -> Iterator[tuple[str, object]]:
    """What is always stated, and whatever else is not as usual."""
    for option in WORKLOAD_OPTIONS:
        if option.option is None or (option.is_usual(workload) and not option.always):
            continue
        if option.field != "phase" or with_phase:
            yield option.option, option.argument(workload)


def _pair_options(pair: Pair) -> dict[str, str]:
    baseline, candidate = pair.baseline, pair.candidate
    if baseline.model == candidate.model:
        return {
            "--model": baseline.model,
            "--baseline": baseline.variant,
            "--variant": candidate.variant,
        }
    if names_network(baseline.model) and names_network(candidate.model):
        return {"--baseline": baseline.model, "--candidate": candidate.model}
    if names_network(candidate.model):
        return {
            "--model": baseline.model,
            "--baseline": baseline.variant,
            "--candidate": candidate.model,
        }
    return {"--model": candidate.model, "--baseline": baseline.model, "--variant": candidate.variant}
