"""The worker processes of one session: started one after the other, retried once, and recorded."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from sebench.analysis.comparison import running_ratio
from sebench.errors import BudgetError, WorkerError
from sebench.runner.measuring.exporting import NO_EXPORTS, Exporter, Exports, folders
from sebench.runner.measuring.process_plan import ProcessPlan, measured_blocks, plan_process, silence_limit_s
from sebench.runner.measuring.schedule import NoBlockFits, Pace, Pacing, Prepared, Schedule, remaining_s
from sebench.runner.progress import Holder, Observer, Progress, Stage
from sebench.runner.workers.session import (
    Load,
    OpenWorker,
    OutOfMemory,
    OutOfTime,
    WorkerDied,
    expect,
    load_none,
)
from sebench.schema import (
    Finding,
    Measurement,
    Plan,
    ProcessRun,
    Session,
    Severity,
    Workload,
    telling_words,
)
from sebench.worker.protocol import Go, Ready

MAX_ATTEMPTS = 2
_LARGER_BUDGET = "allow a larger --budget"


class ProcessSeries:
    """Runs the processes of session `index` of a plan and keeps what they report in `runs`.

    Args:
        plan: what to measure.
        index: of the session.
        observer: told about every step.
        open_worker: starts a worker process.
        load: has several load at the same time.
        exporter: exports the networks of the plan, where a runtime takes files.
        started_s: when the whole measurement began, on the clock of the budget; now, if None.
        monotonic: the clock of the budget.
    """

    def __init__(
        self,
        plan: Plan,
        index: int,
        *,
        observer: Observer,
        open_worker: OpenWorker,
        load: Load = load_none,
        exporter: Exporter | None = None,
        started_s: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.runs: list[ProcessRun] = []
        self.runtime: dict[str, Any] = {}
        self.session: Session = plan.sessions[index]
        """The pair and its workload, as it is measured in the end."""
        alike = [each.workload for each in plan.sessions if each.pair == self.session.pair]
        self._title = ", ".join((self.session.pair.title, *telling_words(self.session.workload, alike)))
        self._plan, self._index, self._policy = plan, index, plan.policy
        self._sessions = len(plan.sessions)
        self._observer, self._open, self._load, self._monotonic = observer, open_worker, load, monotonic
        self._load_s = 0.0
        """What loading took in the latest process, or its share of loading together with others."""
        self.exports: Exports = NO_EXPORTS
        """Files of the session's networks, once they are written."""
        self.complete = False
        """Whether all processes that were planned have been measured."""
        self._exporter = exporter
        self._findings: list[Finding] = []
        self._pacing: Pacing | None = None
        self._block_s = 0.0
        """What a block takes: as expected, then as it took in the latest process."""
        self._prepare_s = 0.0
        """What it took until the latest process was ready."""
        self._started_s = monotonic() if started_s is None else started_s
        self._deadline_s: float | None = None

    def measure(self, *, deadline_s: float) -> None:
        """Run processes until the schedule is filled, the deadline reached or one cannot be run.

        A hard budget that does not cover one block leaves nothing but a finding that says so.

        Args:
            deadline_s: end of the budget on the clock of the series.
        """
        self._deadline_s = deadline_s
        if self._policy.hard_budget and self._monotonic() >= deadline_s:
            spent = f"{self._budget} was spent on what was measured before"
            self._note("budget-spent", "error", spent, _LARGER_BUDGET)
            return
        try:
            self._export(deadline_s)
            self._run_all(deadline_s)
        except BudgetError as error:
            self._note("budget-spent", "error", error.message, error.hint)
        except WorkerError as error:
            self._note("worker-failed", "error", str(error))

    def announce_counts(self, ratios: Mapping[str, float]) -> None:
        """Tell the observer the exact part of the answer.

        Args:
            ratios: candidate / baseline, by metric.
        """
        self._observe("counted", 0, exact=ratios)

    def announce_waiting(self, holder: Holder | None) -> None:
        """Tell the observer that nothing happens until another run has ended."""
        self._observe("waiting", 0, holder=holder)

    def leave_out(self, waited_s: float) -> None:
        """Time that another run took is none of this one."""
        self._started_s += waited_s

    def announce(self, stage: Stage) -> None:
        """Tell the observer that something else than times is measured now."""
        self._observe(stage, self._shape.processes if self._pacing else 0)

    @property
    def planned_processes(self) -> int:
        """How many there are to be, as far as it is known."""
        return self._shape.processes

    def measurement(self) -> Measurement:
        """All that was recorded so far."""
        return Measurement(
            workload=self.session.workload,
            policy=self._policy,
            export_s={side: export.said.export_s for side, export in self.exports.items()},
            quantized={
                side: export.said.quantized
                for side, export in self.exports.items()
                if export.said.quantized is not None
            },
            processes=tuple(self.runs),
            findings=tuple(self._findings),
        )

    @property
    def _budget(self) -> str:
        """A hard one, as messages call it: ``--budget 20``, or ``20 s (its share of --budget 40)``."""
        share_s, shares = self._policy.budget_s, self._plan.budget_shares
        whole = f"--budget {share_s * shares:g}"
        return whole if shares == 1 else f"{share_s:.3g} s (its share of {whole})"

    @property
    def _shape(self) -> Schedule:
        """As far as it is known."""
        known = self._pacing
        return known.schedule if known else Schedule(self._policy.processes, self._policy.min_blocks)

    def _export(self, deadline_s: float) -> None:
        if self._exporter is None:
            return
        self._observe("preparing", 0)
        within_s = deadline_s - self._monotonic() if self._policy.hard_budget else None
        try:
            self.exports = self._exporter.exports_of(self.session, within_s=within_s)
        except OutOfTime as error:
            what = f"{self._budget} was spent before the networks were exported"
            raise BudgetError(what, hint=_LARGER_BUDGET) from error

    def _run_all(self, deadline_s: float) -> None:
        process = 0
        while process < self._shape.processes:
            try:
                run = self._run_process(process, deadline_s)
            except OutOfMemory:
                if not self._emulate():
                    raise
                continue
            if not run.blocks:
                message = f"{process} of {self._shape.processes} processes fit into {self._budget}"
                self._note("fewer-processes", "warning", message, _LARGER_BUDGET)
                return
            self._observe("measured", process, planned=len(run.blocks))
            process += 1
        self.complete = True

    def _emulate(self) -> bool:
        """Halve the micro-batch for both sides before anything is measured; False if that is no way out."""
        workload = self.session.workload
        smaller = None if self._pacing else halved(workload)
        if smaller is None:
            return False
        self.session = replace(self.session, workload=smaller)
        self.runs.clear()
        self._findings = [finding for finding in self._findings if finding.code != "batch-emulated"]
        self._note(
            "batch-emulated",
            "warning",
            f"a batch of {workload.batch_size} does not fit; "
            f"both sides accumulate over {smaller.micro_batch_size} images",
            "compare it with emulated results only, or choose a smaller --batch-size",
        )
        return True

    def _run_process(self, process: int, deadline_s: float) -> ProcessRun:
        """The record of a process; without blocks once the deadline leaves no room for any."""
        for number in range(1, MAX_ATTEMPTS + 1):
            planned = plan_process(
                self._plan, self._index, self.session, process, number, exported=folders(self.exports)
            )
            try:
                return self._run_planned(planned, deadline_s)
            except WorkerDied as error:
                if number == MAX_ATTEMPTS:
                    raise
                self._note("worker-retried", "warning", f"{error}; process {process + 1} was started again")
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _run_planned(self, planned: ProcessPlan, deadline_s: float) -> ProcessRun:
        run = planned.run
        self._observe("preparing", planned.process)
        load_s = self._load_ahead(planned, deadline_s)
        started_s = self._monotonic()
        try:
            with self._open(
                planned.request,
                environ=planned.environ,
                timeout_s=self._silence_limit_s(),
                ready_within_s=deadline_s - started_s if self._policy.hard_budget else None,
            ) as worker:
                ready = expect(worker, Ready)
                self.runtime = ready.runtime
                self._note_inputs(ready)
                run = replace(
                    run,
                    prepare_s=load_s + self._monotonic() - started_s,
                    compile_s=ready.compile_s,
                    gradient_bytes=ready.gradient_bytes,
                )
                # Planned only now: how long a step takes is known when the worker has warmed up.
                left_s = deadline_s - self._monotonic()
                prepared = Prepared(ready.step_s, run.prepare_s, ready.after_change, ready.warm_up_s)
                go = self._plan_blocks(planned, prepared, left_s)
                run = replace(run, steps_per_segment=go.steps_per_segment, discard_steps=go.discard_steps)
                worker.allow_silence(self._silence_limit_s())
                worker.go(go)
                self._observe("measuring", planned.process, planned=len(go.orders), running=run)
                begun_s = self._monotonic()
                for block in measured_blocks(worker):
                    run = replace(run, blocks=(*run.blocks, block))
                    self._block_s = (self._monotonic() - begun_s) / len(run.blocks)
                    self._observe("measuring", planned.process, planned=len(go.orders), running=run)
        except OutOfTime as error:
            # Later processes may run out of time: the earlier ones are a result.
            if self._pacing is None:
                what = f"the first process was not ready within {self._budget}"
                raise BudgetError(what, hint=_LARGER_BUDGET) from error
        except WorkerError as failure:
            run = replace(run, error=str(failure))
            raise
        finally:
            # Kept whatever happened, Ctrl-C included: what was measured is stored, and shown if it suffices.
            if run.blocks or run.error:
                self.runs.append(run)
        return run

    def _load_ahead(self, planned: ProcessPlan, deadline_s: float) -> float:
        """Load this process together with those that follow, unless it loaded with an earlier one.

        Returns:
            Its share of what that took; nothing for one that is started again, which loads by itself.
        """
        if planned.attempt > 1:
            return 0.0
        begun_s = self._monotonic()
        following = (
            plan_process(self._plan, self._index, self.session, number, 1).environ
            for number in range(planned.process + 1, self._shape.processes)
        )
        within_s = min(deadline_s - begun_s, self._policy.timeout_s)
        if loaded := self._load((planned.environ, *following), within_s=within_s):
            self._load_s = (self._monotonic() - begun_s) / loaded
        return self._load_s

    def _note_inputs(self, ready: Ready) -> None:
        """Say once that a network writes to its input, and what that means for its steps."""
        if not ready.writes_input or any(finding.code == "writes-input" for finding in self._findings):
            return
        pair = self.session.pair
        sides = (("baseline", pair.baseline), ("candidate", pair.candidate))
        writing = tuple(dict.fromkeys(spec.label for side, spec in sides if side in ready.writes_input))
        who = " and ".join(writing) + (" write to their inputs" if writing[1:] else " writes to its input")
        what = f"{who}; both inputs are restored before each"
        if self.session.workload.device == "cpu":
            self._note("writes-input", "info", f"{what} step")
            return
        hint = "let the network work on a copy (x.clone())"
        self._note("writes-input", "warning", f"{what} segment, and change within it", hint)

    def _plan_blocks(self, planned: ProcessPlan, prepared: Prepared, left_s: float) -> Go:
        if self._pacing is None:
            self._pacing = self._fix_pacing(prepared, left_s)
        pace = self._pacing.pace(prepared, self._block_s)
        self._block_s, self._prepare_s = pace.block_s, pace.prepare_s
        return self._pacing.go(planned.process, pace, left_s, planned.rng)

    def _silence_limit_s(self) -> float:
        session = self.session
        return silence_limit_s(self._policy, session.workload, session.pair, block_s=self._block_s)

    def _fix_pacing(self, first: Prepared, left_s: float) -> Pacing:
        try:
            device = self.session.workload.device
            pacing = Pacing.of_first(self._policy, first, left_s, device=device)
        except NoBlockFits as error:
            pace, least_s = error.pace, error.least_s * self._plan.budget_shares
            raise BudgetError(
                f"{self._budget} is too small for one block of {pace.block_s:.1f} s: "
                f"preparing took {pace.prepare_s:.1f} s",
                hint=f"allow at least --budget {math.ceil(least_s)}",
            ) from error
        if pacing.schedule.downgraded:
            self._note(
                "budget-downgraded",
                "warning",
                f"{self._budget} is too small for {self._policy.effort} effort: one process, "
                f"{pacing.schedule.blocks} blocks",
                "allow a larger --budget, or ask for --effort quick",
            )
        return pacing

    def _note(self, code: str, severity: Severity, message: str, hint: str | None = None) -> None:
        self._findings.append(Finding(code=code, severity=severity, message=message, hint=hint))

    def _observe(
        self,
        stage: Stage,
        process: int,
        *,
        planned: int = 0,
        running: ProcessRun | None = None,
        holder: Holder | None = None,
        exact: Mapping[str, float] | None = None,
    ) -> None:
        measurement, policy = self.measurement(), self._policy
        # Beside whole processes the first blocks of another would count as much as any of them.
        if running is not None and not any(run.blocks and not run.error for run in self.runs):
            measurement = replace(measurement, processes=(*measurement.processes, running))
        blocks = planned or self._shape.blocks
        block = blocks if stage == "measured" else len(running.blocks) if running else 0
        self._observer(
            Progress(
                stage=stage,
                title=self._title,
                session=self._index,
                sessions=self._sessions,
                process=process,
                processes=self._shape.processes,
                block=block,
                blocks=blocks,
                least_blocks=0 if policy.hard_budget else policy.min_blocks,
                elapsed_s=self._monotonic() - self._started_s,
                left_s=self._left_s(stage, process, blocks - block),
                aim_s=policy.budget_s * self._sessions if self._plan.timed else None,
                exact=exact or {},
                ratio=running_ratio(measurement),
                holder=holder,
            )
        )

    def _left_s(self, stage: Stage, process: int, blocks: int) -> float | None:
        """What this session will take, and as much as it aims at for each of those to come."""
        if not self._plan.timed or stage in ("memory", "energy"):
            return None
        policy, deadline_s = self._policy, self._deadline_s
        budget_s = policy.budget_s if deadline_s is None else max(deadline_s - self._monotonic(), 0.0)
        if self._pacing is None:
            left_s = budget_s
        else:
            following = self._shape.processes - process - (0 if stage == "preparing" else 1)
            pace = Pace(self._prepare_s, self._block_s)
            left_s = remaining_s(
                self._shape,
                pace,
                following=following,
                blocks=blocks if stage == "measuring" else 0,
                fewest=policy.min_blocks,
                budget_s=budget_s,
            )
            left_s = min(left_s, budget_s) if policy.hard_budget else left_s
        return left_s + policy.budget_s * (self._sessions - self._index - 1)


def halved(workload: Workload) -> Workload | None:
    """A training step that holds half as many images at once; None where there is no such step."""
    ranks = workload.world_size
    micro_batch_size = (workload.micro_batch_size or workload.batch_size) // ranks // 2 * ranks
    if workload.phase != "training" or micro_batch_size < 1:
        return None
    return replace(workload, micro_batch_size=micro_batch_size)
