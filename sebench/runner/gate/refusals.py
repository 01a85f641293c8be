"""Gates that are refused because they could not fail, could not pass, or would stay undecided."""

from __future__ import annotations

import math
from pathlib import Path

from sebench import models, statistics
from sebench.analysis.sampled import READS
from sebench.configuration import BaseRefSettings, RatioLimits
from sebench.errors import UsageError
from sebench.runner.gate.target import Target
from sebench.runner.planning.plan import timing_policy
from sebench.runner.repository.worktree import repository_root
from sebench.schema import ModelSpec, Noise, Pair


def require_two(pair: Pair, hint: str) -> None:
    """Refuse a network against itself.

    Args:
        pair: to be compared.
        hint: what to name instead.

    Raises:
        UsageError: both are one network, also where its file is spelled in two ways.
    """
    if _same_network(pair.baseline, pair.candidate):
        raise UsageError(
            f"{pair.baseline.model} {pair.baseline.variant} against itself cannot fail",
            hint=hint,
        )


def _same_network(one: ModelSpec, other: ModelSpec) -> bool:
    """Equal, also where the file of a factory is spelled in two ways: ``nets.py`` and ``nets``."""
    file, other_file = (models.source_of(each.model).code_file(each.model) for each in (one, other))
    if file is None or other_file is None or one.variant != other.variant:
        return one == other
    name, other_name = (each.model.rpartition(":")[2] for each in (one, other))
    return name == other_name and file.resolve() == other_file.resolve()


def require_open(pair: Pair, limits: RatioLimits) -> None:
    """Refuse limits that decide nothing: attention is added to the plain network, so it never costs less.

    Args:
        pair: to be compared.
        limits: on their ratios.

    Raises:
        UsageError: nothing could pass, or nothing could fail.
    """
    baseline, candidate = pair.baseline, pair.candidate
    if baseline.model != candidate.model:
        return
    for metric, limit in limits.items():
        if baseline.variant == models.PLAIN and limit < 1:
            raise UsageError(
                f"limit {metric}:{limit:g}: {candidate.variant} never costs less than plain, "
                "so nothing could pass",
                hint=f"did you mean {2 - limit:g}?",
            )
        if candidate.variant == models.PLAIN and limit >= 1:
            raise UsageError(
                f"limit {metric}:{limit:g}: plain never costs more than {baseline.variant}, "
                "so nothing could fail",
                hint="swap --variant and --baseline",
            )


def require_inside(asked: BaseRefSettings) -> None:
    """Refuse a file that has no counterpart at the other commit, where the current directory is there, too.

    Args:
        asked: names the network.

    Raises:
        UsageError: an absolute path, or one out of the repository.
    """
    source = models.source_of(asked.model)
    file = source.code_file(asked.model) if source.named_by_path else None
    if file is None:
        return
    if file.is_absolute() or not file.resolve().is_relative_to(repository_root(Path.cwd())):
        raise UsageError(
            f"--base-ref {asked.ref}: {file} would be the same file at every commit",
            hint="name a file of this repository by its relative path",
        )


def refuse_below_floor(target: Target, known: Noise, planned: int) -> None:
    """Refuse margins that the noise of this machine would leave undecided too often.

    Args:
        target: whose limits are margins.
        known: the calibrated noise.
        planned: fresh processes that will be measured.

    Raises:
        UsageError: names the margin, and how many processes it needs.
    """
    if planned < statistics.MIN_PROCESSES:
        return
    floor = statistics.noise_floor(known.sigma_process, planned)
    for metric, limit in target.limits:
        if metric in READS and 0 < math.log(limit) < floor:
            needed = statistics.needed_processes(known.sigma_process, math.log(limit))
            raise UsageError(
                f"--margin {metric}:{limit:g} is below the noise floor of this machine: {planned} "
                f"processes can hold {math.exp(floor):.4f}, {needed} processes would be needed",
                hint=_way_out(planned, needed),
            )


def _way_out(planned: int, needed: int) -> str:
    most = timing_policy("rigorous").processes
    return "allow a wider margin" + (", or --effort rigorous" if planned < needed <= most else "")
