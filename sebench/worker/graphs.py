"""The work of one profile of a runtime's own graph: paired blocks first, then sessions that are watched."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import get_args

from torch import nn

from sebench.profilers.device import Device, RestoredStep, Step
from sebench.profilers.graphs import WATCH, described, inductor
from sebench.profilers.inputs import OwnInput
from sebench.profilers.latency import Heartbeat, no_heartbeat
from sebench.profilers.runtimes import FILE_RUNTIMES
from sebench.schema import PLAIN, Contrast, GraphSamples, ModelSpec, RuntimeGraph, Side
from sebench.worker.channel import Build
from sebench.worker.preparing import load, prepare_step, source_for
from sebench.worker.profiling import measure_contrast
from sebench.worker.protocol import GraphRequest

SIDES: tuple[Side, ...] = get_args(Side)


def read_graphs(
    request: GraphRequest, build: Build, device: Device, *, alive: Heartbeat = no_heartbeat
) -> tuple[GraphSamples, Mapping[str, object]]:
    """Read the graphs of a pair, and time the pair and the nodes if steps are asked for.

    What is timed as a pair and what is watched are sessions of their own, never there at the same time: a
    profiler slows down what it watches.

    Args:
        request: the pair; exported, if its runtime takes files.
        build: makes a network, if it does not.
        device: clock and barrier.
        alive: told after every block, and after every graph.

    Returns:
        The graphs, and what the runtime says of itself where something was timed.
    """
    work = _Work(request, build, device, alive)
    contrast, facts = work.timed() if request.steps else (None, {})
    graphs = work.watched() if request.exported else work.generated()
    return GraphSamples(**graphs, contrast=contrast), facts


class _Work:
    def __init__(self, request: GraphRequest, build: Build, device: Device, alive: Heartbeat) -> None:
        self._request, self._build, self._device, self._alive = request, build, device, alive

    def timed(self) -> tuple[Contrast, Mapping[str, object]]:
        """Paired blocks, as for a comparison."""
        request, workload = self._request, self._request.workload
        steps: dict[Side, Step] = {}
        facts: Mapping[str, object] = {}
        for side in SIDES:
            own = self._input(side)
            if side in request.exported:
                prepared = load(self._spec(side), Path(request.exported[side]), own, workload)
            else:
                module = self._module(side)
                prepared = prepare_step(module, own, workload, request.weight_seed, self._device)
            prepared.run()
            steps[side] = RestoredStep(prepared.run, own.restore) if own.is_changed() else prepared.run
            facts = prepared.facts
            self._alive()
        rng = Random(request.process_seed)
        return measure_contrast(request, self._device, rng, PLAIN, steps, alive=self._alive), facts

    def watched(self) -> dict[Side, RuntimeGraph]:
        """Both sides in turn, so that they see the machine alike."""
        request, workload = self._request, self._request.workload
        with ExitStack() as stack:
            opened = {}
            for side in SIDES:
                file = FILE_RUNTIMES[workload.runtime].file_in(Path(request.exported[side]))
                folder = Path(stack.enter_context(TemporaryDirectory()))
                opened[side] = WATCH[workload.runtime](file, self._input(side), workload, folder)
                self._alive()
            steps_s: dict[Side, list[float]] = {side: [] for side in SIDES}
            for _ in range(request.steps):
                for side, session in opened.items():
                    steps_s[side] += self._device.timed(session.run, 1).steps_s
                    session.note()
                self._alive()
            return {side: described(opened[side].finish(), tuple(steps_s[side])) for side in SIDES}

    def generated(self) -> dict[Side, RuntimeGraph]:
        """What would be compiled; nothing of it is timed by node."""
        graphs: dict[Side, RuntimeGraph] = {}
        for side in SIDES:
            read = partial(inductor.read, self._module(side), self._input(side), self._request.workload)
            graphs[side] = described(read(), ())
            self._alive()
        return graphs

    def _input(self, side: Side) -> OwnInput:
        source = source_for(self._spec(side), self._request)
        return OwnInput(lambda: source, self._request.workload.device)

    def _module(self, side: Side) -> nn.Module:
        request = self._request
        spec, beside = self._spec(side), self._spec("candidate" if side == "baseline" else "baseline")
        return self._build(spec, request.weight_seed, request.workload, beside)

    def _spec(self, side: Side) -> ModelSpec:
        return self._request.pair.baseline if side == "baseline" else self._request.pair.candidate
