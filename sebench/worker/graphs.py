"""The work of one profile of a runtime's own graph: paired blocks first, then a session with its profiler."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import get_args

from sebench.profilers.device import Device, RestoredStep, Step
from sebench.profilers.graphs import WATCH, Watched, described
from sebench.profilers.inputs import OwnInput
from sebench.profilers.latency import Heartbeat, no_heartbeat
from sebench.profilers.runtimes import FILE_RUNTIMES
from sebench.schema import PLAIN, Contrast, GraphSamples, ModelSpec, Side
from sebench.worker.preparing import source_for
from sebench.worker.profiling import measure_contrast
from sebench.worker.protocol import GraphRequest

SIDES: tuple[Side, ...] = get_args(Side)


def read_graphs(
    request: GraphRequest, device: Device, *, alive: Heartbeat = no_heartbeat
) -> tuple[GraphSamples, Mapping[str, object]]:
    """Read the graphs of a pair, and time the pair and the nodes if steps are asked for.

    What is timed as a pair and what is profiled are sessions of their own, never there at the same time:
    a profiler slows down what it watches.

    Args:
        request: the pair, exported.
        device: clock and barrier.
        alive: told after every block, and after every graph.

    Returns:
        The graphs, and what the runtime says of itself where something was timed.
    """
    contrast, facts = _timed(request, device, alive) if request.steps else (None, {})
    with ExitStack() as stack:
        folders = {side: stack.enter_context(TemporaryDirectory()) for side in SIDES}
        watched = {side: _watched(request, side, Path(folders[side])) for side in SIDES}
        alive()
        steps_s: dict[Side, list[float]] = {side: [] for side in SIDES}
        for _ in range(request.steps):
            for side, session in watched.items():  # in turn, so that both see the machine alike
                steps_s[side] += device.timed(session.run, 1).steps_s
                session.note()
            alive()
        graphs = {side: described(watched[side].finish(), tuple(steps_s[side])) for side in SIDES}
    return GraphSamples(**graphs, contrast=contrast), facts


def _timed(request: GraphRequest, device: Device, alive: Heartbeat) -> tuple[Contrast, Mapping[str, object]]:
    runtime = FILE_RUNTIMES[request.workload.runtime]
    steps: dict[Side, Step] = {}
    facts: Mapping[str, object] = {}
    for side in SIDES:
        own = _input(request, side)
        prepared = runtime.load(Path(request.exported[side]), own, request.workload)
        steps[side] = RestoredStep(prepared.run, own.restore) if own.is_changed() else prepared.run
        facts = prepared.facts
        alive()
    rng = Random(request.process_seed)
    return measure_contrast(request, device, rng, PLAIN, steps, alive=alive), facts


def _watched(request: GraphRequest, side: Side, folder: Path) -> Watched:
    workload = request.workload
    file = Path(request.exported[side], FILE_RUNTIMES[workload.runtime].file)
    return WATCH[workload.runtime](file, _input(request, side), workload, folder)


def _input(request: GraphRequest, side: Side) -> OwnInput:
    source = source_for(_spec(request, side), request)
    return OwnInput(lambda: source, request.workload.device)


def _spec(request: GraphRequest, side: Side) -> ModelSpec:
    return request.pair.baseline if side == "baseline" else request.pair.candidate
