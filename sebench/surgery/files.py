"""Networks that are files: counted from their graph, without their attention, and fed.

Taking attention out of an ONNX graph is proven as for modules (`sebench.surgery.proof`): the stripped file
computes what the file does with every gate at one, and has lost no more than its gates. The runtime that
will be timed runs all three.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch

from sebench import models
from sebench.errors import BuildError, CountError, UsageError
from sebench.graphs import Graph, GraphGate, find_gates
from sebench.graphs.model_files import ONNX, DeclaredInput, is_optimised, look_into, open_onnx
from sebench.graphs.onnx import graph_of
from sebench.graphs.openvino_files import read_openvino
from sebench.graphs.stripping import Stripped, strip
from sebench.graphs.work import GraphWork, NodeWork, work_of
from sebench.inputs import Inputs
from sebench.installation import extra_hint
from sebench.profilers.inputs import OwnInput, make_source
from sebench.profilers.runtimes import FILE_RUNTIMES
from sebench.profilers.runtimes.open_vino import write_reshaped
from sebench.schema import (
    PLAIN,
    ModelSpec,
    OpCost,
    Phase,
    Runtime,
    SiteCost,
    StaticCost,
    UncountedOp,
    Workload,
)
from sebench.schema.attention_kinds.channel import SQUEEZE_EXCITATION
from sebench.schema.gates import Gate
from sebench.surgery.proof import TOLERANCE
from sebench.surgery.trials import apart

_ELEMENT_BYTES = {"float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2}
_DTYPES = {
    **{name: getattr(torch, name) for name in ("float16", "float32", "float64", "bool")},
    **{name: getattr(torch, name) for name in ("int8", "uint8", "int32", "int64")},
}
_TWO_FILES = "compare two files: --baseline A.onnx --candidate B.onnx"


def count_file(spec: ModelSpec, shape: tuple[int, ...], phase: Phase, dtype: str) -> StaticCost:
    """Count a file from its graph.

    Args:
        spec: resolved.
        shape: of its first input, batch in front.
        phase: inference.
        dtype: sets the bytes per element.

    Raises:
        BuildError: its attention cannot be taken out.
        CountError: a training step, or sizes that are open and cannot be fixed here.
        DataFileError: it cannot be read, or is refused.
    """
    path = Path(spec.model)
    if phase != "inference":
        raise CountError(f"{spec.model} cannot be counted in {phase}: an exported file has no backward pass")
    if path.suffix != ONNX:
        graph = _openvino_graph(spec, shape)
    elif spec.variant == PLAIN:
        graph = _proven(spec, shape, _runtime_here()).after
    else:
        model = open_onnx(path)
        if is_optimised(model):
            raise CountError(
                f"{spec.model} cannot be counted: ONNX Runtime has optimised it, and hides its shapes"
            )
        graph = graph_of(model, _shapes(spec, shape))
    return _cost(graph, shape, dtype)


def _openvino_graph(spec: ModelSpec, shape: tuple[int, ...]) -> Graph:
    """The graph of an OpenVINO file, with the shapes that it has for an input."""
    path = Path(spec.model)
    graph = read_openvino(path)
    if all(0 not in graph.shape(value) for value in graph.inputs):
        return graph
    if find_spec("openvino") is None:
        raise CountError(
            f"{spec.model} leaves sizes open, and counting it for some takes OpenVINO",
            hint=extra_hint("openvino"),
        )
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / path.name
        write_reshaped(path, _shapes(spec, shape), written)
        return read_openvino(written)


def write_file(spec: ModelSpec, folder: Path, workload: Workload) -> None:
    """Put a file where a runtime finds it, with what belongs to it, and without its attention if it is plain.

    Args:
        spec: resolved.
        folder: an empty one.
        workload: what it is for.

    Raises:
        BuildError: its attention cannot be taken out.
        DataFileError: it cannot be read, or is refused.
        UsageError: it has changed since the command began.
    """
    path = Path(spec.model)
    target = folder / f"network{path.suffix}"
    known = look_into(path)
    if spec.variant == PLAIN:
        stripped = _proven(spec, workload.input_shape, workload.runtime)
        target.write_bytes(stripped.model.SerializeToString())
    else:
        shutil.copyfile(path, target)
    for each in known.beside:
        place = target.with_suffix(".bin") if path.suffix != ONNX else folder / each
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path.parent / each, place)
    models.resolve(spec)  # it is what it was when it was copied


def make_file_inputs(spec: ModelSpec, workload: Workload, seed: int) -> Inputs:
    """Seeded values for every input of a file: normal ones, and zeros and ones where they are whole.

    Raises:
        UsageError: it leaves sizes open that nobody says.
        DataFileError: it cannot be read, or is refused.
    """
    declared = look_into(Path(spec.model)).inputs
    first = declared[0]
    if len(declared) == 1 and first.element == "float32":
        return make_source(workload, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    shapes = _shapes(spec, workload.input_shape)
    return Inputs(tuple(_drawn(each, shapes[each.name], generator) for each in declared))


def _drawn(declared: DeclaredInput, shape: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    dtype = _DTYPES[declared.element]
    if dtype.is_floating_point:
        return torch.randn(tuple(shape), generator=generator).to(dtype)
    # Whatever they count, there is a first one and a second.
    return torch.randint(2, tuple(shape), generator=generator).to(dtype)


def _shapes(spec: ModelSpec, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Of all inputs of a file, given that of the first one; a name stands for one size."""
    declared = look_into(Path(spec.model)).inputs
    first, *others = declared
    if len(shape) != len(first.shape):  # a function of the user's makes the inputs
        made = models.make_inputs(spec.example_inputs, shape[0], seed=0) if spec.example_inputs else Inputs()
        tensors = [tuple(each.shape) for each in made.tensors()]
        return {each.name: found for each, found in zip(declared, tensors, strict=False)}
    names = {name: size for name, size in zip(first.shape, shape, strict=True) if isinstance(name, str)}
    found = {first.name: shape}
    for each in others:
        sizes = [names.get(size) if isinstance(size, str) else size for size in each.shape]
        if sizes and sizes[0] is None:
            sizes[0] = shape[0]
        if any(size is None for size in sizes):
            raise UsageError(
                f"{spec.model} leaves sizes of its input {each.name!r} open",
                hint="make its inputs with a function: --example-inputs FILE.py:function",
            )
        found[each.name] = tuple(size for size in sizes if size is not None)
    return found


