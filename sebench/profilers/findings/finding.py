"""The findings that there are, and how one is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sebench.schema import Environment, Finding, Severity

CODES: dict[str, Severity] = {
    "aslr-off": "warning",
    "container": "info",
    "cpu-quota-fractional": "warning",
    "cpu-throttled": "warning",
    "debug-variables-set": "warning",
    "few-cores": "warning",
    "foreign-distribution": "info",
    "governor-not-performance": "warning",
    "isa-capped": "info",
    "ld-preload": "info",
    "load-high": "warning",
    "low-memory": "warning",
    "numa-nodes": "info",
    "omp-threads-set": "info",
    "psi-cpu-pressure": "warning",
    "psi-memory-pressure": "warning",
    "smt-siblings-shared": "warning",
    "steal-high": "warning",
    "swap-in-use": "info",
    "threads-over-cores": "warning",
    "threads-over-quota": "warning",
    "turbo-on": "info",
    "virtual-machine": "info",
}
"""Every code this module can emit, with its severity."""

_OFF = ("", "0")

Findings = Iterator[Finding]
Check = Callable[[Environment], Findings]
ThreadCheck = Callable[[Environment, int, int], Findings]
"""Environment, threads of the workload per rank, ranks."""


def finding(code: str, message: str, hint: str | None = None) -> Finding:
    """A finding of one of the `CODES`, with its severity."""
    return Finding(code=code, severity=CODES[code], message=message, hint=hint)


def assignments(environment: Environment, names: tuple[str, ...]) -> str:
    """``A=1, B=2`` for those of `names` that are set to something."""
    values: dict[str, Any] = environment.variables
    return ", ".join(f"{name}={values[name]}" for name in names if values.get(name, "") not in _OFF)
