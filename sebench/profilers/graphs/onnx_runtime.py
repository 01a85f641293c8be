"""ONNX Runtime: the model that it optimised, and the file that its profiler writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from sebench.graphs.onnx import read_onnx
from sebench.profilers.graphs.reading import Reading, Watched
from sebench.profilers.inputs import OwnInput
from sebench.profilers.runtimes.exported import in_order_of
from sebench.profilers.runtimes.onnx_runtime import bound, make_session, open_sizes
from sebench.schema import Workload

_OPTIMISED = "optimised.onnx"
_SUFFIX = "_kernel_time"


def watch(file: Path, own: OwnInput, workload: Workload, folder: Path, /) -> Watched:
    """See `Watch`."""
    return _Session(file, own, workload, folder)


class _Session:
    """See `Watched`: with a profiler, which writes one event per node and run."""

    def __init__(self, file: Path, own: OwnInput, workload: Workload, folder: Path) -> None:
        self._session = make_session(
            file,
            workload,
            sizes=open_sizes(file, own),
            enable_profiling=True,
            profile_file_prefix=str(folder / "profile"),
            optimized_model_filepath=str(folder / _OPTIMISED),
        )
        self._optimised = folder / _OPTIMISED
        names = [place.name for place in self._session.get_inputs()]
        tensors = zip(names, in_order_of(names, own), strict=True)
        self._shapes = read_onnx(file, {name: tuple(tensor.shape) for name, tensor in tensors}).shapes
        self._steps = 0
        self.run = bound(self._session, own).run

    def note(self) -> None:
        self._steps += 1

    def finish(self) -> Reading:
        """The last runs are the steps that count."""
        events = Path(self._session.end_profiling()).read_text(encoding="utf-8")
        return Reading(read_onnx(self._optimised, known=self._shapes), times_s=times_of(events, self._steps))


def times_of(profile: str, steps: int) -> Mapping[str, tuple[float, ...]]:
    """Seconds by node in the last runs of a profile.

    Args:
        profile: the text of the profiler's file.
        steps: how many of the runs at the end count.
    """
    found: dict[str, list[float]] = {}
    for event in json.loads(profile):
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith(_SUFFIX):
            found.setdefault(name.removesuffix(_SUFFIX), []).append(float(event["dur"]) * 1e-6)
    return {name: tuple(times[-steps:]) for name, times in found.items() if 0 < steps <= len(times)}
