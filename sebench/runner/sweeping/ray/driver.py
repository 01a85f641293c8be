"""Ray's driver: ``python -P -m sebench.runner.sweeping.ray.driver``, started by the runner.

Ray writes to the driver's standard output, waits without an end and ends the process when the head of the
cluster is gone; so it has a process of its own. That reads one `Job`, says `Message`s on what was its
standard output, and ends when its standard input does.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

import msgspec

from sebench.errors import EXIT_INTERRUPTED, EXIT_OK, SebenchError, UsageError
from sebench.runner.sweeping.ray import seat as seat_module
from sebench.runner.sweeping.ray.dispatch import MOST_LOSSES, Dispatcher, Start, need_of
from sebench.runner.sweeping.ray.messages import (
    Alive,
    Began,
    CaseReply,
    CaseRequest,
    Cases,
    Job,
    Joined,
    LeftOut,
    Loaded,
    Lost,
    Message,
    NodeFacts,
    Over,
    Refused,
    take_pipes,
)
from sebench.runner.sweeping.ray.nodes import chosen, require_nodes, require_same_versions
from sebench.schema.sweep import Case, CaseOutcome

POLL_S = 1.0
NEWS_PERIOD_S = 5.0
"""How often the driver says that it lives, and asks which nodes do."""
FETCH_S = 30.0
"""How long a reply may take from its node."""
OVERTIME_S = 60.0
"""After its own time limit a case is ended from here."""
STOP_S = 12.0
AHEAD = 32
"""Cases whose networks are counted together."""
WANTED_PERIOD_S = 30.0
"""How often seats are told that they are."""
SILENCE_S = 150.0
"""After which a seat that is told nothing ends its cases."""
MOST_SEATS = 3
"""How often Ray's process on a node that lives is started again."""

_LONGEST_TEXT = 400
_BESIDE = 3
"""Threads of a seat besides those that run cases: one watches, one stops cases, one hears the rest."""


@dataclass(slots=True)
class _Seat:
    node: str
    host: str
    gpus: int
    actor: Any
    described_by_s: float


@dataclass(slots=True)
class _Run:
    start: Start
    seat: _Seat
    end_s: float | None
    """When it is ended; None is never."""
    stopping: bool = False


class Runner:
    """Whom all this is for, at the other end of two pipes.

    Args:
        requests: what it asks, one message a line.
        replies: what it is told.
    """

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self._requests, self._replies = requests, replies
        self._asked: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.has_gone = threading.Event()
        """Set when nobody waits for the rest."""
        threading.Thread(target=self._listen, daemon=True).start()

    def read(self) -> bytes | None:
        """Its next message; None when it has gone."""
        return self._asked.get()

    def send(self, message: Message) -> None:
        """Tell it something; who has gone does not hear it."""
        with contextlib.suppress(BrokenPipeError):
            self._replies.write(msgspec.json.encode(message) + b"\n")
            self._replies.flush()

    def _listen(self) -> None:
        for line in self._requests:
            self._asked.put(line)
        self.has_gone.set()
        self._asked.put(None)


