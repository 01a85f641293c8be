"""Writes a network to a file that others can run: an ONNX file, or a program of torch.export."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from msgspec.structs import replace
from torch import nn

from sebench.errors import WorkerError
from sebench.profilers.device import Device
from sebench.profilers.inputs import OwnInput
from sebench.profilers.latency import Heartbeat
from sebench.profilers.runtimes import FILE_RUNTIMES
from sebench.profilers.runtimes.exported import silence
from sebench.schema import Workload
from sebench.worker.channel import Build, guarded
from sebench.worker.preparing import source_for
from sebench.worker.protocol import Exported, WriteRequest


def write_network(request: WriteRequest, build: Build, device: Device, *, alive: Heartbeat) -> Exported:
    """Build a network and write it; what is there by that name is replaced in one step.

    Args:
        request: the network, and the file.
        build: makes it.
        device: clock.
        alive: told after every phase.

    Raises:
        Fatal: it cannot be built or exported, or an ONNX file computes something else than eager; nothing is
            written then.
    """
    spec, workload, path = request.spec, request.workload, Path(request.path)
    source = guarded(lambda: source_for(spec, request))
    module = guarded(lambda: build(spec, request.weight_seed, workload, None))
    alive()
    own = OwnInput(lambda: source, workload.device)
    start_s = device.clock()
    write = _program if path.suffix == ".pt2" else _onnx
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        guarded(lambda: write(module, own, workload, Path(folder))).replace(path)
    return Exported(export_s=device.clock() - start_s)


def _program(module: nn.Module, own: OwnInput, _: Workload, folder: Path) -> Path:
    written = folder / "network.pt2"
    try:
        with silence(), torch.no_grad():
            program = torch.export.export(module, own.inputs.args, dict(own.inputs.kwargs), strict=False)
            torch.export.save(program, written)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise WorkerError(f"{type(module).__name__} cannot be exported: {reason}") from error
    return written


def _onnx(module: nn.Module, own: OwnInput, workload: Workload, folder: Path) -> Path:
    """As it is exported to be measured, in one file with its weights."""
    import onnx  # noqa: PLC0415 - an extra

    runtime = FILE_RUNTIMES["onnxruntime"]
    workload = replace(workload, runtime="onnxruntime", dtype="float32", quantize="none")
    runtime.export(module, own, workload, folder)
    runtime.load(folder, own, workload)  # compares it with eager
    written = folder / "whole.onnx"
    onnx.save(onnx.load(folder / runtime.file), written)
    return written
