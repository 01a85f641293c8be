"""Profiles of pairs: one worker process each, counts, and what follows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from random import Random

from sebench.analysis.profile import conclude_profile
from sebench.errors import UsageError, WorkerError
from sebench.runner.counting import count_model
from sebench.runner.processes import thread_placement
from sebench.runner.session import WORKER_COMMAND, WorkerSession
from sebench.schema import ModelSpec, Plan, Profile, ProfileSamples, Session, StaticCost
from sebench.store import CountCache
from sebench.worker.protocol import Failed, Profiled, ProfileRequest

STEPS = 7
TIMEOUT_S = 900.0


def profile_session(
    session: Session, plan: Plan, *, cache: CountCache | None, command: Sequence[str] = WORKER_COMMAND
) -> Profile:
    """Take the candidate of a session apart.

    Args:
        session: plain against SE.
        plan: its policy and seed.
        cache: of earlier counts.
        command: how a worker is started.

    Raises:
        UsageError: the candidate has no parts to tell apart.
        WorkerError: the worker could not measure.
    """
    candidate = session.pair.candidate.variant
    if candidate == "plain" or "squeeze=none" in candidate:
        raise UsageError(
            f"--variant {candidate} has no squeeze, excite and scale to tell apart", hint="use --variant se"
        )
    samples = _measure(session, plan, command)
    plain_cost, cost = (
        _count(spec, session, cache) for spec in (session.pair.baseline, session.pair.candidate)
    )
    return conclude_profile(session.pair, session.workload, samples, plain_cost, cost)


def _measure(session: Session, plan: Plan, command: Sequence[str]) -> ProfileSamples:
    rng = Random(f"{plan.seed}/profile")
    request = ProfileRequest(
        pair=session.pair,
        workload=session.workload,
        policy=plan.policy,
        steps=STEPS,
        weight_seed=plan.seed,
        process_seed=rng.getrandbits(32),
    )
    threads = str(session.workload.threads)
    environ = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, **thread_placement(os.environ)}
    with WorkerSession(request, command=command, environ=environ, timeout_s=TIMEOUT_S) as worker:
        match worker.receive():
            case Profiled(samples=samples):
                return samples
            case Failed(message=message):
                raise WorkerError(message)
            case reply:
                raise WorkerError(f"a worker process sent {type(reply).__name__} instead of a profile")


def _count(spec: ModelSpec, session: Session, cache: CountCache | None) -> StaticCost:
    load = session.workload
    counted = count_model(spec, load.input_shape, phase=load.phase, dtype=load.dtype, cache=cache)
    return counted.cost
