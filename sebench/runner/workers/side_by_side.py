"""A pair whose sides come from different trees: one worker each, run in turn by the runner itself.

Both workers live at the same time and only one of them ever works, so the segments of a block are as close in
time as those of a pair in one process: drift is common to both sides.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

import psutil
from msgspec.structs import replace

from sebench.profilers.device import Timing
from sebench.profilers.latency import warm_up
from sebench.profilers.probes import Probe, canary, read_probe
from sebench.runner.repository.worktree import Trees, repository_root, tree_of
from sebench.runner.workers.session import WorkerDied, WorkerFailed, WorkerSession, expect
from sebench.schema import DeviceState, ModelSpec, Side
from sebench.worker.blocks import timed_blocks
from sebench.worker.protocol import (
    Done,
    Failed,
    Finish,
    Go,
    Measured,
    Ready,
    Reply,
    Request,
    Run,
    SideReady,
    SideRequest,
    Timed,
)


@dataclass
class SideWorker:
    """A worker of one side, which runs steps when it is told to."""

    session: WorkerSession
    ready: SideReady
    restored: bool = False
    """Whether either side's network writes to its input."""
    state: DeviceState | None = None
    """Of its device, after its latest steps."""

    def timed(self, count: int) -> Timing:
        """Run `count` steps.

        Raises:
            WorkerDied: it ended, stayed silent for too long, or fails at what it could do before.
        """
        self.session.go(Run(count=count, restored=self.restored))
        try:
            reply = expect(self.session, Timed)
        except WorkerFailed as error:  # it ran before, so it may run again
            raise WorkerDied(str(error)) from error
        self.state = reply.state
        return Timing(
            steps_s=reply.steps_s,
            forward_s=reply.forward_s,
            device_s=reply.device_s,
            submit_s=reply.submit_s,
        )

    def finished(self, steps_per_segment: int) -> Reply:
        """What it says of its last steps."""
        self.session.go(Finish(steps_per_segment=steps_per_segment))
        return self.session.receive()


class SideDevice:
    """Times two workers in turn: a `Stopwatch` whose steps run elsewhere, each by its worker's own clock."""

    def __init__(self) -> None:
        self._state: DeviceState | None = None

    def clock(self) -> float:
        """Monotonic seconds."""
        return time.perf_counter()

    def timed(self, step: SideWorker, count: int) -> Timing:
        """Have a worker run `count` steps."""
        timing = step.timed(count)
        self._state = step.state
        return timing

    def pause(self, duration_s: float) -> None:
        """Idle."""
        time.sleep(duration_s)

    def canary_s(self) -> float:
        """Time of a fixed piece of work in this process."""
        return canary(clock=self.clock)

    def state(self) -> DeviceState | None:
        """Of the device of the worker that ran last."""
        return self._state


class SideBySide:
    """Two workers that look like one `WorkerSession`: `Ready`, after `go` a `Measured` per block, `Done`."""

    def __init__(
        self,
        request: Request,
        trees: Trees,
        *,
        command: Sequence[str],
        environ: Mapping[str, str],
        timeout_s: float,
        ready_within_s: float | None = None,
        side_device: Callable[[], SideDevice] = SideDevice,
        read_probe: Callable[[], Probe] = read_probe,
    ) -> None:
        self._request = request
        self._device, self._read_probe = side_device(), read_probe
        self._open = partial(
            WorkerSession,
            command=command,
            environ=environ,
            timeout_s=timeout_s,
            ready_within_s=ready_within_s,
        )
        self._trees = trees
        self._stack = ExitStack()
        self._sides: dict[Side, SideWorker] = {}
        self._replies = self._run()
        self._go: Go | None = None

    def __enter__(self) -> SideBySide:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def go(self, message: Go) -> None:
        """Let it measure."""
        self._go = message

    def receive(self) -> Reply:
        """The next message.

        Raises:
            WorkerDied: a worker ended or stayed silent for too long.
            OutOfTime: they were not ready in time.
        """
        return next(self._replies)

    def allow_silence(self, limit_s: float) -> None:
        """From now on either of them may say nothing for `limit_s`, and has all the time it needs."""
        for worker in self._sides.values():
            worker.session.allow_silence(limit_s)

    def _run(self) -> Iterator[Reply]:
        failed = self._start()
        if failed is not None:
            yield failed
            return
        ready = [worker.ready for worker in self._sides.values()]
        writing = tuple(side for side, worker in self._sides.items() if worker.ready.writes_input)
        for worker in self._sides.values():
            worker.restored = bool(writing)
        warmth = warm_up(self._sides, self._device, self._request.policy)
        compile_s = {side: worker.ready.compile_s for side, worker in self._sides.items()}
        yield Ready(
            step_s=warmth.step_s,
            after_change=warmth.after_change,
            compile_s={side: took_s for side, took_s in compile_s.items() if took_s is not None},
            writes_input=writing,
            runtime=ready[0].runtime,
        )
        if self._go is not None:
            for block in timed_blocks(self._go, self._request, self._sides, self._device, self._probe):
                yield Measured(block=block)
            for side, worker in self._sides.items():
                reply = worker.finished(self._go.steps_per_segment)
                if isinstance(reply, Failed):
                    yield self._named(side, reply)
                    return
        yield Done()

    def _start(self) -> Failed | None:
        """Start both, so that they import at the same time, then hear what each has to say."""
        sessions = {side: self._open_side(side) for side in self._request.build_order}
        for side, session in sessions.items():
            reply = session.receive()
            if isinstance(reply, Failed):
                return self._named(side, reply)
            if not isinstance(reply, SideReady):
                raise WorkerDied(f"a worker process sent {type(reply).__name__} instead of SideReady")
            self._sides[side] = SideWorker(session, reply)
        return None

    def _spec(self, side: Side) -> ModelSpec:
        pair = self._request.pair
        return pair.baseline if side == "baseline" else pair.candidate

    def _named(self, side: Side, failed: Failed) -> Failed:
        return replace(failed, message=f"{self._spec(side).label}: {failed.message}")

    def _open_side(self, side: Side) -> WorkerSession:
        spec = self._spec(side)
        request = SideRequest(
            exported=self._request.exported.get(side),
            spec=spec,
            workload=self._request.workload,
            weight_seed=self._request.weight_seed,
            not_from=None if spec.commit is None else str(repository_root(Path.cwd())),
        )
        directory = tree_of(spec, self._trees)
        return self._stack.enter_context(self._open(request, directory=directory))

    def _probe(self) -> Probe:
        """The host's counters, with the CPU time of the workers rather than our own."""
        used = (psutil.Process(worker.session.pid).cpu_times() for worker in self._sides.values())
        return dataclasses.replace(
            self._read_probe(), process_cpu_s=sum(times.user + times.system for times in used)
        )
