"""Checks that could not be made, or that could not have failed: said as such, and never a pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from sebench.errors import EXIT_ERROR, EXIT_USAGE, SebenchError
from sebench.schema import Check, CheckKind, OnInconclusive, Ratio, Reason, Value

SAME_CODE, NEW, GONE, CANNOT_FAIL = "same-code", "new-network", "gone-network", "cannot-fail"
UNKNOWN, WRONG_USAGE, ERROR = "unknown-network", "wrong-usage", "error"
EXIT_CODES = {ERROR: EXIT_ERROR, UNKNOWN: EXIT_USAGE, WRONG_USAGE: EXIT_USAGE}
"""Exit code by the reason's code, of what is an error; the first that applies."""
SAID = frozenset({SAME_CODE, NEW, GONE, CANNOT_FAIL, *EXIT_CODES})
"""Codes of reasons that a command says on standard error, too."""

# Inconclusive whatever the code is like; `interval-contains-limit` and `grade-c` are the machine's noise.
_NEVER_DECIDED = frozenset(
    {
        "another-set-up",
        "no-interval",
        "not-enough-processes",
        "sessions-not-calibrated",
        "stored-too-old",
    }
)


class Unjudged(Value, frozen=True, kw_only=True):
    """Limits that nothing is measured for."""

    kind: CheckKind
    model: str
    baseline: str
    """As the report calls it; likewise `candidate`."""
    candidate: str
    limits: tuple[tuple[str, float], ...]
    """Metric and largest ratio allowed."""
    reason: Reason

    def checks(self) -> Iterator[Check]:
        """One per limit, none of them a pass."""
        for metric, limit in self.limits:
            yield Check(
                kind=self.kind,
                model=self.model,
                baseline=self.baseline,
                candidate=self.candidate,
                metric=metric,
                status="not_comparable",
                limit=limit,
                ratio=Ratio(estimate=None, method="none"),
                reason=self.reason,
            )


def error_reason(error: SebenchError, code: str | None = None) -> Reason:
    """An error as the reason of a check.

    Args:
        error: what went wrong.
        code: None is the one that leads to the error's exit code.
    """
    usual = WRONG_USAGE if error.exit_code == EXIT_USAGE else ERROR
    return Reason(code=code or usual, message=error.message, hint=error.hint)


def same_code(label: str) -> Reason:
    """Why a tree is not measured against itself.

    Args:
        label: what the report calls the base.
    """
    return Reason(
        code=SAME_CODE,
        message=f"{label} has exactly the files of this tree: a gate on equal code cannot fail",
        hint="name the commit to compare with, e.g. the branch that the change will be merged into",
    )


def without_free_passes(checks: Iterable[Check], on_inconclusive: OnInconclusive) -> Iterator[Check]:
    """What can only be inconclusive is not let through: a gate that passes whatever the code, holds nothing.

    Args:
        checks: as decided.
        on_inconclusive: what becomes of inconclusive ones.
    """
    for check in checks:
        if on_inconclusive == "pass" and check.status == "inconclusive" and _is_free(check):
            message = f"{check.reason.message}; because inconclusive checks pass, this gate cannot fail"
            hint = "; ".join(filter(None, (check.reason.hint, "or remove --on-inconclusive pass")))
            yield replace(
                check,
                status="not_comparable",
                reason=Reason(code=CANNOT_FAIL, message=message, hint=hint),
            )
        else:
            yield check


def _is_free(check: Check) -> bool:
    return check.reason.code in _NEVER_DECIDED
