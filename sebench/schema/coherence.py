"""Whether the parts of a stored result fit each other: what types and ranges cannot say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sebench.schema.measurements import Block, EnergyBlock, ProcessRun, Result

FIRST_YEAR, LAST_YEAR = 2000, 2199
_DEEPEST = 16
_LETTERS = {"baseline": "A", "candidate": "B"}
_BOTH = set(_LETTERS)


def moment(text: str) -> datetime:
    """A time as values hold it, in UTC; UTC too where it names no zone.

    Raises:
        ValueError: no time, or none at which anything was measured.
    """
    try:
        read = datetime.fromisoformat(text)
        found = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time") from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"{text!r} is not between the years {FIRST_YEAR} and {LAST_YEAR}")
    return found


def require_coherence(result: Result) -> None:
    """Refuse a result that nothing could have measured.

    Raises:
        ValueError: says what does not fit, and where.
    """
    moment(result.created_at)
    for complaint in _complaints(result):
        raise ValueError(complaint)


def _complaints(result: Result) -> Iterator[str]:
    for i, measurement in enumerate(result.measurements):
        for j, run in enumerate(measurement.processes):
            yield from _of_run(run, f"$.measurements[{i}].processes[{j}]")
    for i, energy in enumerate(result.energy):
        for j, energy_run in enumerate(energy.processes):
            for k, block in enumerate(energy_run.blocks):
                yield from _of_order(block, f"$.energy[{i}].processes[{j}].blocks[{k}]")
    environment = result.environment
    for name in environment.__struct_fields__:
        if complaint := _of_facts(getattr(environment, name), _DEEPEST):
            yield f"{complaint} - at `$.environment.{name}`"
    for name in ("commit", "branch"):
        if not isinstance(environment.git.get(name), str | None):
            yield f"it is not text - at `$.environment.git.{name}`"


def _of_run(run: ProcessRun, place: str) -> Iterator[str]:
    for name, by_side in (("compile_s", run.compile_s), ("gradient_bytes", run.gradient_bytes)):
        if not _of_both_sides(by_side):
            yield f"one side is missing - at `{place}.{name}`"
    for i, block in enumerate(run.blocks):
        yield from _of_order(block, f"{place}.blocks[{i}]")
        for j, segment in enumerate(block.segments):
            if segment.forward_s and len(segment.forward_s) != len(segment.steps_s):
                yield f"not one value per step - at `{place}.blocks[{i}].segments[{j}].forward_s`"


def _of_order(block: Block | EnergyBlock, place: str) -> Iterator[str]:
    parts = block.segments if isinstance(block, Block) else block.windows
    if "".join(_LETTERS[part.side] for part in parts) != block.order:
        yield f"the sides are not in {block.order} order - at `{place}`"


def _of_both_sides(values: Mapping[Any, object]) -> bool:
    return not values or set(values) == _BOTH


def _of_facts(value: object, levels: int) -> str | None:
    """What is wrong with a value of any kind."""
    if isinstance(value, int) and abs(value) >= 2**64:
        return "it has more than 64 bits"
    if isinstance(value, str) or not isinstance(value, Collection):
        return None
    if levels == 0:
        return "it is nested too deeply"
    inner = value.values() if isinstance(value, Mapping) else value
    return next(filter(None, (_of_facts(item, levels - 1) for item in inner)), None)
