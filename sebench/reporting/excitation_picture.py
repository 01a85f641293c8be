"""What gates do on images, as a picture: after Fig. 5 of the paper, a panel per gate; and shares by depth."""

from __future__ import annotations

from collections.abc import Sequence

from sebench.analysis.excitation import ExcitationFound, GateExcitation, drawn_channels, drawn_classes
from sebench.reporting.chart import Axis, Chart, Panel, Picture, Point, Series
from sebench.units import number_of

_MOST_CLASSES = 5
"""Lines of classes that an eye can tell apart; the paper has as many."""
_COLUMNS = 2


def excitation_picture(found: ExcitationFound) -> Picture:
    """A panel per gate with the mean of drawn channels by class, then shares by depth.

    Args:
        found: what to draw.
    """
    excitation, gates = found.excitation, found.gates
    classes = drawn_classes(found, _MOST_CLASSES)
    spec, seen = excitation.spec, number_of(excitation.seen, "image")
    early = f" of {excitation.images}, interrupted" if excitation.interrupted else ""
    panels = (*(_gate_panel(found, gate, classes) for gate in gates), _depth_panel(gates))
    return Picture(
        f"Gates of {spec.model} {spec.variant}",
        f"{seen}{early} in {excitation.folder}",
        panels,
        columns=_COLUMNS,
        notes=(_note(found, classes),),
    )


def _note(found: ExcitationFound, classes: Sequence[int]) -> str:
    present = sum(count > 0 for count in found.class_counts)
    drawn = f"{len(classes)} of {present} classes are drawn. " if len(classes) < present else ""
    return (
        f"{drawn}Channels are drawn uniformly, up to 50 of each gate (seed {found.excitation.seed}); 'all'"
        " is over the images of all classes. The CSV has all channels and classes."
    )


def _gate_panel(found: ExcitationFound, each: GateExcitation, classes: Sequence[int]) -> Panel:
    channels = drawn_channels(found.excitation, each.gate)
    mean = each.moments.mean
    series = [
        Series(
            found.excitation.classes[number],
            "line",
            _line(found.excitation.classes[number], channels, each.moments.means[number].tolist()),
            color,
        )
        for color, number in enumerate(classes)
    ]
    series.append(Series("all", "line", _line("all", channels, mean.tolist())))
    limits = (0.0, 1.0) if each.saturated_low is not None else None
    chart = Chart(
        x=Axis(f"channel, {len(channels)} of {each.gate.channels}"),
        y=Axis("mean of the gate", limits=limits),
        series=tuple(series),
    )
    return Panel(f"{each.gate.path} ({each.gate.stage})", chart)


def _line(name: str, channels: Sequence[int], means: Sequence[float]) -> tuple[Point, ...]:
    return tuple(
        Point(place, means[channel], f"{name}, channel {channel}: {means[channel]:.3f}")
        for place, channel in enumerate(channels)
    )


def _depth_panel(gates: Sequence[GateExcitation]) -> Panel:
    shares = (
        ("class share", "dot", [gate.class_share for gate in gates]),
        ("near 0", "diamond", [gate.saturated_low for gate in gates]),
        ("near 1", "square", [gate.saturated_high for gate in gates]),
    )
    series = tuple(
        Series(
            name,
            mark,  # type: ignore[arg-type]
            tuple(
                Point(place, value, f"{gates[place].gate.path}, {name}: {value:.3f}")
                for place, value in enumerate(values)
                if value is not None
            ),
        )
        for name, mark, values in shares
    )
    chart = Chart(
        x=Axis("gate, in the order of the network", tuple(str(place) for place in range(1, len(gates) + 1))),
        y=Axis("share", limits=(0.0, 1.0)),
        series=series,
    )
    return Panel("Class share and saturation by depth", chart)