def _runtime_here() -> Runtime:
    """One that reads ONNX files and is installed."""
    for name, runtime in FILE_RUNTIMES.items():
        if runtime.reads_onnx and find_spec(name) is not None:
            return name
    raise CountError("attention is taken out of a file with a runtime at hand, and none is installed")


def _proven(spec: ModelSpec, shape: tuple[int, ...], runtime: Runtime) -> Stripped:
    path, threads = Path(spec.model), torch.get_num_threads()
    shapes = _shapes(spec, shape)
    stripped = strip(open_onnx(path), shapes)
    if not stripped.gates:
        raise BuildError(f"{spec.model} has no channel attention that could be taken out", hint=_TWO_FILES)
    _require_loss(spec, stripped)
    workload = Workload(input_shape=shape, batch_size=shape[0], threads=threads, runtime=runtime)
    inputs = (
        make_file_inputs(spec, workload, seed=0)
        if spec.example_inputs is None
        else models.make_inputs(spec.example_inputs, shape[0], seed=0)
    )
    with tempfile.TemporaryDirectory() as folder:
        for each in look_into(path).beside:
            (Path(folder) / each).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path.parent / each, Path(folder) / each)
        asis, at_one, without = (
            _outputs(model, Path(folder) / "tried.onnx", inputs, workload)
            for model in (open_onnx(path), stripped.at_one, stripped.model)
        )
    if not all(bool(each.isfinite().all()) for each in at_one if each.is_floating_point()):
        raise _refused(spec, "gives infinite outputs, which cannot be compared")
    if not apart(at_one, asis) > 100 * TOLERANCE:
        raise _refused(
            spec, "gives the same outputs whatever its gates say, so that taking them out proves nothing"
        )
    difference = apart(at_one, without)
    if not difference <= TOLERANCE:
        off = "its outputs have other shapes" if math.isinf(difference) else f"off by {difference:.1%}"
        raise _refused(spec, f"without its attention is not the network with every gate at one ({off})")
    return stripped


