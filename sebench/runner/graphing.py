"""The graphs that runtimes make of pairs: exported, read in a worker of their own, and taken apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from msgspec.structs import replace

from sebench.analysis.runtime_graph import conclude_graphs
from sebench.errors import UsageError
from sebench.runner.measuring.device_lock import Announce, alone_on
from sebench.runner.measuring.exporting import exporting, folders
from sebench.runner.workers.child import worker_environ
from sebench.runner.workers.session import WORKER_COMMAND, ask
from sebench.schema import (
    RUNTIMES,
    Environment,
    GraphComparison,
    Plan,
    Runtime,
    Session,
    Workload,
    runtime_info,
)
from sebench.worker.protocol import GraphRequest, GraphsRead

STEPS = 25
"""That the runtime's profiler watches."""
TIMEOUT_S = 900.0


def require_graph(runtime: Runtime, hint: str) -> None:
    """Refuse a runtime whose graph is not read.

    Args:
        runtime: that was asked for.
        hint: what to do instead.

    Raises:
        UsageError: it runs torch's ops, or code that is not read here.
    """
    if runtime_info(runtime).has_graph:
        return
    *others, last = [info.name for info in RUNTIMES if info.has_graph]
    why = "has no graph of its own: it runs torch's ops"
    if runtime_info(runtime).verb == "compile":
        why = "compiles to code that is not read here"
    elif runtime_info(runtime).is_exported:
        why = "does not show the graph that it runs"
    raise UsageError(
        f"--runtime {runtime} {why}",
        hint=f"{hint}, or use --runtime {', '.join(others)} or {last}",
    )


def require_readable(workload: Workload) -> None:
    """Refuse what has a graph that is not read here.

    Raises:
        UsageError: a training step, or code for an accelerator.
    """
    if workload.phase != "inference":
        raise UsageError("graphs of runtimes are those of inference", hint="leave --phase out")
    if workload.device != "cpu":
        raise UsageError(
            f"graphs of runtimes are read on the CPU, not on {workload.device}", hint="add --device cpu"
        )


def run_graphs(
    plan: Plan,
    environment: Environment,
    *,
    timed: bool,
    announce: Callable[[Session], None] = lambda session: None,
    announce_waiting: Announce = lambda holder: None,
    command: Sequence[str] = WORKER_COMMAND,
) -> tuple[tuple[GraphComparison, ...], Environment]:
    """Read and compare the graphs of every session.

    Args:
        plan: the sessions, policy and seed; of runtimes that have graphs.
        environment: of this machine.
        timed: measure the pairs, and have the runtime's profiler time the nodes; else only structure is read.
        announce: told about every session that begins.
        announce_waiting: told when another run holds the device, and which.
        command: how a worker is started.

    Returns:
        One comparison per session, and the environment with what the runtimes said.

    Raises:
        UsageError: see `require_readable`.
        WorkerError: a network cannot be exported, or a worker could not measure.
        DeviceError: the device cannot be locked.
    """
    for session in plan.sessions:
        require_readable(session.workload)
    found = []
    with exporting(plan, command=command) as exporter:
        for session in plan.sessions:
            announce(session)
            exports = exporter.exports_of(session)
            request = GraphRequest(
                pair=session.pair,
                workload=session.workload,
                policy=plan.policy,
                steps=STEPS if timed else 0,
                weight_seed=plan.seed,
                process_seed=Random(f"{plan.seed}/graph").getrandbits(32),
                exported=folders(exports),
            )
            environ = worker_environ(session.workload, session.pair)
            with alone_on(session.workload, announce_waiting):
                read = ask(request, GraphsRead, command=command, environ=environ, timeout_s=TIMEOUT_S)
            found.append(conclude_graphs(session.pair, session.workload, read.samples))
            runtime = dict(read.runtime)
            environment = replace(environment, device=runtime.pop("device", {}), runtime=runtime)
    return tuple(found), environment
