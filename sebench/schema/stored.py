"""What is required of a stored result beyond types and ranges, and what a listing knows of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

from sebench.schema.base import Grade, Status, Value
from sebench.schema.conclusions import Ratio
from sebench.schema.measurements import Block, EnergyBlock, ProcessRun, Result
from sebench.schema.request import Pair, Workload
from sebench.schema.runtimes import runtime_info

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
        preparing = _preparing(result.pair, measurement.workload)
        for j, run in enumerate(measurement.processes):
            yield from _of_run(run, f"$.measurements[{i}].processes[{j}]", preparing)
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


def _preparing(pair: Pair, workload: Workload) -> set[str]:
    """The sides whose runtime spends time on a network before its steps: where they differ, maybe one."""
    sides = {"baseline": pair.baseline, "candidate": pair.candidate}
    return {name for name, spec in sides.items() if runtime_info(workload.of(spec).runtime).prepares}


def _of_run(run: ProcessRun, place: str, preparing: set[str]) -> Iterator[str]:
    for name, by_side, expected in (
        ("compile_s", run.compile_s, preparing),
        ("gradient_bytes", run.gradient_bytes, _BOTH),
    ):
        if by_side and set(by_side) not in (expected, _BOTH):
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


class ResultSummary(Value, frozen=True, kw_only=True):
    """The facts of one stored result: what was measured, where, and on which state of the user's code."""

    path: str = ""
    id: str
    created_at: str
    """UTC, ISO 8601."""
    sebench: str
    pair: Pair
    workloads: tuple[Workload, ...] = ()
    """One per measurement; empty where nothing was timed."""
    fingerprint: str
    """`sebench.schema.fingerprint` of the environment."""
    machine: str | None = None
    """The accelerator or processor by name."""
    commit: str | None = None
    """Of the repository that was measured in, if any."""
    dirty: bool | None = None
    branch: str | None = None
    interrupted: bool = False
    """Stopped by Ctrl-C: holds what was measured until then."""

    @property
    def models(self) -> tuple[str, ...]:
        """The network, or both where there are two."""
        return tuple(dict.fromkeys((self.pair.candidate.model, self.pair.baseline.model)))

    @property
    def model(self) -> str:
        """As `Pair.model`."""
        return self.pair.model

    @property
    def baseline(self) -> str:
        """What the ratio is over, as `Pair.baseline_name`."""
        return self.pair.baseline_name

    @property
    def candidate(self) -> str:
        """What was compared, as `Pair.candidate_name`."""
        return self.pair.candidate_name

    @property
    def created(self) -> datetime:
        """`created_at` in UTC."""
        return moment(self.created_at)


class SkippedFile(Value, frozen=True, kw_only=True):
    """A file among stored results that is none, or that cannot be read."""

    path: str
    reason: str


class LatencySummary(Value, frozen=True, kw_only=True):
    """The latency ratio of one workload, with what it takes to judge it."""

    workload: Workload
    baseline_s: float | None
    """Median step of the baseline."""
    candidate_s: float | None
    ratio: Ratio
    grade: Grade | None
    """None where there is no ratio."""
    status: Status = "ok"
    reason: str | None = None


class ListedResult(Value, frozen=True, kw_only=True):
    """One entry of a listing."""

    summary: ResultSummary
    latency: tuple[LatencySummary, ...] = ()
    """One per workload of the summary."""


class ResultListing(Value, frozen=True, kw_only=True):
    """What `sebench list results` found."""

    directory: str
    results: tuple[ListedResult, ...] = ()
    """Newest last."""
    skipped: tuple[SkippedFile, ...] = ()
