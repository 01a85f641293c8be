"""Runs a plan: per pair the counts, then its worker processes one after the other, then a `Result`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from msgspec.structs import replace

import sebench
from sebench.analysis.calibration import noise
from sebench.errors import CountError, DataFileError, Interrupted
from sebench.profilers.environment import capture_environment
from sebench.profilers.findings import findings_for
from sebench.runner.counting.cached import counted_dtype
from sebench.runner.counting.counter import Counter
from sebench.runner.counting.fitting import require_memory
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.measuring.device_lock import alone_on
from sebench.runner.measuring.energy import measure_energy, require_counters
from sebench.runner.measuring.memory import measure_memory
from sebench.runner.measuring.series import ProcessSeries
from sebench.runner.progress import Observer
from sebench.runner.workers.session import WORKER_COMMAND, silence_limit_s
from sebench.runner.workers.side_by_side import Trees, worker_opener
from sebench.schema import (
    EnergyMeasurement,
    Environment,
    Finding,
    Measurement,
    MemoryMeasurement,
    ModelSpec,
    Pair,
    Plan,
    Result,
    SavedForBackward,
    Session,
    Side,
    StaticCost,
    fingerprint,
)
from sebench.store import CountCache
from sebench.worker.protocol import CounterFound


def run(
    plan: Plan,
    *,
    cache: CountCache | None = None,
    observer: Observer = lambda progress: None,
    started_s: float | None = None,
    argv: Sequence[str] = (),
    command: Sequence[str] = WORKER_COMMAND,
    trees: Trees = MappingProxyType({}),
    calibrations: Calibrations | None = None,
) -> Iterator[Result]:
    """Measure every pair of a plan.

    Args:
        plan: what to do.
        cache: for the static counts.
        observer: told about every step; what it raises ends the measurement.
        started_s: `time.monotonic()` at which the budget began; now, if None.
        argv: recorded in the results.
        command: how a worker is started.
        trees: working directories of the commits that specs name.
        calibrations: where the noise of this machine is looked up.

    Yields:
        One result per pair as soon as it is complete. Interrupted, the pair at hand is yielded with what
        it has.

    Raises:
        Interrupted: after Ctrl-C.
        BuildError: a network that does not accept the input, or a batch beyond the machine's memory.
        WorkerError: a network's code ended the process that counted it.
        DeviceError: energy was asked for and no counter can be read, or a device cannot be locked.
    """
    with Counter(cache, trees, command) as counter:
        yield from _run(
            plan,
            counter,
            observer=observer,
            origin_s=time.monotonic() if started_s is None else started_s,
            argv=argv,
            calibrations=calibrations,
        )


def _run(
    plan: Plan,
    counter: Counter,
    *,
    observer: Observer,
    origin_s: float,
    argv: Sequence[str],
    calibrations: Calibrations | None,
) -> Iterator[Result]:
    environment, command = capture_environment(), counter.command
    open_worker = worker_opener(command, counter.trees)
    for session in plan.sessions:
        require_memory(session, environment.memory, counter)
    counters = require_counters(plan, command)
    by_pair = tuple(_by_pair(plan))
    # All of them at once: one process counts all networks of others.
    counts = {pair: _static_costs(plan.sessions[indices[0]], counter) for pair, indices in by_pair}
    for pair, indices in by_pair:
        assembly = _Assembly(plan, pair, environment, counts[pair], argv=argv, calibrations=calibrations)
        try:
            for index in indices:
                counter.close()  # nothing of it may run beside a measurement
                begun_s = time.monotonic() if index else origin_s
                series = assembly.begin(
                    ProcessSeries(
                        plan,
                        index,
                        observer=observer,
                        open_worker=open_worker,
                        started_s=origin_s,
                    )
                )
                with _alone(plan, series) as waited_s:
                    origin_s, begun_s = origin_s + waited_s, begun_s + waited_s  # others' time is not ours
                    series.leave_out(waited_s)
                    if plan.timed:
                        series.measure(deadline_s=_deadline_s(plan, index, origin_s, begun_s))
                    assembly.add_training(series, counter)
                    if meter := counters.get(series.session.workload.device):
                        assembly.add_energy(series, meter, command)
        except KeyboardInterrupt:
            if assembly.has_samples:
                yield assembly.result(interrupted=True)
            raise Interrupted("interrupted") from None
        yield assembly.result()


def _alone(plan: Plan, series: ProcessSeries) -> AbstractContextManager[float]:
    """The devices to ourselves; what is only counted disturbs nobody and waits for nobody."""
    if not (plan.timed or plan.memory or plan.energy):
        return nullcontext(0.0)
    return alone_on(series.session.workload, series.announce_waiting)


def _by_pair(plan: Plan) -> Iterator[tuple[Pair, list[int]]]:
    """The sessions of a plan by pair: one result holds all that was measured of a pair."""
    indices: dict[Pair, list[int]] = {}
    for index, session in enumerate(plan.sessions):
        indices.setdefault(session.pair, []).append(index)
    yield from indices.items()


def _deadline_s(plan: Plan, index: int, origin_s: float, begun_s: float) -> float:
    """Pairs share a hard budget from the start of the command; a soft one is each pair's own."""
    if plan.policy.hard_budget:
        return origin_s + (index + 1) * plan.policy.budget_s
    return begun_s + plan.policy.budget_s


