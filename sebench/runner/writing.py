"""A network written to a file, in a process of its own, as its code may be anybody's."""

from __future__ import annotations

from pathlib import Path

from sebench.errors import UsageError
from sebench.runner.planning.workloads import require_installed
from sebench.runner.workers.child import worker_environ
from sebench.runner.workers.session import WORKER_COMMAND, ask
from sebench.schema import ModelSpec, Runtime, Workload, runtime_info
from sebench.worker.protocol import Exported, WriteRequest

_SUFFIXES: dict[str, tuple[Runtime, ...]] = {
    ".onnx": ("onnxruntime", "openvino"),
    ".pt2": ("eager", "compile", "freezing", "cudagraph"),
}
_SILENCE_S = 900.0


def check_written(path: Path, runtime: Runtime) -> None:
    """Refuse a file that a runtime could not load, before anything is measured.

    Raises:
        UsageError: another suffix, or a folder that is not there.
    """
    fitting = next(suffix for suffix, runtimes in _SUFFIXES.items() if runtime in runtimes)
    if path.suffix != fitting:
        raise UsageError(
            f"--export {path}: a network for --runtime {runtime} is written as {fitting}",
            hint=f"name it {path.stem}{fitting}",
        )
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--export {path}: there is no folder {path.parent}", hint="make it first")
    if fitting == ".onnx":
        require_installed(runtime_info("onnxruntime"))


def write_network(spec: ModelSpec, workload: Workload, path: Path, *, seed: int) -> None:
    """Write a network as it was measured.

    Args:
        spec: the network.
        workload: gives the shape of its input.
        path: ends with ``.onnx`` or ``.pt2``; see `check_written`.
        seed: of the weights where none are loaded.

    Raises:
        WorkerError: it cannot be built or exported, or computes something else than eager.
    """
    request = WriteRequest(spec=spec, workload=workload, weight_seed=seed, path=str(path.absolute()))
    environ = worker_environ(workload)
    ask(request, Exported, command=WORKER_COMMAND, environ=environ, timeout_s=_SILENCE_S)
