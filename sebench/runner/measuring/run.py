"""Runs a plan: per pair the counts, then its worker processes one after the other, then a `Result`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice

from sebench.errors import CountError, Interrupted
from sebench.runner.counting.counter import Counter, counted_dtype
from sebench.runner.counting.pair import count_pair, count_saved, require_memory
from sebench.runner.measuring.context import RunContext
from sebench.runner.measuring.device_lock import alone_on
from sebench.runner.measuring.exporting import Exporter, exporting, folders
from sebench.runner.measuring.process_plan import silence_limit_s
from sebench.runner.measuring.resources import measure_energy, measure_memory, require_counters
from sebench.runner.measuring.result import ResultBuilder
from sebench.runner.measuring.series import ProcessSeries
from sebench.schema import EnergyMeasurement, Finding, Plan, Result, TimingPolicy
from sebench.worker.protocol import CounterFound


def run(plan: Plan, context: RunContext | None = None, *, started_s: float | None = None) -> Iterator[Result]:
    """Measure every pair of a plan.

    Args:
        plan: what to do.
        context: what it needs for that; by default nothing is cached, calibrated or observed.
        started_s: `time.monotonic()` at which the budget began; now, if None.

    Yields:
        One result per pair as soon as it is complete. Interrupted, the pair at hand is yielded with what
        it has.

    Raises:
        Interrupted: after Ctrl-C.
        BuildError: a network that does not accept the input, or a batch beyond the machine's memory.
        WorkerError: a network's code ended the process that counted it.
        DeviceError: energy was asked for and no counter can be read, or a device cannot be locked.
    """
    context = RunContext() if context is None else context
    origin_s = time.monotonic() if started_s is None else started_s
    with (
        context.counter() as counter,
        exporting(plan, command=context.host.command, trees=context.trees) as exporter,
    ):
        environment = context.host.capture_environment()
        # Everything that can be refused is refused before the first minute is spent on measuring.
        for session in plan.sessions:
            require_memory(session, environment.memory, counter)
        meters = require_counters(plan, context.host.command)
        # All of them at once: one process counts all networks of others.
        costs = [count_pair(planned.sessions[0], counter) for planned in plan.pairs]
        numbers = iter(range(len(plan.sessions)))
        for planned, counted in zip(plan.pairs, costs, strict=True):
            builder = ResultBuilder(pair=planned.pair, seed=plan.seed, environment=environment, costs=counted)
            measuring = _PairRun(
                plan, context, counter=counter, exporter=exporter, meters=meters, builder=builder
            )
            try:
                for index in islice(numbers, len(planned.workloads)):
                    origin_s += measuring.measure(index, origin_s)
            except KeyboardInterrupt:
                if builder.has_samples:
                    yield builder.build(context, interrupted=True)
                raise Interrupted("interrupted") from None
            yield builder.build(context)


class _PairRun:
    """Measures the sessions of one pair, one after the other, for one result.

    Args:
        plan: that the sessions are of.
        context: of the run.
        counter: of the run; its workers are ended before each session.
        exporter: of the run.
        meters: energy counters by device.
        builder: takes what is measured.
    """

    def __init__(
        self,
        plan: Plan,
        context: RunContext,
        *,
        counter: Counter,
        exporter: Exporter,
        meters: dict[str, CounterFound],
        builder: ResultBuilder,
    ) -> None:
        self._plan, self._context = plan, context
        self._counter, self._exporter = counter, exporter
        self._meters, self._builder = meters, builder

    def measure(self, index: int, origin_s: float) -> float:
        """Measure all that the plan asks for of one session.

        Args:
            index: of the session in the plan.
            origin_s: when the budget began.

        Returns:
            The seconds that another run on the same device took meanwhile, which are none of the budget.
        """
        plan = self._plan
        self._counter.close()  # nothing of it may run beside a measurement
        begun_s = time.monotonic() if index else origin_s
        series = ProcessSeries(
            plan,
            index,
            observer=self._context.observer,
            open_worker=self._context.worker_opener(),
            exporter=self._exporter,
            started_s=origin_s,
        )
        self._builder.series.append(series)
        self._exporter.keep_for(plan.sessions[index:])
        with self._alone(series) as waited_s:
            series.leave_out(waited_s)
            if plan.timed:
                series.measure(deadline_s=waited_s + _deadline_s(plan.policy, index, origin_s, begun_s))
            if series.session.workload.phase == "training":
                self._count_saved(series)
                self._measure_memory(series)
            if meter := self._meters.get(series.session.workload.device):
                self._measure_energy(series, meter)
        return waited_s

    def _alone(self, series: ProcessSeries) -> AbstractContextManager[float]:
        """The devices to ourselves; what is only counted disturbs nobody and waits for nobody."""
        if not (self._plan.timed or self._plan.memory or self._plan.energy):
            return nullcontext(0.0)
        return alone_on(series.session.workload, series.announce_waiting)

    def _count_saved(self, series: ProcessSeries) -> None:
        dtype, builder = series.session.workload.dtype, self._builder
        # Under autocast the counter does not know what is cast; what has no counts has been said.
        if counted_dtype(dtype) != dtype or builder.costs.reasons:
            return
        try:
            builder.saved = count_saved(series.session, self._counter)
        except CountError as error:
            message = f"what is saved for the backward pass was not counted: {error}"
            builder.findings.append(Finding(code="not-counted", severity="warning", message=message))

    def _measure_memory(self, series: ProcessSeries) -> None:
        """Peak memory, unless no step of the pair could be timed."""
        plan, context = self._plan, self._context
        if not plan.memory or (plan.timed and not self._builder.has_samples):
            return
        series.announce("memory")
        self._builder.memory.append(
            measure_memory(
                series.session,
                seed=plan.seed,
                command=context.host.command,
                timeout_s=silence_limit_s(plan.policy, series.session.workload, series.session.pair),
                trees=context.trees,
            )
        )

    def _measure_energy(self, series: ProcessSeries, meter: CounterFound) -> None:
        """What a step uses, provided that it runs at all."""
        session, command = series.session, self._context.host.command
        if any(process.blocks for process in series.runs):
            series.announce("energy")
            measured = measure_energy(
                session, self._plan, meter, exported=folders(series.exports), command=command
            )
        else:
            reason = "the step could not be timed"
            measured = EnergyMeasurement(workload=session.workload, reason=reason)
        self._builder.energy.append(measured)


def _deadline_s(policy: TimingPolicy, index: int, origin_s: float, begun_s: float) -> float:
    """Pairs share a hard budget from the start of the command; a soft one is each pair's own."""
    if policy.hard_budget:
        return origin_s + (index + 1) * policy.budget_s
    return begun_s + policy.budget_s
