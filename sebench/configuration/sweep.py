"""A sweep as somebody asks for it: a file of axes, and options that replace some of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta
from msgspec.structs import asdict

from sebench.configuration.decoding import Place, decode, decode_lists, decode_value
from sebench.configuration.loading import read_toml
from sebench.configuration.settings import CaseSettings, Name, Settings
from sebench.errors import ConfigurationError, UsageError
from sebench.schema import (
    ASKED_OPTIONS,
    NETWORK_OPTIONS,
    NO_OPTIONS,
    Effort,
    NetworkOptions,
    WorkloadRequest,
)

NAMES = ("model", "variant", "baseline")
"""Axes of the networks. The others are those of the workload, by the names of its parameters."""
AXES = (*NAMES, *(option.parameter for option in ASKED_OPTIONS))
"""All axes, in the order in which a matrix is run through: the last one changes fastest."""

Positive = Annotated[float, Meta(gt=0)]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class CaseKeys(WorkloadRequest, frozen=True, kw_only=True, rename="kebab"):
    """Keys of ``[axes]``, and of the entries of ``[[include]]`` and ``[[exclude]]``."""

    model: Name | None = None
    variant: Name | None = None
    baseline: Name | None = None


class MeasureSettings(Settings, frozen=True, kw_only=True):
    """``[measure]``: how hard each case is measured."""

    effort: Effort | None = None
    budget: Positive | None = None
    """Seconds of measuring of one case, a hard limit."""
    timeout: Positive | None = None
    """Seconds that one case may take in all."""
    seed: Seed | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """The values of one axis, and who named them."""

    values: tuple[Any, ...]
    place: str
    """E.g. ``nightly.toml: [axes] batch-size:`` or ``--batch-size:``."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of ``[[include]]`` or ``[[exclude]]``: values by axis."""

    values: Mapping[str, tuple[Any, ...]]
    place: str


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """What a sweep is to measure, before any name in it is looked up."""

    axes: Mapping[str, Axis] = field(default_factory=dict)
    include: tuple[Entry, ...] = ()
    exclude: tuple[Entry, ...] = ()
    options: NetworkOptions = NO_OPTIONS
    measure: MeasureSettings = field(default_factory=MeasureSettings)

    def updated(
        self, axes: Mapping[str, Axis], options: NetworkOptions, measure: Mapping[str, object]
    ) -> SweepSettings:
        """With axes, options and settings that were said besides, which replace those of the same name.

        Args:
            axes: by name.
            options: of networks; what is not said there stays.
            measure: fields of `MeasureSettings`; None stays as it was.
        """
        said = {name: value for name, value in asdict(options).items() if value}
        kept = {name: value for name, value in measure.items() if value is not None}
        return replace(
            self,
            axes={**self.axes, **axes},
            options=NetworkOptions(**{**asdict(self.options), **said}),
            measure=MeasureSettings(**{**asdict(self.measure), **kept}),
        )


def load_sweep(path: Path) -> SweepSettings:
    """Read a sweep file (docs/sweeps.md has the grammar).

    Raises:
        ConfigurationError: it cannot be read, an unknown table, axis or key, or a value that cannot be meant;
            says file, table and key.
    """
    table, place = read_toml(path, Path.cwd()), Place(file=str(path))
    tables = ("axes", "network", "measure", "include", "exclude")
    place.refuse_unknown(table, tables)
    axes, where = table.get("axes", {}), Place(file=str(path), key="axes")
    network = Place(file=str(path), key="network")
    if isinstance(table.get("network"), dict):
        network.inside().refuse_unknown(
            table["network"], map(axis_key, (each.field for each in NETWORK_OPTIONS))
        )
    return SweepSettings(
        axes={
            name: Axis(values, str(replace(where.inside(), key=axis_key(name))))
            for name, values in decode_lists(axes, CaseKeys, where).items()
        },
        include=_entries(table, "include", path),
        exclude=_entries(table, "exclude", path),
        options=decode(table.get("network", {}), CaseSettings, network).network,
        measure=decode(table.get("measure", {}), MeasureSettings, Place(file=str(path), key="measure")),
    )


def said_axis(name: str, values: Iterable[object], option: str) -> Axis:
    """An axis from a command line or a call.

    Args:
        name: of the axis.
        values: at least one.
        option: that says them, for messages.

    Raises:
        UsageError: a value that cannot be meant.
    """
    place = Place(file=option)
    try:
        return Axis(tuple(decode_value(value, CaseKeys, name, place) for value in values), str(place))
    except ConfigurationError as error:
        raise UsageError(error.message, hint=error.hint) from None


def said_measure(values: Mapping[str, object]) -> dict[str, object]:
    """Settings from a command line or a call: fields of `MeasureSettings`; None is not said.

    Raises:
        UsageError: a value that cannot be meant.
    """
    for name, value in values.items():
        try:
            if value is not None:
                decode_value(value, MeasureSettings, name, Place(file=f"--{name}"))
        except ConfigurationError as error:
            raise UsageError(error.message, hint=error.hint) from None
    return dict(values)


def axis_key(name: str) -> str:
    """What an axis is called in a file."""
    return name.replace("_", "-")


def _entries(table: Mapping[str, Any], key: str, path: Path) -> tuple[Entry, ...]:
    place = Place(file=str(path), key=key)
    entries: Sequence[object] = place.expect(table.get(key, []), list)
    found = []
    for number, entry in enumerate(entries, 1):
        where = place.item(number)
        values = decode_lists(entry, CaseKeys, where)
        if not values:
            where.inside().refuse("is empty", hint="name the keys of a case, e.g. model")
        if key == "include" and (many := next((name for name in values if len(values[name]) > 1), None)):
            replace(where.inside(), key=axis_key(many)).refuse(
                "has several values", hint="one entry includes one case"
            )
        found.append(Entry(values, str(where.inside())))
    return tuple(found)
