"""How long cases will take: from what their effort aims at, and from what earlier ones took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from sebench.runner.planning.plan import timing_policy
from sebench.schema.sweep import Case, CaseOutcome


class Estimate:
    """Seconds that cases take, which gets better with every outcome.

    A case that was measured before takes as long again. Of others it is known what their effort aims at, or
    their budget allows; where cases of that effort and budget took longer or shorter, so will they.

    Args:
        cases: of the sweep.
        outcomes: that are known.
    """

    def __init__(self, cases: Sequence[Case], outcomes: Iterable[CaseOutcome] = ()) -> None:
        self._cases = {case.id: case for case in cases}
        self._took: dict[str, float] = {}
        for outcome in outcomes:
            self.learn(outcome)

    def learn(self, outcome: CaseOutcome) -> None:
        """Take note of an outcome; what failed early says nothing of those that do not."""
        if outcome.status == "done" and outcome.wall_s is not None and outcome.id in self._cases:
            self._took[outcome.id] = outcome.wall_s

    def case_s(self, case: Case) -> float:
        """What one case takes."""
        return self._took[case.id] if case.id in self._took else _aim_s(case) * self._factors()[_kind(case)]

    def whole_s(self, cases: Iterable[Case]) -> float:
        """What several cases take, one after the other."""
        factors = self._factors()
        return sum(
            self._took[case.id] if case.id in self._took else _aim_s(case) * factors[_kind(case)]
            for case in cases
        )

    def _factors(self) -> Mapping[tuple[object, ...], float]:
        """By what is asked for: how much longer cases take than they aim at."""
        known: dict[tuple[object, ...], list[float]] = {_kind(case): [] for case in self._cases.values()}
        for case_id, took_s in self._took.items():
            case = self._cases[case_id]
            known[_kind(case)].append(took_s / _aim_s(case))
        return {kind: median(each) if each else 1.0 for kind, each in known.items()}


def _kind(case: Case) -> tuple[object, ...]:
    return case.effort, case.budget_s, case.request.phase


def _aim_s(case: Case) -> float:
    aim_s = timing_policy(case.effort, budget_s=case.budget_s).budget_s
    return aim_s if case.timeout_s is None else min(aim_s, case.timeout_s)
