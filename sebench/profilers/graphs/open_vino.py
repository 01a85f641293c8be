"""OpenVINO: its runtime model, and what its performance counters say after each run."""

from __future__ import annotations

from pathlib import Path

from sebench.graphs.openvino import graph_of, operations_of
from sebench.profilers.graphs.reading import Reading, Watched
from sebench.profilers.inputs import OwnInput
from sebench.profilers.runtimes.open_vino import bound, make_compiled
from sebench.profilers.runtimes.openvino_core import openvino_core
from sebench.schema import Workload


def watch(file: Path, own: OwnInput, workload: Workload, _: Path, /) -> Watched:
    """See `Watch`."""
    return _Request(file, own, workload)


class _Request:
    """See `Watched`: with performance counters, which hold the last run."""

    def __init__(self, file: Path, own: OwnInput, workload: Workload) -> None:
        self._operations = operations_of(openvino_core().read_model(file))
        self._compiled = make_compiled(file, workload, own, PERF_COUNT=True)
        self._request = self._compiled.create_infer_request()
        self._times: dict[str, list[float]] = {}
        self.run = bound(self._compiled, self._request, own).run

    def note(self) -> None:
        for node in self._request.get_profiling_info():
            self._times.setdefault(node.node_name, []).append(node.real_time.total_seconds())

    def finish(self) -> Reading:
        graph, idle = graph_of(self._compiled, self._operations)
        return Reading(graph, idle, {name: tuple(times) for name, times in self._times.items()})