class Driver:
    """Runs a job on a cluster that this process has joined.

    Args:
        ray: the module.
        job: to run.
        runner: whom it is for.
    """

    def __init__(self, ray: Any, job: Job, runner: Runner) -> None:  # noqa: ANN401 - has no types
        self._ray, self._job, self._runner = ray, job, runner
        self._send, self._stop = runner.send, runner.has_gone
        # By value: nodes need not have it, and are told apart by that.
        ray.cloudpickle.register_pickle_by_value(seat_module)
        self._class = ray.remote(seat_module.Seat)
        self._dispatcher = Dispatcher(())
        self._code: dict[str, tuple[str, ...]] = {}
        self._opening: dict[Any, _Seat] = {}
        self._seats: dict[str, _Seat] = {}
        self._runs: dict[Any, _Run] = {}
        self._opened: dict[str, int] = {}
        self._without_place: dict[str, float] = {}
        self._told_s = self._wanted_s = time.monotonic()

    def run(self) -> None:
        """Until all cases are over, or it is asked to stop.

        Raises:
            SebenchError: nothing can be measured.
        """
        try:
            facts = self._gather()
            if (asked := self._runner.read()) is None:
                return
            self._take_cases(msgspec.json.decode(asked, type=Cases), facts)
            while not (self._dispatcher.is_over or self._stop.is_set()):
                self._start()
                self._listen()
                self._end_late_ones()
                if time.monotonic() - self._told_s >= NEWS_PERIOD_S:
                    self._look_around()
                self._give_up()
        finally:
            self._close()

    # --- nodes ------------------------------------------------------------------------------------------

    def _gather(self) -> list[NodeFacts]:
        """Take all nodes that are there.

        Raises:
            SebenchError: there are none, or their versions differ.
        """
        job = self._job
        for node in require_nodes(self._ray.nodes(), job.labels):
            self._open(node)
        described: list[NodeFacts] = []
        reasons: list[str] = []
        while self._opening and not self._stop.is_set():
            for seat, found in self._described(within_s=POLL_S):
                if isinstance(found, NodeFacts):
                    described.append(found)
                    self._seats[found.node] = seat
                else:
                    reasons.append(f"{seat.host} {found}")
                    self._send(LeftOut(host=seat.host, reason=found))
            self._tell_life()
        if self._stop.is_set():
            return []
        if not described:
            raise SebenchError(f"no node of the Ray cluster takes cases: {'; '.join(reasons)}")
        require_same_versions(described, job.own)
        self._send(Joined(nodes=tuple(described)))
        return described

    def _open(self, node: Mapping[str, Any]) -> None:
        """Take all that Ray has to give of a node, as soon as it is free."""
        resources, name, strategies = node["Resources"], node["NodeID"], self._ray.util.scheduling_strategies
        gpus = int(resources.get("GPU", 0))
        actor = self._class.options(
            num_cpus=resources["CPU"],
            num_gpus=gpus,
            max_concurrency=max(gpus, 1) + _BESIDE,
            # Whatever was lost is started again from here, where it is known what that was.
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(node_id=name, soft=False),
        ).remote()
        self._opened[name] = self._opened.get(name, 0) + 1
        end_s = time.monotonic() + self._job.patience_s
        seat = _Seat(name, str(node["NodeManagerHostname"]), gpus, actor, end_s)
        self._opening[actor.describe.remote()] = seat
        actor.watch.remote(SILENCE_S)

    def _described(self, within_s: float) -> list[tuple[_Seat, NodeFacts | str]]:
        """Seats that were opened, each with what it says of its node, or why it cannot be taken."""
        found: list[tuple[_Seat, NodeFacts | str]] = []
        for reference in self._ready(list(self._opening), within_s):
            seat = self._opening.pop(reference)
            found.append((seat, self._facts(reference, seat)))
        for reference, seat in list(self._opening.items()):
            if time.monotonic() > seat.described_by_s:
                del self._opening[reference]
                reason = (
                    f"did not answer within {self._job.patience_s:g} s: other work may hold its CPUs or GPUs"
                )
                found.append((seat, reason))
        for seat, facts in found:
            if isinstance(facts, str):
                self._kill(seat)
        return found

    def _facts(self, reference: Any, seat: _Seat) -> NodeFacts | str:  # noqa: ANN401
        try:
            said = self._ray.get(reference, timeout=FETCH_S)
        except Exception as error:  # noqa: BLE001 - whatever Ray or the node's Python says
            return f"cannot take cases: {_in_one_line(error)}"
        return msgspec.convert({**said, "node": seat.node, "gpus": seat.gpus}, NodeFacts)

    def _look_around(self) -> None:
        """Nodes that are gone, and those that have come since."""
        if time.monotonic() - self._wanted_s >= WANTED_PERIOD_S:
            self._wanted_s = time.monotonic()
            for seat in self._seats.values():
                seat.actor.still_wanted.remote()
        nodes = self._ray.nodes()
        alive = {node["NodeID"] for node in nodes if node["Alive"]}
        for name in [name for name in self._seats if name not in alive]:
            self._lose(self._seats[name])
        opening = {seat.node for seat in self._opening.values()}
        for node in chosen(nodes, self._job.labels):
            name = node["NodeID"]
            if name not in self._seats and name not in opening and self._opened.get(name, 0) < MOST_SEATS:
                self._open(node)
        self._tell_life()

    def _take(self, seat: _Seat, found: NodeFacts | str) -> None:
        """A node that has come while others measure: a wrong one is left out."""
        if isinstance(found, NodeFacts):
            try:
                others = [place.facts for place in self._dispatcher.places.values()]
                require_same_versions([*others, found], self._job.own)
            except SebenchError as error:
                self._kill(seat)
                found = error.message
            else:
                self._seats[seat.node] = seat
                self._dispatcher.join(found)
                self._send(Joined(nodes=(found,)))
                return
        self._opened[seat.node] = MOST_SEATS
        self._send(LeftOut(host=seat.host, reason=found))

    def _lose(self, seat: _Seat) -> None:
        """A node, or Ray's process there, is gone."""
        self._seats.pop(seat.node, None)
        self._runs = {reference: run for reference, run in self._runs.items() if run.seat is not seat}
        self._kill(seat)  # one that is only out of sight
        again, given_up = self._dispatcher.leave(seat.node)
        self._send(Lost(host=seat.host, cases=tuple(case.id for case in again)))
        for case in given_up:
            reason = f"its node, or Ray's process there, was lost {MOST_LOSSES} times, at last {seat.host}"
            self._tell_failure(case, reason, seat.host)

    # --- cases ------------------------------------------------------------------------------------------

    def _take_cases(self, asked: Cases, nodes: Sequence[NodeFacts]) -> None:
        self._dispatcher, self._code = Dispatcher(asked.cases), asked.code
        for facts in nodes:
            self._dispatcher.join(facts)

    def _start(self) -> None:
        job = self._job
        for start in self._dispatcher.starts():
            case, seat = start.case, self._seats[start.place.facts.node]
            # Those of another device may not go to this node.
            alike = (each for each in self._dispatcher.waiting if each.request.device == case.request.device)
            request = CaseRequest(
                case=case,
                ahead=tuple(islice(alike, AHEAD)),
                code=self._code.get(case.id, ()),
                argv=job.argv,
                cache=job.cache,
                calibrations=job.calibrations,
            )
            reference = seat.actor.measure.remote(
                case.id, msgspec.to_builtins(request), list(job.command), job.directory, start.gpu
            )
            limit_s = case.timeout_s
            end_s = None if limit_s is None else time.monotonic() + limit_s + OVERTIME_S
            self._runs[reference] = _Run(start, seat, end_s)
            self._send(Began(case=case.id, host=seat.host))

    def _listen(self) -> None:
        """Whatever is over by now, or in a second."""
        waited_for = [*self._opening, *self._runs]
        if not waited_for:
            self._stop.wait(POLL_S)
            return
        for reference in self._ready(waited_for, POLL_S):
            if run := self._runs.get(reference):
                self._finish(reference, run)
        if self._opening:
            for seat, found in self._described(within_s=0):
                self._take(seat, found)

    def _ready(self, references: list[Any], within_s: float) -> list[Any]:
        """Those that can be had by now, as soon as there is one."""
        ready, _ = self._ray.wait(references, num_returns=1, timeout=within_s)
        if ready:
            ready, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        return list(ready)

    def _finish(self, reference: Any, run: _Run) -> None:  # noqa: ANN401
        exceptions, case = self._ray.exceptions, run.start.case
        try:
            status, reply, last_words = self._ray.get(reference, timeout=FETCH_S)
        except exceptions.RayTaskError as error:  # of the seat's own code: again it would be the same
            del self._runs[reference]
            self._fail(case, f"{run.seat.host}: {_in_one_line(error)}", run.seat.host)
        except (exceptions.RayError, exceptions.GetTimeoutError):
            if run.stopping:  # it was beyond its time, and had to be ended with its seat
                self._fail(case, f"timed out after {case.timeout_s:g} s", run.seat.host)
            self._lose(run.seat)
        else:
            del self._runs[reference]
            if _is_reply(reply, case):
                if self._dispatcher.finish(case.id):
                    self._send(Over(reply=msgspec.Raw(reply.strip())))
                return
            ended = f"timed out after {case.timeout_s:g} s" if run.stopping else _ending(status, last_words)
            self._fail(case, ended, run.seat.host)

    def _end_late_ones(self) -> None:
        """A case that goes on beyond its own limit is stopped; where that does not help, with its seat."""
        now_s = time.monotonic()
        for run in list(self._runs.values()):
            if run.end_s is None or now_s < run.end_s:
                continue
            if run.stopping:
                self._kill(run.seat)
            else:
                run.seat.actor.stop.remote(run.start.case.id)
            run.stopping, run.end_s = True, now_s + STOP_S

    def _give_up(self) -> None:
        """On cases that no node could take for too long, were it idle."""
        now_s = time.monotonic()
        without = {case.id: case for case in self._dispatcher.without_place()}
        known = self._without_place
        self._without_place = {each: known.get(each, now_s) for each in without}
        for each, since_s in self._without_place.items():
            if now_s - since_s < self._job.pending_s:
                continue
            gpus = need_of(without[each]).gpus
            has = "no node" if not self._seats else f"no node with {gpus} GPU{'' if gpus == 1 else 's'}"
            self._fail(without[each], f"{has} was there to take it for {self._job.pending_s:g} s", "")

    def _fail(self, case: Case, reason: str, host: str) -> None:
        if self._dispatcher.finish(case.id):
            self._tell_failure(case, reason, host)

    def _tell_failure(self, case: Case, reason: str, host: str) -> None:
        outcome = CaseOutcome(id=case.id, status="failed", reason=reason, machine=host)
        self._send(Over(reply=msgspec.Raw(msgspec.json.encode(CaseReply(outcome=outcome)))))

    # --- the end ----------------------------------------------------------------------------------------

    def _tell_life(self) -> None:
        if time.monotonic() - self._told_s >= NEWS_PERIOD_S:
            self._told_s = time.monotonic()
            self._send(Alive())

    def _close(self) -> None:
        """Cases may clean up; then nothing of this job is left on the cluster."""
        seats = [*self._seats.values(), *self._opening.values()]
        busy = {run.seat.node: run.seat for run in self._runs.values()}
        if stops := [seat.actor.stop.remote() for seat in busy.values()]:
            self._ray.wait(stops, num_returns=len(stops), timeout=STOP_S)
            self._ray.wait(list(self._runs), num_returns=len(self._runs), timeout=POLL_S)
        for seat in seats:
            self._kill(seat)

    def _kill(self, seat: _Seat) -> None:
        with contextlib.suppress(Exception):  # it may be gone, and its node too
            self._ray.kill(seat.actor, no_restart=True)


