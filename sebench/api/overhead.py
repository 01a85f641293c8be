"""A ratio that knows its uncertainty: ``overhead < 1.10`` holds only where the whole interval lies below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import ClassVar, Literal, TypeGuard

from sebench.errors import UsageError
from sebench.reporting.answers import confidence_text, ratio_text, sizes_text
from sebench.schema import MetricComparison, Ratio
from sebench.statistics import Verdict
from sebench.units import format_ratio

Operator = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One comparison of an overhead with a limit."""

    overhead: Overhead
    operator: Operator
    limit: float
    verdict: Verdict

    def __str__(self) -> str:
        bound = "" if self.operator.startswith("<") else f"{self.operator} "
        return f"{self.overhead!r}: {self.verdict} against {bound}{self.limit:g}"


Watch = Callable[[Judgement], None]


@dataclass(frozen=True, repr=False)
class Overhead:
    """Candidate over baseline in one metric, compared with limits by its confidence interval.

    ``overhead < limit`` is true only if the upper confidence limit is below `limit`, and ``overhead > limit``
    only if the lower one is above it: what is neither is not shown, so both are false. Exact metrics have no
    uncertainty. Two overheads are not ordered, and an overhead equals no number.
    """

    pair: str
    """E.g. ``resnet50: plain -> se``."""
    metric: MetricComparison
    watch: Watch | None = field(default=None, compare=False)
    """Told about every comparison with a limit."""
    __array_ufunc__: ClassVar[None] = None
    """Makes numpy's numbers leave the comparison to this class."""

    @property
    def ratio(self) -> Ratio:
        """Estimate, confidence limits, and how they were arrived at."""
        return self.metric.ratio

    @property
    def estimate(self) -> float:
        """Candidate over baseline, as ``float(overhead)``."""
        assert self.ratio.estimate is not None  # noqa: S101 - `ComparisonResult.overhead` hands out no other
        return self.ratio.estimate

    @property
    def low(self) -> float | None:
        """Lower confidence limit; the estimate itself where it is exact, None without an interval."""
        return self.ratio.ci_low

    @property
    def high(self) -> float | None:
        """Upper confidence limit; the estimate itself where it is exact, None without an interval."""
        return self.ratio.ci_high

    def verdict(self, operator: Operator, limit: float) -> Verdict:
        """What the interval says of, e.g., ``overhead < limit``.

        Args:
            operator: of the comparison.
            limit: a ratio, e.g. 1.10.

        Returns:
            ``passed`` if the interval shows it, ``failed`` if it shows the opposite, else ``inconclusive``.

        Raises:
            UsageError: no such operator.
        """
        low, high = self.ratio.ci_low, self.ratio.ci_high
        if low is None or high is None:
            return "inconclusive"
        shown = {"<": high < limit, "<=": high <= limit, ">": low > limit, ">=": low >= limit}
        if operator not in shown:
            raise UsageError(f"no operator {operator!r}", hint=f"use {', '.join(shown)}")
        if shown[operator]:
            return "passed"
        refuted = low > limit if operator in ("<", "<=") else high < limit
        return "failed" if refuted or self.metric.exact else "inconclusive"

    def __lt__(self, limit: float) -> bool:
        return self._holds("<", limit) if _is_number(limit) else NotImplemented

    def __le__(self, limit: float) -> bool:
        return self._holds("<=", limit) if _is_number(limit) else NotImplemented

    def __gt__(self, limit: float) -> bool:
        return self._holds(">", limit) if _is_number(limit) else NotImplemented

    def __ge__(self, limit: float) -> bool:
        return self._holds(">=", limit) if _is_number(limit) else NotImplemented

    def __float__(self) -> float:
        """The estimate."""
        return self.estimate

    def __format__(self, spec: str) -> str:
        """``f"{overhead:.3f}"`` is the estimate in that form; without a form it is all that is known."""
        return format(self.estimate, spec) if spec else str(self)

    def __repr__(self) -> str:
        ratio, name = self.ratio, f"{self.metric.metric} overhead"
        if self.metric.exact:
            return f"{name} {format_ratio(float(self))} (exact)"
        estimate, interval = ratio_text(ratio)
        if not ratio.blocks:
            return f"{name} {estimate} (no interval, {self.metric.reason})"
        grounds = (
            confidence_text(ratio.confidence) if interval else "no interval",
            *(("within-process",) if ratio.scope == "within-process" else ()),
            sizes_text(ratio),
            f"grade {self.metric.grade}",
        )
        return f"{name} {f'{estimate} {interval}'.rstrip()} ({', '.join(grounds)})"

    def _holds(self, operator: Operator, limit: float) -> bool:
        verdict = self.verdict(operator, limit)
        if self.watch is not None:
            self.watch(Judgement(self, operator, float(limit), verdict))
        return verdict == "passed"


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool)
