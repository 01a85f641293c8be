"""One sentence per change point of a trend, or one that says that there is none."""

from __future__ import annotations

from sebench.reporting.answers import confidence_text, ratio_text
from sebench.reporting.change_rows import subject
from sebench.schema import ChangePoint, Interval, Ratio, Trend, metric_label
from sebench.units import UNKNOWN, format_ratio


def trend_answers(trend: Trend) -> tuple[str, ...]:
    """The newest change point first."""
    what = _subject(trend)
    if trend.change_points:
        newest_first = reversed(trend.change_points)
        return tuple(_change_answer(found, what, exact=trend.exact) for found in newest_first)
    now = _ratio_text(trend.points[-1].ratio, exact=trend.exact) if trend.points else UNKNOWN
    if trend.reason:
        return (f"No change points were sought, {trend.reason}: {what}, now {now}",)
    return (f"No change point in {commits_text(len(trend.points))}: {what}, now {now}",)


def commits_text(count: int) -> str:
    """E.g. ``12 commits``."""
    return f"{count} commit{'' if count == 1 else 's'}"


def level_ratio(level: Interval) -> Ratio:
    """The ratio of a level, as those that are printed."""
    return Ratio(estimate=level.estimate, ci_low=level.ci_low, ci_high=level.ci_high, method="level")


def _subject(trend: Trend) -> str:
    return f"{metric_label(trend.metric)} overhead of {subject(trend.pair)}"


def _change_answer(found: ChangePoint, what: str, *, exact: bool) -> str:
    before, after = (
        _ratio_text(level_ratio(level), exact=exact) for level in (found.level_before, found.level_after)
    )
    verdict = "Both networks changed" if found.verdict == "unchanged" else found.verdict.capitalize()
    change = f"change x{_ratio_text(found.change, exact=exact)}"
    sizes = f"{found.points_before} and {commits_text(found.points_after)}"
    grounds = "" if exact else f", {confidence_text(found.change.confidence)}, {sizes}"
    return (
        f"{verdict} from {found.after} on: {what}: {before} until {found.before}, then {after}; "
        f"{change}{grounds}"
    )


def _ratio_text(ratio: Ratio, *, exact: bool) -> str:
    if ratio.estimate is None:
        return UNKNOWN
    if exact:
        return format_ratio(ratio.estimate)
    return " ".join(part for part in ratio_text(ratio) if part)
