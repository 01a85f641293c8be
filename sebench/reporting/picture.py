"""A profile as a picture: time by stage, and each part against the roofline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sebench.lines import single_line
from sebench.reporting.canvas import draw
from sebench.schema import PartProfile, Profile, workload_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PARTS = ("squeeze", "excite", "scale")
# Distinct in print and for the colour-blind (Okabe & Ito 2008).
_COLORS = {"squeeze": "#0072B2", "excite": "#E69F00", "scale": "#009E73"}
_SHORT = {"forward": "fwd", "backward": "bwd"}
_MARKERS = {"forward": "o", "backward": "s"}
_GIGA, _MS = 1e9, 1e3


def render_picture(profile: Profile, picture_format: str) -> bytes:
    """Draw a profile.

    Args:
        profile: what to draw.
        picture_format: ``svg`` or ``png``.

    Raises:
        UsageError: another format, or matplotlib is not installed.
    """

    def paint(figure: Figure) -> None:
        bars, roofline = figure.subplots(1, 2)
        _draw_bars(bars, profile.parts)
        _draw_roofline(roofline, profile)
        spec = profile.pair.candidate
        name = ", ".join((f"{spec.model} {spec.variant}", *workload_words(profile.workload)))
        figure.suptitle(single_line(name))

    return draw(picture_format, (11, 4.5), paint)


def _draw_bars(axes: Axes, parts: Sequence[PartProfile]) -> None:
    labels = sorted(
        {(part.stage, part.phase) for part in parts}, key=lambda key: (key[0], key[1] != "forward")
    )
    bottoms = [0.0] * len(labels)
    for name in _PARTS:
        heights = [
            sum(p.time_s for p in parts if p.part == name and (p.stage, p.phase) == label) * _MS
            for label in labels
        ]
        axes.bar(range(len(labels)), heights, bottom=bottoms, color=_COLORS[name], label=name)
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    axes.set_xticks(range(len(labels)), [f"{stage}\n{_SHORT[phase]}" for stage, phase in labels])
    axes.set_xlabel("stage, pass")
    axes.set_ylabel("ms per step")
    axes.legend()


def _draw_roofline(axes: Axes, profile: Profile) -> None:
    machine = profile.machine
    for part in profile.parts:
        if part.bytes and part.flops and part.time_s:
            axes.plot(
                part.flops / part.bytes,
                part.flops / part.time_s / _GIGA,
                marker=_MARKERS[part.phase],
                color=_COLORS[part.part],
                linestyle="none",
            )
    low, high = 1e-2, 1e3
    ridge = machine.matmul_flops_per_s / machine.copy_bytes_per_s
    corners: list[Any] = [low, ridge, high]
    roof = [min(x * machine.copy_bytes_per_s, machine.matmul_flops_per_s) / _GIGA for x in corners]
    axes.plot(corners, roof, color="black", linewidth=1, label="measured roof")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("FLOP per byte")
    axes.set_ylabel("GFLOP/s")
    axes.legend(title="circles: forward, squares: backward")
