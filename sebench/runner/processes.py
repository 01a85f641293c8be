"""The worker processes of one session: drawn, started, retried once, and recorded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from sebench.analysis.comparison import running_headline
from sebench.errors import BudgetError, WorkerError
from sebench.profilers.latency import block_seconds, draw_orders, steps_per_segment
from sebench.runner.placement import rank_placement
from sebench.runner.progress import Observer, Progress
from sebench.runner.schedule import Pace, Schedule, first_schedule, next_blocks, share_s
from sebench.runner.session import WorkerDied, WorkerSession, silence_limit_s
from sebench.runner.side_by_side import SideBySide, Trees
from sebench.schema import (
    Block,
    Finding,
    Measurement,
    Plan,
    ProcessRun,
    Session,
    Severity,
    Side,
    TimingPolicy,
)
from sebench.worker.protocol import Done, Failed, Go, Measured, Ready, Request

MAX_ATTEMPTS = 2
MAX_PADDING_BYTES = 4096
# A soft budget only plans; a machine that turns out slower may take this much longer.
SOFT_DEADLINE_FACTOR = 2.0


class WorkerFailed(WorkerError):  # noqa: N818 - says what happened
    """The worker said why it cannot measure; it would say so again."""


class OutOfMemory(WorkerFailed):
    """The batch does not fit; a smaller one might."""


class ProcessSeries:
    """Runs the processes of session `index` of a plan and keeps what they report in `runs`."""

    def __init__(
        self,
        plan: Plan,
        index: int,
        *,
        observer: Observer,
        command: Sequence[str],
        trees: Trees = MappingProxyType({}),
    ) -> None:
        self.runs: list[ProcessRun] = []
        self.runtime: dict[str, Any] = {}
        self._plan, self._index, self._session = plan, index, plan.sessions[index]
        self._observer, self._command, self._trees = observer, command, trees
        self._findings: list[Finding] = []
        self._schedule: Schedule | None = None
        self._steps_per_segment = 0
        self._prepare_s = 0.0
        self._block_s = 0.0
        """What a block of the latest process took: more than its steps on a machine that is busy."""
        self._compile_s: dict[Side, float] = {}
        self._gradient_bytes: dict[Side, int] = {}

    def measure(self, *, deadline_s: float) -> None:
        """Run processes until the schedule is filled, the deadline reached or one cannot be run.

        A hard budget that does not cover one block leaves nothing but a finding that says so.
        """
        if self._policy.hard_budget and time.monotonic() >= deadline_s:
            self._note("budget-spent", "error", *_BUDGET_SPENT)
            return
        process = 0
        while self._schedule is None or process < self._schedule.processes:
            try:
                measured = self._measure_process(process, deadline_s)
            except OutOfMemory as error:
                if not self._emulate():
                    self._note("worker-failed", "error", str(error))
                    return
                continue
            except BudgetError as error:
                self._note("budget-spent", "error", error.message, error.hint)
                return
            except WorkerError as error:
                self._note("worker-failed", "error", str(error))
                return
            if not measured:
                self._note(
                    "fewer-processes",
                    "warning",
                    f"the budget ended after {process} processes",
                    "allow a larger --budget",
                )
                return
            process += 1

    def announce_waiting(self) -> None:
        """Tell the observer that nothing happens until another run has ended."""
        self._observe(0, 0, waiting=True)

    def announce(self, activity: str) -> None:
        """Tell the observer that something else than times is measured now."""
        self._observe(self._schedule.processes if self._schedule else 0, 0, activity=activity)

    def measurement(self) -> Measurement:
        """All that was recorded so far."""
        return Measurement(
            workload=self._session.workload,
            policy=self._policy,
            processes=tuple(self.runs),
            findings=tuple(self._findings),
        )

    def _emulate(self) -> bool:
        """Halve the micro-batch for both sides before anything is measured; False if that is no way out."""
        workload = self._session.workload
        ranks = workload.world_size
        micro_batch_size = (workload.micro_batch_size or workload.batch_size) // ranks // 2 * ranks
        if workload.phase != "training" or self._schedule is not None or micro_batch_size < 1:
            return False
        smaller = replace(workload, micro_batch_size=micro_batch_size)
        self._session = replace(self._session, workload=smaller)
        self.runs.clear()
        self._findings = [finding for finding in self._findings if finding.code != "batch-emulated"]
        self._note(
            "batch-emulated",
            "warning",
            f"a batch of {workload.batch_size} does not fit; "
            f"both sides accumulate over {micro_batch_size} images",
            "compare it with emulated results only, or choose a smaller --batch-size",
        )
        return True

    @property
    def session(self) -> Session:
        """The pair and its workload, as it is measured in the end."""
        return self._session

    @property
    def _policy(self) -> TimingPolicy:
        return self._plan.policy

    def _measure_process(self, process: int, deadline_s: float) -> bool:
        """Whether blocks were measured; False once the deadline leaves no room for any."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return self._attempt(process, attempt, deadline_s)
            except WorkerDied as error:
                if attempt == MAX_ATTEMPTS:
                    raise
                self._note("worker-retried", "warning", f"{error}; process {process + 1} was started again")
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _attempt(self, process: int, attempt: int, deadline_s: float) -> bool:
        rng = Random(f"{self._plan.seed}/{self._index}/{process}/{attempt}")
        request = self._request(rng)
        blocks: list[Block] = []
        error: str | None = None
        started_s = time.monotonic()
        self._observe(process, 0)
        try:
            with self._start(request, rng) as worker:
                ready = _expect_ready(worker)
                self._prepare_s = time.monotonic() - started_s
                self.runtime, self._compile_s = ready.runtime, ready.compile_s
                self._gradient_bytes = ready.gradient_bytes
                go = self._go(ready, process, rng, deadline_s)
                begun_s = time.monotonic()
                worker.go(go)
                for block in _blocks(worker):
                    blocks.append(block)
                    record = self._record(process, attempt, request, blocks, None)
                    self._block_s = (time.monotonic() - begun_s) / len(blocks)
                    self._observe(process, len(go.orders), record)
        except WorkerError as failure:
            error = str(failure)
            raise
        finally:
            if blocks or error:
                self.runs.append(self._record(process, attempt, request, blocks, error))
        return bool(blocks)

    def _request(self, rng: Random) -> Request:
        sides: list[Side] = ["baseline", "candidate"]
        rng.shuffle(sides)
        return Request(
            pair=self._session.pair,
            workload=self._session.workload,
            policy=self._policy,
            build_order=tuple(sides),
            weight_seed=self._plan.seed,
            process_seed=rng.getrandbits(32),
        )

    def _start(self, request: Request, rng: Random) -> WorkerSession | SideBySide:
        threads = str(self._session.workload.threads)
        environ = {
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            **rank_placement(self._session.workload.world_size),
            "PYTHONHASHSEED": str(rng.getrandbits(32)),
            # The size of the environment moves the stack, which alone changes timings (Mytkowicz 2009).
            "SEBENCH_PADDING": "x" * rng.randrange(MAX_PADDING_BYTES),
        }
        timeout_s = silence_limit_s(self._policy, self._session.workload)
        start = partial(SideBySide, trees=self._trees) if self._trees else WorkerSession
        return start(request, command=self._command, environ=environ, timeout_s=timeout_s)

    def _go(self, ready: Ready, process: int, rng: Random, deadline_s: float) -> Go:
        left_s, hard = deadline_s - time.monotonic(), self._policy.hard_budget
        steps = self._steps_per_segment or steps_per_segment(ready.step_s, self._policy)
        block_s = max(self._block_s, block_seconds(ready.step_s, steps, self._policy))
        pace = Pace(self._prepare_s, block_s)
        if self._schedule is None:
            self._steps_per_segment = steps
            self._schedule = self._first_schedule(pace, left_s)
            count = self._schedule.blocks
        else:
            count = next_blocks(self._schedule, process, pace, left_s)
            if not hard:
                count = max(count, min(self._policy.min_blocks, self._schedule.blocks))
        latest_s = SOFT_DEADLINE_FACTOR * count * pace.block_s
        if hard:
            latest_s = min(left_s - block_s, share_s(self._schedule, process, pace, left_s))
        return Go(steps_per_segment=steps, orders=draw_orders(count, rng), deadline_s=latest_s)

    def _first_schedule(self, pace: Pace, left_s: float) -> Schedule:
        schedule = first_schedule(self._policy, pace, left_s)
        if schedule.downgraded:
            self._note(
                "budget-downgraded",
                "warning",
                f"the budget is short of {self._policy.effort} effort: one process, {schedule.blocks} blocks",
                "allow a larger --budget, or ask for --effort quick",
            )
        return schedule

    def _record(
        self, process: int, attempt: int, request: Request, blocks: list[Block], error: str | None
    ) -> ProcessRun:
        return ProcessRun(
            process=process,
            attempt=attempt,
            seed=request.process_seed,
            build_order=request.build_order,
            steps_per_segment=self._steps_per_segment,
            prepare_s=self._prepare_s,
            compile_s=self._compile_s,
            gradient_bytes=self._gradient_bytes,
            blocks=tuple(blocks),
            error=error,
        )

    def _note(self, code: str, severity: Severity, message: str, hint: str | None = None) -> None:
        self._findings.append(Finding(code=code, severity=severity, message=message, hint=hint))

    def _observe(
        self,
        process: int,
        planned: int,
        running: ProcessRun | None = None,
        *,
        waiting: bool = False,
        activity: str = "",
    ) -> None:
        measurement = self.measurement()
        if running is not None:
            measurement = replace(measurement, processes=(*measurement.processes, running))
        schedule = self._schedule or Schedule(self._policy.processes, self._policy.min_blocks)
        pair = self._session.pair
        self._observer(
            Progress(
                session=self._index,
                sessions=len(self._plan.sessions),
                title=pair.title,
                process=process,
                processes=schedule.processes,
                block=len(running.blocks) if running else 0,
                blocks=planned or schedule.blocks,
                ratio=running_headline(measurement),
                waiting=waiting,
                activity=activity,
            )
        )


_BUDGET_SPENT = ("the budget was spent on what came before", "allow a larger --budget")


def _expect_ready(worker: WorkerSession | SideBySide) -> Ready:
    reply = worker.receive()
    if isinstance(reply, Failed):
        raise (OutOfMemory if reply.code == "memory" else WorkerFailed)(reply.message)
    if not isinstance(reply, Ready):
        raise WorkerDied(f"a worker process sent {type(reply).__name__} before it was ready")
    return reply


def _blocks(worker: WorkerSession | SideBySide) -> Iterator[Block]:
    while not isinstance(reply := worker.receive(), Done):
        if isinstance(reply, Failed):
            raise WorkerFailed(reply.message)
        if isinstance(reply, Measured):
            yield reply.block
