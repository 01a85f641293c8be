"""Profiles of pairs, in one worker process each, and of modules that exist; counts, and what follows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import msgspec
import platformdirs
from msgspec.structs import replace

from sebench import profilers
from sebench.analysis.module_profile import conclude_module_profile
from sebench.analysis.profile import conclude_profile
from sebench.errors import UsageError, WorkerError
from sebench.runner.counting.counter import Counter, counted_dtype
from sebench.runner.counting.pair import require_memory
from sebench.runner.measuring.device_lock import Announce, alone_on
from sebench.runner.measuring.result import CAPTURED
from sebench.runner.workers.child import worker_environ
from sebench.runner.workers.session import WORKER_COMMAND, ask
from sebench.schema import (
    ATTENTION_KINDS,
    Environment,
    Finding,
    Machine,
    ModelSpec,
    ModuleProfile,
    Plan,
    Profile,
    Session,
    StaticCost,
    Workload,
    fingerprint,
    parse_variant,
)
from sebench.store import CountCache, MachineCache
from sebench.worker.protocol import Profiled, ProfileRequest

if TYPE_CHECKING:
    from torch import nn

Measure = Callable[[Session, Plan, Machine | None, Sequence[str]], Profiled]
STEPS = 7
TIMEOUT_S = 900.0


def default_machine_cache() -> MachineCache:
    """The cache in the user's cache directory."""
    return MachineCache(Path(platformdirs.user_cache_dir("sebench")) / "machines")


def machine_key(workload: Workload, environment: Environment) -> str | None:
    """What has to agree for bounds to hold; None for accelerators, whose bounds take a moment to measure."""
    if workload.device != "cpu":
        return None
    method = hashlib.sha256((Path(profilers.__path__[0]) / "roofline.py").read_bytes()).hexdigest()
    described = {"threads": workload.threads, "dtype": workload.dtype, "device": workload.device}
    return f"{fingerprint(environment)} {method} {msgspec.json.encode(described, order='sorted').decode()}"


def run_profiles(
    plan: Plan,
    environment: Environment,
    *,
    cache: CountCache | None = None,
    machines: MachineCache | None = None,
    announce: Callable[[Session], None] = lambda session: None,
    announce_waiting: Announce = lambda holder: None,
    command: Sequence[str] = WORKER_COMMAND,
    measure: Measure | None = None,
) -> tuple[tuple[Profile, ...], Environment]:
    """Take the candidate of every session apart.

    Args:
        plan: the sessions, policy and seed.
        environment: of this machine.
        cache: of earlier counts.
        machines: bounds measured earlier, and where to keep new ones; None measures afresh.
        announce: told about every session that begins.
        announce_waiting: told when another run holds the device, and which.
        command: how a worker is started.
        measure: profiles one session; `measure_profile`, if None.

    Returns:
        One profile per session, and the environment with what torch and the accelerator said.

    Raises:
        UsageError: a candidate has no attention, or one without parts to tell apart.
        BuildError: a batch beyond the machine's memory.
        DeviceError: the device cannot be locked.
        WorkerError: a worker could not measure.
    """
    with Counter(cache) as count:
        for session in plan.sessions:
            _require_parts(session, count)
            require_memory(session, environment.memory, count)
    measure = measure_profile if measure is None else measure
    profiles = []
    for session in plan.sessions:
        key = machine_key(session.workload, environment)
        known = machines.get(key) if machines and key else None
        with alone_on(session.workload, announce_waiting):
            announce(session)
            measured = measure(session, plan, known, command)
        if machines and key and not known:
            machines.put(key, measured.samples.machine)
        with Counter(cache) as count:
            profile = _conclude(session, measured, count)
        profiles.append(_with_note(profile, known) if known else profile)
        runtime = dict(measured.runtime)
        environment = replace(environment, device=runtime.pop("device", {}), runtime=runtime)
    return tuple(profiles), environment