@dataclass(frozen=True, slots=True)
class _Counts:
    """Costs of the sides that can be counted, and why the others cannot."""

    costs: Mapping[Side, StaticCost]
    reasons: Mapping[Side, str]


def _static_costs(session: Session, count: Counter) -> _Counts:
    """Per image: static metrics have no workload, so they are counted at batch 1."""
    shape = (1, *session.workload.input_shape[1:])
    dtype = counted_dtype(session.workload.dtype)
    sides: dict[Side, ModelSpec] = {"baseline": session.pair.baseline, "candidate": session.pair.candidate}
    costs: dict[Side, StaticCost] = {}
    reasons: dict[Side, str] = {}
    for side, spec in sides.items():
        try:
            costs[side] = count(spec, shape, dtype=dtype)
        except CountError as error:
            reasons[side] = str(error)
    return _Counts(costs, reasons)


def _saved_for_backward(session: Session, count: Counter) -> SavedForBackward:
    """Counted at the batch that a process measures."""
    workload = session.workload
    baseline, candidate = (
        count(spec, workload.rank_input_shape, phase="training", dtype=workload.dtype).saved
        for spec in (session.pair.baseline, session.pair.candidate)
    )
    return SavedForBackward(workload=workload, baseline=baseline, candidate=candidate)