def _outputs(model: object, file: Path, inputs: Inputs, workload: Workload) -> list[torch.Tensor]:
    file.write_bytes(model.SerializeToString())  # type: ignore[attr-defined]
    own = OwnInput(lambda: inputs, "cpu")
    step = FILE_RUNTIMES[workload.runtime].run_file(file, own, workload, "the network in it", hint=None)
    return [each.clone() for each in step.held]


def _require_loss(spec: ModelSpec, stripped: Stripped) -> None:
    """What went is what the gates cost."""
    before, after = work_of(stripped.before), work_of(stripped.after)
    owned = {name for gate in stripped.gates for name in _nodes(gate)}
    of_gates = [each for each in before.nodes if each.node.name in owned]
    lost = (before.params - after.params, _macs(before) - _macs(after))
    theirs = (sum(each.params for each in of_gates), sum(each.macs for each in of_gates))
    if lost != theirs:
        raise _refused(
            spec,
            f"loses {lost[0]:,} parameters and {lost[1]:,} MACs with its attention, which has"
            f" {theirs[0]:,} and {theirs[1]:,}",
        )


def _macs(work: GraphWork) -> int:
    return sum(each.macs for each in work.nodes)


def _nodes(gate: GraphGate) -> tuple[str, ...]:
    return (*gate.squeeze, *gate.excite, *gate.scale)


def _refused(spec: ModelSpec, why: str) -> BuildError:
    return BuildError(f"{spec.model} {why}", hint=_TWO_FILES)


def _cost(graph: Graph, shape: tuple[int, ...], dtype: str) -> StaticCost:
    work, gates = work_of(graph), find_gates(graph)
    parts = {
        name: (gate, part)
        for gate in gates
        for part, names in zip(
            SQUEEZE_EXCITATION.part_names, (gate.squeeze, gate.excite, gate.scale), strict=True
        )
        for name in names
    }
    by_gate = {
        gate.scale[-1]: [each for each in work.nodes if each.node.name in _nodes(gate)] for gate in gates
    }
    return StaticCost(
        input_shape=shape,
        dtype=dtype,
        params=work.params,
        buffers=0,
        sites=tuple(
            SiteCost(path=path, stage=gate.stage, params=sum(each.params for each in by_gate[path]))
            for path, gate in zip(by_gate, gates, strict=True)
        ),
        ops=tuple(_op(each, parts.get(each.node.name), _ELEMENT_BYTES[dtype]) for each in work.nodes),
        uncounted=tuple(UncountedOp(op=op, calls=calls) for op, calls in work.uncounted),
        gates=tuple(_gate(graph, gate, by_gate[gate.scale[-1]]) for gate in gates),
    )


def _op(work: NodeWork, place: tuple[GraphGate, str] | None, element_bytes: int) -> OpCost:
    gate, part = place or (None, None)
    extra = work.residual if gate is None else work.squeezed
    return OpCost(
        op=work.node.op,
        module="",
        stage="" if gate is None else gate.stage,
        site=None if gate is None else gate.scale[-1],
        part=part,
        macs=work.macs,
        paper_macs=work.macs + extra,
        flops=work.flops,
        bytes_read=work.read * element_bytes,
        bytes_written=work.written * element_bytes,
    )


def _gate(graph: Graph, gate: GraphGate, work: Sequence[NodeWork]) -> Gate:
    product = next(node for node in graph.nodes if node.name == gate.scale[-1])
    feature = graph.producer(gate.feature)
    layers = [each.node for each in work if each.node.is_layer]
    after = [node.op.lower() for output in product.outputs for node in graph.consumers(output)]
    return Gate(
        path=product.name,
        kind="channel",
        module=False,
        channels=gate.channels,
        hidden=gate.hidden,
        reduction=gate.reduction,
        gate=gate.gate.lower(),
        bias=any(len(graph.weights(layer)) > 1 for layer in layers),
        dimensions=max(1, len(graph.shape(gate.feature)) - 2),
        params=sum(each.params for each in work),
        macs=sum(each.macs for each in work),
        before="input" if feature is None else feature.op.lower(),
        after="/".join(after) or "output",
        stage=gate.stage,
    )
