"""A profile as a picture (time by stage and site, and the roofline), and a metric over commits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from sebench.reporting.answers import confidence_text, ratio_text
from sebench.reporting.change_rows import pair_name
from sebench.reporting.chart import Axis, Chart, Level, Mark, Panel, Picture, Point, Series
from sebench.reporting.comparison import workload_text
from sebench.schema import (
    PartProfile,
    Profile,
    Trend,
    TrendPoint,
    metric_label,
    parse_variant,
    workload_words,
)

_SHORT = {"forward": "fwd", "backward": "bwd"}
_MARKS: dict[str, Mark] = {"forward": "dot", "backward": "square"}
_GIGA, _MS = 1e9, 1e3
_INTENSITIES = (1e-2, 1e3)
"""FLOP per byte at the ends of the roofline."""
_BARS_NOTE = "Time under the profiler, summed over the sites of a stage; one process, no intervals."
_SITES_NOTE = "Time under the profiler. The table by site has the paths in the same order."
_ROOF_NOTE = (
    "Line: what a copy and a matrix product reach on this machine. A mark on it is bound by memory where the "
    "line rises, by arithmetic where it is level."
)


def profile_picture(profiles: Sequence[Profile]) -> Picture:
    """Per profile its time by stage and pass, its time by site, and the roofline.

    Args:
        profiles: what to draw, at least one.
    """
    names = [_name(profile) for profile in profiles]
    places = list(dict.fromkeys(", ".join(workload_words(profile.workload)) for profile in profiles))
    heads = [""] if len(profiles) == 1 else [f"{name}: " for name in names]
    panels = [
        panel
        for head, profile in zip(heads, profiles, strict=True)
        for panel in (
            Panel(f"{head}Time by stage", _time_chart(profile), (_BARS_NOTE,)),
            *((Panel(f"{head}Time by site", _site_chart(profile), (_SITES_NOTE,)),) if profile.sites else ()),
            Panel(f"{head}Roofline", _roofline(profile), (_ROOF_NOTE,)),
        )
    ]
    subject = names[0] if len(profiles) == 1 else f"{len(profiles)} pairs"
    return Picture(f"Where the time of {subject} goes", "; ".join(places), tuple(panels))


def _name(profile: Profile) -> str:
    return f"{profile.pair.candidate.model} {profile.pair.candidate.variant}"


def _part_names(profile: Profile) -> tuple[str, ...]:
    """Parts in the order in which they are drawn: those of the candidate's attention, then any others."""
    known = (part.name for part in parse_variant(profile.pair.candidate.variant).parts)
    return tuple(dict.fromkeys((*known, *(row.part for row in profile.parts))))


def _site_chart(profile: Profile) -> Chart:
    sites = list(dict.fromkeys(row.site for row in profile.sites))
    passes = list(dict.fromkeys(row.phase for row in profile.sites))
    return Chart(
        x=Axis("site, in the order of the network", tuple(str(place) for place in range(1, len(sites) + 1))),
        y=Axis("ms per step", from_zero=True),
        series=tuple(
            Series(
                phase if len(passes) > 1 else "all parts",
                "bar",
                tuple(
                    Point(
                        sites.index(row.site),
                        row.time_s * _MS,
                        f"{row.site} ({row.stage}), {phase}: {row.time_s * _MS:.3f} ms",
                    )
                    for row in profile.sites
                    if row.phase == phase
                ),
                color,
            )
            for color, phase in enumerate(passes)
        ),
        stacked=True,
    )


def _time_chart(profile: Profile) -> Chart:
    parts = profile.parts
    stages = list(dict.fromkeys(part.stage for part in parts))
    places = sorted(
        {(part.stage, part.phase) for part in parts},
        key=lambda key: (stages.index(key[0]), key[1] != "forward"),
    )
    return Chart(
        x=Axis("stage, pass", tuple(f"{stage}\n{_SHORT[phase]}" for stage, phase in places)),
        y=Axis("ms per step", from_zero=True),
        series=tuple(
            Series(name, "bar", tuple(_times(name, parts, places)), color)
            for color, name in enumerate(_part_names(profile))
        ),
        stacked=True,
    )


