"""Writes a network to a file that others can run: an ONNX file, or a program of torch.export.

A process of its own: ``python -m sebench.worker.writing``, a `WriteRequest` as JSON on standard input. What
goes wrong is one line on standard error, and status 1.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import msgspec
import torch

from sebench import models, surgery
from sebench.errors import SebenchError, WorkerError
from sebench.inputs import Inputs
from sebench.profilers.runtimes.exported import silence
from sebench.profilers.runtimes.onnx_forms import rewrite_onnx
from sebench.profilers.runtimes.onnx_runtime import optimise
from sebench.schema.forms import forms_of
from sebench.worker.writing_request import WriteRequest


def write_network(request: WriteRequest) -> None:
    """Build a network and write it.

    Raises:
        SebenchError: it cannot be built, or not be exported; nothing is written then.
    """
    spec, path, shape = request.spec, Path(request.path), request.workload.rank_input_shape
    module = surgery.build(spec, seed=request.seed, input_shape=shape).module
    inputs = Inputs((torch.zeros(shape),))
    if spec.example_inputs is not None:
        inputs = models.make_inputs(spec.example_inputs, shape[0], request.seed)
    with tempfile.TemporaryDirectory(dir=path.absolute().parent) as folder:
        written = Path(folder) / path.name
        try:
            with silence(), torch.no_grad():
                if path.suffix == ".pt2":
                    program = torch.export.export(module, inputs.args, dict(inputs.kwargs), strict=False)
                    torch.export.save(program, written)
                else:
                    torch.onnx.export(
                        module, inputs.args, str(written), kwargs=dict(inputs.kwargs), dynamo=True
                    )
        except Exception as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise WorkerError(f"{spec.label} cannot be exported: {reason}") from error
        if path.suffix == ".onnx":
            written = _whole(rewrite_onnx(written, forms_of(module), optimise))
        written.replace(path)


def _whole(path: Path) -> Path:
    """An ONNX file with its weights in it, where the exporter writes them to a file beside it."""
    import onnx  # noqa: PLC0415 - an extra

    whole = path.with_name("whole.onnx")
    onnx.save(onnx.load(path), whole)
    return whole


def main() -> int:
    """Write what is asked for on standard input."""
    try:
        write_network(msgspec.json.decode(sys.stdin.buffer.read(), type=WriteRequest))
    except SebenchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
