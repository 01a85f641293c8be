"""The command line that measures the same as a call of `compare`: stored with its result."""

from __future__ import annotations

from sebench.models import image_size_text, is_foreign
from sebench.schema import Pair, Plan


def equivalent_command(plan: Plan) -> tuple[str, ...]:
    """Words of the ``sebench compare`` command for a plan of one pair.

    Args:
        plan: as `make_plan` returns it; of two workloads the last is the one that options are about.
    """
    session = plan.sessions[-1]
    workload, policy = session.workload, plan.policy
    height, width = workload.input_shape[-2:]
    options = {
        **_pair_options(session.pair),
        "--device": workload.device,
        **({"--phase": workload.phase} if len(plan.sessions) == 1 else {}),
        "--batch-size": workload.batch_size,
        "--image-size": image_size_text((height, width)),
        "--dtype": workload.dtype,
        "--memory-format": workload.memory_format,
        "--threads": workload.threads,
        "--exec": workload.execution,
        "--optimizer": workload.optimizer,
        "--effort": policy.effort,
        **({"--budget": f"{policy.budget_s:g}"} if policy.hard_budget else {}),
        "--seed": plan.seed,
    }
    memory = () if workload.phase == "inference" else ("--memory" if plan.memory else "--no-memory",)
    return ("sebench", "compare", *(str(word) for item in options.items() for word in item), *memory)


def _pair_options(pair: Pair) -> dict[str, str]:
    baseline, candidate = pair.baseline, pair.candidate
    if baseline.model == candidate.model:
        return {
            "--model": baseline.model,
            "--baseline": baseline.variant,
            "--variant": candidate.variant,
        }
    if is_foreign(baseline.model) and is_foreign(candidate.model):
        return {"--baseline": baseline.model, "--candidate": candidate.model}
    if is_foreign(candidate.model):
        return {
            "--model": baseline.model,
            "--baseline": baseline.variant,
            "--candidate": candidate.model,
        }
    return {"--model": candidate.model, "--baseline": baseline.model, "--variant": candidate.variant}