def _is_reply(data: bytes, case: Case) -> bool:
    try:
        return msgspec.json.decode(data, type=CaseReply).outcome.id == case.id
    except msgspec.DecodeError:
        return False


def _ending(status: int, last_words: str) -> str:
    if status == 0:
        return "its process sent no answer that can be read"
    if status == EXIT_INTERRUPTED:
        return "its process was interrupted on its node"
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    return f"its process {how}{f': {last_words}' if last_words else ''}"


def _in_one_line(error: BaseException) -> str:
    """The last line of a text of Ray's, which is the cause where it quotes a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


# --- the process ----------------------------------------------------------------------------------------


def main() -> int:
    """Run the job that stands on standard input."""
    runner = Runner(*take_pipes())
    if (line := runner.read()) is None:
        return EXIT_INTERRUPTED
    try:
        _run(msgspec.json.decode(line, type=Job), runner)
    except SebenchError as error:
        runner.send(Refused(message=error.message, hint=error.hint, usage=isinstance(error, UsageError)))
    return EXIT_OK


def _run(job: Job, runner: Runner) -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray  # noqa: PLC0415 - an extra
    import ray.util.scheduling_strategies  # noqa: PLC0415

    runner.send(Loaded())
    try:
        # Without an address Ray would join whatever cluster it finds, or start one.
        ray.init(address=job.address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        if isinstance(error, ConnectionError) and job.address == "auto":
            raise SebenchError(
                "--ray auto: there is no Ray cluster on this machine",
                hint="make one with 'ray start --head', or start sebench on a machine of one",
            ) from error
        raise SebenchError(
            f"--ray {job.address}: {' '.join(str(error).split())[:_LONGEST_TEXT].rstrip('.')}",
            hint="start sebench on a machine of the cluster, with the Ray that runs there",
        ) from error
    try:
        Driver(ray, job, runner).run()
    finally:
        ray.shutdown()


if __name__ == "__main__":
    sys.exit(main())
