"""Limits: how they are written on the command line, and which numbers cannot be meant as one."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from sebench.errors import UsageError, near_matches
from sebench.schema import LIMIT_METRICS, METRICS, LimitMetric

LOWEST, HIGHEST = 0.5, 5.0
"""A limit below asks for less than half and is a fraction; one from `HIGHEST` on is a percentage."""
_FORM = "write METRIC:RATIO, e.g. latency:1.05 to allow 5 % more"
_PERCENTAGE = re.compile(r"\+?(\d+(?:[.,]\d+)?) *%")
_COMMA = re.compile(r"\d+,\d+")


class Problem(NamedTuple):
    """Why a number is no limit, and what was meant in its place."""

    message: str
    meant: float | None

    @property
    def hint(self) -> str:
        """The next step."""
        if self.meant is not None:
            return f"did you mean {self.meant:g}?"
        return f"a limit is the largest ratio of new to old, from {LOWEST:g} to below {HIGHEST:g}"


def parse_limit(text: str, *, taken: Sequence[LimitMetric] = LIMIT_METRICS) -> tuple[LimitMetric, float]:
    """``latency:1.05`` as metric and ratio.

    Args:
        text: the metric's name, a colon, and the largest candidate/baseline ratio allowed.
        taken: metrics that an error suggests.

    Raises:
        UsageError: no such metric, or a ratio that cannot be meant; one line.
    """
    name, colon, number = text.partition(":")
    if not colon:
        raise UsageError(f"limit {text!r} has no ratio", hint=_FORM)
    return _metric(name.strip(), text, taken), _ratio(number.strip(), text)


class MetricProblem(NamedTuple):
    """Why a limit cannot be set on a name, and the next step."""

    message: str
    hint: str


def problem_of_metric(name: str, *, taken: Sequence[LimitMetric] = LIMIT_METRICS) -> MetricProblem | None:
    """Why a name is no metric to set a limit on; None where it is one.

    Args:
        name: as written.
        taken: metrics that the next step suggests.
    """
    if name in LIMIT_METRICS:
        return None
    known = f"choose from {', '.join(taken)}"
    if name in METRICS:
        reason = METRICS[name].no_limit
        return MetricProblem(f"{name} takes no limit{f': {reason}' if reason else ''}", known)
    return MetricProblem(f"unknown metric {name!r}", near_matches(name, taken) or known)


def problem_of_ratio(ratio: float) -> Problem | None:
    """What is wrong with a number as a limit; None where it may be meant.

    Args:
        ratio: any number.
    """
    if not (math.isfinite(ratio) and ratio > 0):
        return Problem(f"{ratio:g} is not a positive, finite ratio", None)
    if ratio < LOWEST:
        return Problem(f"{ratio:g} asks for less than half of the old value", _meant(ratio))
    if ratio >= HIGHEST:
        return Problem(f"{ratio:g} allows {ratio:g} times the old value", _meant(ratio))
    return None


def problem_of_text(text: str) -> Problem | None:
    """What is wrong with a percentage or a decimal comma; None for any other text.

    Args:
        text: as written in place of a number.
    """
    if found := _PERCENTAGE.fullmatch(text):
        percent = float(found[1].replace(",", "."))
        return Problem(f"{text!r} is a percentage, and a limit is a ratio", _of_percent(percent))
    if _COMMA.fullmatch(text):
        return Problem(f"{text!r} has a decimal comma", float(text.replace(",", ".")))
    return None


def _metric(name: str, text: str, taken: Sequence[LimitMetric]) -> LimitMetric:
    problem = problem_of_metric(name, taken=taken)
    if problem:
        raise UsageError(f"limit {text!r}: {problem.message}", hint=problem.hint)
    return name


def _ratio(number: str, text: str) -> float:
    problem = problem_of_text(number)
    try:
        ratio = math.nan if problem else float(number)
    except ValueError:
        raise UsageError(f"limit {text!r}: {number!r} is not a number", hint=_FORM) from None
    problem = problem or problem_of_ratio(ratio)
    if problem:
        raise UsageError(f"limit {text!r}: {problem.message}", hint=problem.hint)
    return ratio


def _meant(ratio: float) -> float | None:
    """0.05 and 5 are 5 % more, and 105 is 105 % of what there was."""
    if ratio < LOWEST:
        return 1 + ratio if ratio >= 0.001 else None
    return _of_percent(ratio)


def _of_percent(percent: float) -> float | None:
    meant = 1 + percent / 100 if percent < 100 else percent / 100
    return meant if problem_of_ratio(meant) is None else None