def _require_parts(session: Session, count: Counter) -> None:
    variant = parse_variant(session.pair.candidate.variant)
    if variant.parts:
        return
    if variant.as_built or (variant.kind and not variant.kind.parts):
        if not _cost(session.pair.candidate, session, count).sites:
            raise UsageError(
                f"{session.pair.candidate.model} has no channel attention to take apart",
                hint="put one in: --variant se",
            )
        return
    others = (kind for kind in ATTENTION_KINDS.values() if kind.parts)
    kind = variant.kind if variant.kind and variant.kind.parts else next(others)
    *earlier, last = kind.part_names
    listed = f"{', '.join(earlier)} and {last}" if earlier else last
    raise UsageError(f"--variant {variant} has no {listed} to tell apart", hint=f"use --variant {kind.name}")


def _conclude(session: Session, measured: Profiled, count: Counter) -> Profile:
    plain_cost, cost = (
        _cost(spec, session, count) for spec in (session.pair.baseline, session.pair.candidate)
    )
    if len(cost.sites) != len(measured.samples.sites):
        raise WorkerError(
            f"{session.pair.candidate.label}: {len(measured.samples.sites)} attention sites in what ran, "
            f"{len(cost.sites)} in what was counted",
            hint="--no-cache counts it again",
        )
    profile = conclude_profile(session.pair, session.workload, measured.samples, plain_cost, cost)
    if plain_cost.captured:
        return replace(profile, findings=(CAPTURED, *profile.findings))
    return profile


def _with_note(profile: Profile, known: Machine) -> Profile:
    kept = Finding(
        code="bounds-kept",
        severity="info",
        message=f"the machine's bounds were kept from {known.measured_at}; its state may have changed",
        hint="--no-cache measures them again",
    )
    return replace(profile, findings=(*profile.findings, kept))


def measure_profile(session: Session, plan: Plan, known: Machine | None, command: Sequence[str]) -> Profiled:
    """Profile one session in a worker of its own.

    Args:
        session: the pair and its workload.
        plan: its policy and seed.
        known: the machine's bounds; None has them measured.
        command: how a worker is started.

    Raises:
        WorkerError: the worker could not measure.
    """
    rng = Random(f"{plan.seed}/profile")
    request = ProfileRequest(
        pair=session.pair,
        workload=session.workload,
        policy=plan.policy,
        steps=STEPS,
        machine=known,
        weight_seed=plan.seed,
        process_seed=rng.getrandbits(32),
    )
    environ = worker_environ(session.workload)
    return ask(request, Profiled, command=command, environ=environ, timeout_s=TIMEOUT_S)


def profile_module(
    module: nn.Module,
    workload: Workload,
    environment: Environment,
    *,
    seed: int,
    sites: Sequence[str],
    stages: Mapping[str, str],
    announce_waiting: Announce = lambda holder: None,
) -> tuple[ModuleProfile, Environment]:
    """Take a module that exists apart, in this process: a worker could not build it.

    Args:
        module: any eager module; it is only read.
        workload: of its steps.
        environment: of this machine.
        seed: of the input.
        sites: names of its attention modules.
        stages: stage label by module name.
        announce_waiting: told when another run holds the device, and which.

    Returns:
        The profile, and the environment with what torch and the accelerator said.

    Raises:
        UsageError: there is no module of such a name.
        BuildError: it does not run on this input.
        DeviceError: the device cannot be locked.
        WorkerError: training of a module without an output that has a gradient.
    """
    from sebench.worker import module_profile  # noqa: PLC0415 - imports torch

    with alone_on(workload, announce_waiting):
        found = module_profile.profile_module(
            module, workload, steps=STEPS, seed=seed, sites=sites, stages=stages
        )
    profile = conclude_module_profile(
        type(module).__name__,
        workload,
        found.ops,
        steps_s=found.steps_s,
        profiled_steps_s=found.profiled_steps_s,
        cost=found.cost,
        reason=found.reason,
    )
    runtime = dict(found.runtime)
    return profile, replace(environment, device=runtime.pop("device", {}), runtime=runtime)


def _cost(spec: ModelSpec, session: Session, count: Counter) -> StaticCost:
    """Under autocast FLOPs are those of float32; nothing else of the count is used."""
    load = session.workload
    return count(spec, load.input_shape, phase=load.phase, dtype=counted_dtype(load.dtype))