def _times(name: str, parts: Sequence[PartProfile], places: Sequence[tuple[str, str]]) -> Iterator[Point]:
    for place, key in enumerate(places):
        own = [part.time_s for part in parts if part.part == name and (part.stage, part.phase) == key]
        if own:
            time_ms = sum(own) * _MS
            yield Point(place, time_ms, f"{name}, stage {key[0]}, {key[1]}: {time_ms:.3f} ms")


def _roofline(profile: Profile) -> Chart:
    machine = profile.machine
    low, high = _INTENSITIES
    ridge = min(max(machine.matmul_flops_per_s / machine.copy_bytes_per_s, low), high)
    roof = tuple(
        Point(at, min(at * machine.copy_bytes_per_s, machine.matmul_flops_per_s) / _GIGA, "measured roof")
        for at in (low, ridge, high)
    )
    phases = list(dict.fromkeys(part.phase for part in profile.parts))
    return Chart(
        x=Axis("FLOP per byte", log=True),
        y=Axis("GFLOP/s", log=True),
        series=(
            Series("measured roof", "line", roof),
            *(
                Series(
                    f"{name}, {phase}" if len(phases) > 1 else name,
                    _MARKS[phase],
                    tuple(_achieved(name, phase, profile.parts)),
                    color,
                )
                for phase in phases
                for color, name in enumerate(_part_names(profile))
            ),
        ),
    )


def _achieved(name: str, phase: str, parts: Sequence[PartProfile]) -> Iterator[Point]:
    for part in parts:
        if (part.part, part.phase) == (name, phase) and part.bytes and part.flops and part.time_s:
            x, y = part.flops / part.bytes, part.flops / part.time_s / _GIGA
            label = f"{name}, stage {part.stage}, {phase}: {x:.3g} FLOP per byte, {y:.3g} GFLOP/s"
            yield Point(x, y, label)


_POINTS, _LEVELS = 0, 2
"""Colours."""


def trend_picture(trend: Trend) -> Picture:
    """Ratio by commit with intervals, levels and change points.

    Args:
        trend: what to draw.
    """
    sizes = {trend.workload.input_shape} if trend.workload else set()
    name = "ratio" if trend.exact else "ratio, with its interval where there is one"
    points = tuple(_points(trend))
    levels = tuple(
        Series("level", "line", tuple(Point(x, level, f"level {level:.4f}") for x in ends), _LEVELS)
        for *ends, level in _levels(trend)
    )
    chart = Chart(
        x=Axis("commit, by date of measurement", tuple(point.label for point in trend.points)),
        y=Axis("candidate / baseline"),
        series=(Series(name, "dot", points, _POINTS), *levels),
        levels=tuple(
            Level(found.index - 0.5, "change point", dashed=True, on="x") for found in trend.change_points
        ),
    )
    return Picture(
        f"{pair_name(trend.pair)}, {metric_label(trend.metric)}",
        workload_text(trend.workload, sizes),
        (Panel("", chart, tuple(_notes(trend))),),
    )


def _points(trend: Trend) -> Iterator[Point]:
    for place, point in enumerate(trend.points):
        estimate = point.ratio.estimate
        ends = (None, None) if trend.exact else (point.ratio.ci_low, point.ratio.ci_high)
        if estimate is not None and math.isfinite(estimate):
            yield Point(place, estimate, _label(point), low=ends[0], high=ends[1])


def _label(point: TrendPoint) -> str:
    return f"{point.label}: {' '.join(part for part in ratio_text(point.ratio) if part)}"


def _notes(trend: Trend) -> Iterator[str]:
    confidences = {point.ratio.confidence for point in trend.points if point.ratio.ci_low is not None}
    if trend.exact:
        yield "Exact figures: there are no intervals."
    elif confidences:
        shown = " or ".join(map(confidence_text, sorted(confidences)))
        yield f"Bar: {shown} confidence interval of the ratio, over the processes of a commit's results."


def _levels(trend: Trend) -> Iterator[tuple[float, float, float]]:
    """Where each level begins and ends, and its ratio; nothing where no change was found."""
    found = trend.change_points
    if not found:
        return
    bounds = (0, *(change.index for change in found), len(trend.points))
    levels = (found[0].level_before, *(change.level_after for change in found))
    for (start, end), level in zip(pairwise(bounds), levels, strict=True):
        if level.estimate is not None:
            yield start - 0.4, end - 0.6, level.estimate
