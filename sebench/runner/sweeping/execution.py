"""One case of a sweep on this machine, and what every way of running many has in common."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from sebench.analysis.comparison import compare
from sebench.analysis.sampled import valid_by_process
from sebench.errors import DeviceError, Interrupted, SebenchError, UsageError
from sebench.lines import single_line
from sebench.runner.measuring.context import RunContext
from sebench.runner.measuring.run import run
from sebench.runner.planning.plan import make_plan
from sebench.runner.planning.workloads import on_this_machine
from sebench.runner.workers.child import time_limit
from sebench.schema import Plan, Result
from sebench.schema.sweep import Case, CaseOutcome, CaseStatus

CANNOT_BE_MEANT = (UsageError, DeviceError)
"""Errors of planning a case: it is skipped, as trying again would not help."""


@dataclass(frozen=True)
class Ran:
    """What an executor says of one case, as soon as it is over."""

    case: Case
    outcome: CaseOutcome
    """``done``, ``failed`` or ``skipped``."""
    result: Result | None
    """Of a case that is done. Not stored yet: the caller stores it, then the outcome."""


class Executor(Protocol):
    """A way to run cases."""

    def __call__(self, cases: Sequence[Case]) -> Iterator[Ran]:
        """Run cases, in whatever order.

        Yields:
            Each case as soon as it is over.

        Raises:
            Interrupted: after Ctrl-C; what was yielded until then stands.
        """


def run_case(case: Case, context: RunContext, plan: Plan | None = None) -> Ran:
    """Measure one case on this machine, in fresh worker processes.

    Args:
        case: what to measure.
        context: what measuring needs.
        plan: of the case, where it was planned already.

    Returns:
        Done with a result; skipped where the case cannot be meant here; failed where it was tried in vain, by
        its time limit or for any other reason.

    Raises:
        Interrupted: after Ctrl-C. No other error leaves it.
    """
    started_s = time.monotonic()
    try:
        plan = plan_case(case) if plan is None else plan
    except CANNOT_BE_MEANT as error:
        return skipped(case, error)
    except SebenchError as error:
        return failed(case, str(error), started_s)
    try:
        with time_limit(case.timeout_s):
            (result,) = run(plan, context)
        reason = _lack(result)
    except Interrupted:
        raise
    except SebenchError as error:
        return failed(case, str(error), started_s)
    except Exception as error:  # noqa: BLE001 - the rest of the sweep goes on
        return failed(case, f"internal error: {type(error).__name__}: {error}", started_s)
    if reason:
        return failed(case, reason, started_s)
    return Ran(case, _outcome(case, "done", started_s=started_s), result)


def skipped(case: Case, error: SebenchError) -> Ran:
    """What is said of a case that cannot be meant on this machine.

    Args:
        case: that was planned.
        error: why it could not be.
    """
    return Ran(case, _outcome(case, "skipped", str(error)), None)


def failed(case: Case, reason: str, started_s: float) -> Ran:
    """What is said of a case that was tried in vain.

    Args:
        case: that was tried.
        reason: why it has no result.
        started_s: when it was begun, on the monotonic clock.
    """
    return Ran(case, _outcome(case, "failed", reason, started_s=started_s), None)


def why_skipped(case: Case) -> str:
    """Why a case cannot be meant on this machine, in one line; empty where it can."""
    try:
        plan_case(case)
    except CANNOT_BE_MEANT as error:
        return single_line(str(error))
    return ""


def _outcome(
    case: Case, status: CaseStatus, reason: str = "", *, started_s: float | None = None
) -> CaseOutcome:
    return CaseOutcome(
        id=case.id,
        status=status,
        reason=single_line(reason),
        machine=platform.node(),
        wall_s=None if started_s is None else time.monotonic() - started_s,
    )


def plan_case(case: Case) -> Plan:
    """The plan of one case, as this machine fills in what was not said.

    Raises:
        UsageError: it cannot be meant, e.g. training in a runtime for inference.
        DeviceError: a device that is not there.
    """
    # One case is one workload: without a phase it is inference on every device.
    request = replace(case.request, phase=case.request.phase or "inference")
    return make_plan(
        names=[case.model],
        variants=[case.variant],
        baseline=case.baseline,
        workload=on_this_machine(request),
        seed=case.seed,
        effort=case.effort,
        budget_s=case.budget_s,
        options=case.options,
    )


def _lack(result: Result) -> str:
    """Why there is no latency; empty where there is."""
    if all(map(valid_by_process, result.measurements)):  # conclusions are drawn where they are shown
        return ""
    latency = next((each for each in compare(result).metrics if each.metric == "latency"), None)
    return (latency and latency.reason) or "nothing was timed"