class _Assembly:
    """Collects what is known about one pair and puts it into a `Result`."""

    def __init__(
        self,
        plan: Plan,
        pair: Pair,
        environment: Environment,
        counts: _Counts,
        *,
        argv: Sequence[str],
        calibrations: Calibrations | None,
    ) -> None:
        self._calibrations = calibrations
        self._plan, self._pair, self._argv = plan, pair, tuple(argv)
        self._environment = environment
        self._counts = counts
        self._findings: list[Finding] = []
        self._series: list[ProcessSeries] = []
        self._memory: list[MemoryMeasurement] = []
        self._energy: list[EnergyMeasurement] = []
        self._saved: SavedForBackward | None = None

    def begin(self, series: ProcessSeries) -> ProcessSeries:
        """Take up what `series` is going to measure."""
        self._series.append(series)
        return series

    def add_training(self, series: ProcessSeries, counter: Counter) -> None:
        """What a training step keeps and holds; nothing for inference."""
        session = series.session
        if session.workload.phase != "training":
            return
        self._count_saved(session, counter)
        if self._plan.memory and (self.has_samples or not self._plan.timed):
            series.announce("memory")
            self._memory.append(
                measure_memory(
                    session,
                    seed=self._plan.seed,
                    command=counter.command,
                    timeout_s=silence_limit_s(self._plan.policy, session.workload),
                    trees=counter.trees,
                )
            )

    def _count_saved(self, session: Session, counter: Counter) -> None:
        dtype = session.workload.dtype
        # Under autocast the counter does not know what is cast; what has no counts has been said.
        if counted_dtype(dtype) != dtype or self._counts.reasons:
            return
        try:
            self._saved = _saved_for_backward(session, counter)
        except CountError as error:
            message = f"what is saved for the backward pass was not counted: {error}"
            self._findings.append(Finding(code="not-counted", severity="warning", message=message))

    def add_energy(self, series: ProcessSeries, counter: CounterFound, command: Sequence[str]) -> None:
        """What a step uses, provided that it runs at all."""
        session = series.session
        if not any(run.blocks for run in series.runs):
            reason = "the step could not be timed"
            self._energy.append(EnergyMeasurement(workload=session.workload, reason=reason))
            return
        series.announce("energy")
        self._energy.append(measure_energy(session, self._plan, counter, command=command))

    @property
    def has_samples(self) -> bool:
        return any(process.blocks for series in self._series for process in series.runs)

    def result(self, *, interrupted: bool = False) -> Result:
        now = datetime.now(UTC)
        # A session whose workers did not start has nothing to say about the accelerator.
        runtime = dict(next((series.runtime for series in reversed(self._series) if series.runtime), {}))
        environment = replace(self._environment, device=runtime.pop("device", {}), runtime=runtime)
        measurements = tuple(self._calibrated(series.measurement(), environment) for series in self._series)
        busiest = max((m.workload for m in measurements), key=lambda w: w.threads * w.world_size)
        return Result(
            id=_identifier(self._pair, now),
            created_at=now.isoformat(timespec="seconds"),
            sebench=sebench.__version__,
            command=self._argv,
            seed=self._plan.seed,
            pair=self._pair,
            environment=replace(
                environment,
                findings=findings_for(environment, threads=busiest.threads, ranks=busiest.world_size),
            ),
            baseline_cost=self._counts.costs.get("baseline"),
            candidate_cost=self._counts.costs.get("candidate"),
            not_counted=dict(self._counts.reasons),
            measurements=measurements,
            memory=tuple(self._memory),
            energy=tuple(self._energy),
            saved=self._saved,
            findings=(*self._findings, *((_INTERRUPTED,) if interrupted else ())),
        )

    def _calibrated(self, measurement: Measurement, environment: Environment) -> Measurement:
        # Two sides in processes of their own vary more than the two in one that were calibrated.
        apart = self._pair.baseline.commit != self._pair.candidate.commit
        if self._calibrations is None or apart:
            return measurement
        spec, machine = self._pair.candidate, fingerprint(environment)
        try:
            known = self._calibrations.find(machine, spec, measurement.workload)
        except DataFileError as error:  # no reason to lose what was measured
            note = Finding(code="calibration-unreadable", severity="warning", message=str(error))
            return replace(measurement, findings=(*measurement.findings, note))
        return (
            measurement if known is None else replace(measurement, sigma_process=noise(known).sigma_process)
        )


_INTERRUPTED = Finding(
    code="interrupted",
    severity="warning",
    message="interrupted: this is what was measured until then",
    hint="run the command again for the full measurement",
)


def _identifier(pair: Pair, now: datetime) -> str:
    same = pair.baseline.model == pair.candidate.model
    words = (*((pair.model,) if same else ()), pair.baseline_name, pair.candidate_name)
    name = "-".join("".join(c if c.isalnum() else "_" for c in word).strip("_") for word in words)
    return f"{now:%Y%m%dT%H%M%S%fZ}-{name[:80]}-{secrets.token_hex(3)}"
