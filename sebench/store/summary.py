"""A result to the facts that a listing shows and filters by."""

from __future__ import annotations

from sebench.schema import Environment, Result, ResultSummary, fingerprint


def summarise(result: Result) -> ResultSummary:
    """What is known of a result without opening it; where it is stored is for the store to say."""
    git = result.environment.git
    return ResultSummary(
        id=result.id,
        created_at=result.created_at,
        sebench=result.sebench,
        pair=result.pair,
        workloads=tuple(measurement.workload for measurement in result.measurements),
        fingerprint=fingerprint(result.environment),
        machine=_machine(result.environment),
        commit=_text(git.get("commit")),
        dirty=bool(git["dirty"]) if git.get("dirty") is not None else None,
        branch=_text(git.get("branch")),
        interrupted=any(finding.code == "interrupted" for finding in result.findings),
    )


def _machine(environment: Environment) -> str | None:
    return _text(environment.device.get("name")) or _text(environment.cpu.get("model"))


def _text(fact: object) -> str | None:
    return fact if isinstance(fact, str) and fact else None
