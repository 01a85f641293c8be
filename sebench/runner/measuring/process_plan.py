"""The plan of one worker process: what is drawn for it, what it measures, and the record of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

from msgspec.structs import replace

from sebench.runner.workers.child import worker_environ
from sebench.runner.workers.session import Worker, WorkerDied, WorkerFailed
from sebench.schema import Block, Pair, Plan, ProcessRun, Session, Side, TimingPolicy, Workload, runtime_info
from sebench.worker.protocol import Done, Failed, Measured, Request

MAX_PADDING_BYTES = 4096
# A block may take this many times as long as those before it.
BLOCK_PATIENCE = 10


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """What is drawn for a process before it starts; the same seed draws the same."""

    process: int
    attempt: int
    request: Request
    environ: Mapping[str, str]
    rng: Random
    """Draws what follows."""

    @property
    def run(self) -> ProcessRun:
        """The record of it before it has said anything."""
        return ProcessRun(
            process=self.process,
            attempt=self.attempt,
            seed=self.request.process_seed,
            build_order=self.request.build_order,
            steps_per_segment=0,
            prepare_s=0.0,
        )


def plan_process(
    plan: Plan,
    index: int,
    session: Session,
    process: int,
    attempt: int,
    *,
    exported: Mapping[Side, str] = MappingProxyType({}),
) -> ProcessPlan:
    """Draw build order, seeds and environment of a process.

    Args:
        plan: its policy and seed.
        index: of the session in the plan.
        session: the pair and its workload, as it is measured.
        process: counted from 0.
        attempt: counted from 1.
        exported: as in `Request`.
    """
    draw = f".{plan.draw}" if plan.draw else ""
    rng = Random(f"{plan.seed}{draw}/{index}/{process}/{attempt}")
    # A later process finds the machine warm; the clocks of an accelerator fall in between.
    warm = process > 0 and session.workload.device == "cpu"
    policy = replace(plan.policy, warmup_busy_s=0.0, warmup_steps=1) if warm else plan.policy
    request = replace(draw_request(plan, session, rng, exported=exported), policy=policy)
    environ = worker_environ(
        session.workload,
        session.pair,
        number=process,
        PYTHONHASHSEED=str(rng.getrandbits(32)),
        # The size of the environment moves the stack, which alone changes timings (Mytkowicz 2009).
        SEBENCH_PADDING="x" * rng.randrange(MAX_PADDING_BYTES),
    )
    return ProcessPlan(process, attempt, request, environ, rng)


def draw_request(
    plan: Plan, session: Session, rng: Random, *, exported: Mapping[Side, str] = MappingProxyType({})
) -> Request:
    """Draw which side a process builds first, and its seed.

    Args:
        plan: its policy and seed.
        session: the pair and its workload, as it is measured.
        rng: what it is drawn from.
        exported: as in `Request`.
    """
    sides: list[Side] = ["baseline", "candidate"]
    rng.shuffle(sides)
    return Request(
        pair=session.pair,
        workload=session.workload,
        policy=plan.policy,
        build_order=tuple(sides),
        weight_seed=plan.seed,
        process_seed=rng.getrandbits(32),
        exported=dict(exported),
    )


def measured_blocks(worker: Worker) -> Iterator[Block]:
    """The blocks of a worker that was told to go, each as soon as it is measured.

    Raises:
        WorkerFailed: it said why it cannot go on.
        WorkerDied: it ended, stayed silent for too long or sent something else.
    """
    while not isinstance(reply := worker.receive(), Done):
        if isinstance(reply, Failed):
            raise WorkerFailed(reply.message)
        if not isinstance(reply, Measured):
            raise WorkerDied(f"a worker process sent {type(reply).__name__} instead of a block")
        yield reply.block


def silence_limit_s(
    policy: TimingPolicy, workload: Workload, pair: Pair | None = None, *, block_s: float = 0.0
) -> float:
    """How long a worker may say nothing.

    Args:
        policy: its `timeout_s` is the least.
        workload: how long its runtime may be silent.
        pair: whose sides may have runtimes of their own.
        block_s: what a block is expected to take, once that is known.
    """
    sides = () if pair is None else (pair.baseline, pair.candidate)
    runtimes = {workload.runtime, *(workload.of(side).runtime for side in sides)}
    base_s = policy.timeout_s * max(runtime_info(runtime).patience for runtime in runtimes)
    return max(base_s, BLOCK_PATIENCE * block_s)
