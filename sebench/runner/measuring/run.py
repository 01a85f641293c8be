"""Runs a plan: per pair the counts, then its worker processes one after the other, then a `Result`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice

from sebench.analysis.comparison import exact_ratios
from sebench.errors import CountError, Interrupted
from sebench.models import checkpoint_findings
from sebench.runner.counting.counter import Counter, counted_dtype
from sebench.runner.counting.pair import count_pair, count_saved, require_memory
from sebench.runner.measuring.context import RunContext
from sebench.runner.measuring.device_lock import alone_on
from sebench.runner.measuring.exporting import Exporter, exporting, folders
from sebench.runner.measuring.process_plan import silence_limit_s
from sebench.runner.measuring.resources import measure_energy, measure_memory, require_counters
from sebench.runner.measuring.result import ResultBuilder
from sebench.runner.measuring.series import ProcessSeries
from sebench.runner.workers.child import leave_out_of_limit
from sebench.schema import EnergyMeasurement, Finding, Plan, Result, TimingPolicy
from sebench.worker.protocol import CounterFound


def run(plan: Plan, context: RunContext | None = None) -> Iterator[Result]:
    """Measure every pair of a plan.

    The budget is for worker processes that time steps: counting, and measuring memory and energy, take none
    of it.

    Args:
        plan: what to do.
        context: what it needs for that; by default nothing is cached, calibrated or observed.

    Yields:
        One result per pair as soon as it is complete. Interrupted, the pair at hand is yielded with what
        it has: before its first block, its counts.

    Raises:
        Interrupted: after Ctrl-C.
        BuildError: a network that does not accept the input, or a batch beyond the machine's memory.
        WorkerError: a network's code ended the process that counted it.
        DeviceError: energy was asked for and no counter can be read, or a device cannot be locked.
    """
    context = RunContext() if context is None else context
    with (
        context.counter() as counter,
        exporting(
            plan, command=context.host.command, trees=context.trees, shared=context.exporter
        ) as exporter,
    ):
        environment = context.host.capture_environment()
        # Everything that can be refused is refused before the first minute is spent on measuring.
        for session in plan.sessions:
            require_memory(session, environment.memory, counter)
        meters = require_counters(plan, context.host.command)
        # All of them at once: one process counts all networks of others.
        costs = [count_pair(planned.sessions[0], counter) for planned in plan.pairs]
        numbers, clock = iter(range(len(plan.sessions))), _Clock(plan.policy, time.monotonic())
        for planned, counted in zip(plan.pairs, costs, strict=True):
            builder = ResultBuilder(pair=planned.pair, seed=plan.seed, environment=environment, costs=counted)
            builder.findings += checkpoint_findings(planned.pair.baseline, planned.pair.candidate)
            measuring = _PairRun(
                plan, context, counter=counter, exporter=exporter, meters=meters, builder=builder, clock=clock
            )
            try:
                for index in islice(numbers, len(planned.workloads)):
                    measuring.measure(index)
            except KeyboardInterrupt:
                yield builder.build(context, interrupted=True)
                raise Interrupted("interrupted") from None
            yield builder.build(context)


@dataclass(slots=True)
class _Clock:
    """What the sessions of a plan have taken so far."""

    policy: TimingPolicy
    origin_s: float
    """When the first of them began; waiting for other runs moves it on."""
    timed_s: float = 0.0
    """Spent on timing, which alone takes of the budget."""

    def allowance_s(self, index: int) -> float:
        """What a session may take: its share of a hard budget, and what those before have left of theirs."""
        budget_s = self.policy.budget_s
        return (index + 1) * budget_s - self.timed_s if self.policy.hard_budget else budget_s


class _PairRun:
    """Measures the sessions of one pair, one after the other, for one result.

    Args:
        plan: that the sessions are of.
        context: of the run.
        counter: of the run; its workers are ended before each session.
        exporter: of the run.
        meters: energy counters by device.
        builder: takes what is measured.
        clock: of the run.
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
        clock: _Clock,
    ) -> None:
        self._plan, self._context, self._clock = plan, context, clock
        self._counter, self._exporter = counter, exporter
        self._meters, self._builder = meters, builder

    def measure(self, index: int) -> None:
        """Measure all that the plan asks for of one session.

        Args:
            index: of the session in the plan.
        """
        plan, clock = self._plan, self._clock
        self._counter.close()  # nothing of it may run beside a measurement
        with self._context.workers() as (open_worker, load):
            series = ProcessSeries(
                plan,
                index,
                observer=self._context.observer,
                open_worker=open_worker,
                load=load,
                exporter=self._exporter,
                started_s=clock.origin_s,
            )
            if plan.timed and not self._builder.series:
                series.announce_counts(exact_ratios(self._builder.costs.costs))
            self._builder.series.append(series)
            self._exporter.keep_for(plan.sessions[index:])
            self._measure_series(series, index)

    def _measure_series(self, series: ProcessSeries, index: int) -> None:
        plan, clock = self._plan, self._clock
        with self._alone(series) as waited_s:
            series.leave_out(waited_s)
            leave_out_of_limit(waited_s)
            clock.origin_s += waited_s
            if plan.timed:
                begun_s = time.monotonic()
                series.measure(deadline_s=begun_s + clock.allowance_s(index))
                clock.timed_s += time.monotonic() - begun_s
            if series.session.workload.phase == "training":
                self._count_saved(series)
                self._measure_memory(series)
            if meter := self._meters.get(series.session.workload.device):
                self._measure_energy(series, meter)

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
