"""Forms of the exported ONNX graph: what keeps ONNX Runtime's blocked layout around a gate.

ONNX Runtime lays images out in blocks of channels (NCHWc) wherever its convolutions follow each other. The
product with a gate of one position has no kernel in that layout, so it is left before each gate and entered
again behind it, and the residual add and ReLU do not fuse into the convolution any more. Each form takes back
more of that:

- ``avgpool``: GlobalAveragePool instead of ReduceMean, which has a blocked kernel;
- ``expanded``: the gate written out at full size by a nearest Resize, so that the product has operands of one
  shape, and with them a blocked kernel;
- ``blocked``: in the graph that ONNX Runtime has optimised, a depthwise 1x1 convolution whose weights are the
  gate's values; it takes the residual add and the ReLU along, so that one pass does all three;
- ``folded``: the gate's values multiplied into the weights of the 1x1 convolution before it, where those are
  fewer than the values of the map: no pass at all. That takes a gate that is known before the convolution.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sebench.errors import WorkerError
from sebench.graphs.model_files import BLOCKED_DOMAIN

_MAP = 4
_POINTWISE: dict[str, Any] = {
    "kernel_shape": [1, 1],
    "strides": [1, 1],
    "pads": [0, 0, 0, 0],
    "dilations": [1, 1],
    "auto_pad": "NOTSET",
}

Optimise = Callable[[Path, Path], None]
"""Writes the graph of the first file as ONNX Runtime optimises it to the second."""


def rewrite_onnx(path: Path, forms: Sequence[str], optimise: Optimise) -> Path:
    """Write an exported network in some forms.

    Args:
        path: An ONNX file.
        forms: Names of forms; those of torch's graph are left out.
        optimise: Needed by forms of the optimised graph.

    Returns:
        The file in these forms: the first, or one beside it.

    Raises:
        WorkerError: A form fits no gate of the graph.
    """
    import onnx  # noqa: PLC0415 - an extra

    if not {"avgpool", "expanded", "blocked", "folded"}.intersection(forms):
        return path
    graph = Graph(onnx.shape_inference.infer_shapes(onnx.load(path)))
    averages = graph.averages()
    expanded = graph.expand() if "expanded" in forms else 1
    if not averages or not expanded:
        raise _fits_nothing(forms[-1], "it has no product of a map with a gate of one position")
    written = path.with_name("rewritten.onnx")
    graph.save(written)
    if "blocked" not in forms:
        return written
    optimised = path.with_name("optimised.onnx")
    optimise(written, optimised)
    graph = Graph(onnx.load(optimised))
    if not graph.convolve(folding="folded" in forms):
        raise _fits_nothing(forms[-1], "ONNX Runtime has no blocked layout on this processor")
    graph.save(optimised)
    return optimised


def _fits_nothing(form: str, why: str) -> WorkerError:
    return WorkerError(f"form {form} fits no gate of the exported graph: {why}", hint="use another form")


@dataclass(slots=True)
class _Gate:
    """A product in the optimised graph, with what follows it."""

    values: str
    """The gate's values, of shape (1, C, 1, 1)."""
    grid: tuple[int, int]
    map: str
    nodes: list[Any]
    """From the Upsample to the last node that one convolution replaces."""
    shortcut: str
    """What is added; empty where nothing is."""
    activation: str

    @property
    def output(self) -> str:
        """What the last of them makes."""
        name: str = self.nodes[-1].output[0]
        return name


class Graph:
    """An ONNX graph that is being rewritten."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - onnx is not typed
        self.model = model
        self.nodes: list[Any] = list(model.graph.node)
        self.weights = {weight.name: weight for weight in model.graph.initializer}
        every = (*model.graph.value_info, *model.graph.input, *model.graph.output)
        self.shapes = {
            value.name: tuple(size.dim_value for size in value.type.tensor_type.shape.dim) for value in every
        }
        self._number = 0

    def averages(self) -> int:
        """Average maps by GlobalAveragePool instead of ReduceMean; how many now are averaged so."""
        from onnx import helper  # noqa: PLC0415

        for index, node in enumerate(self.nodes):
            before, after = (
                self.shapes.get(node.input[0]) if node.input else None,
                self.shapes.get(node.output[0]),
            )
            if node.op_type != "ReduceMean" or before is None or after is None or len(before) != _MAP:
                continue
            if after == (*before[:2], 1, 1):
                self.nodes[index] = helper.make_node("GlobalAveragePool", [node.input[0]], list(node.output))
            elif after == before[:2] and math.prod(before[2:]) > 1:
                pooled = self._name("pooled")
                self.nodes[index : index + 1] = [
                    helper.make_node("GlobalAveragePool", [node.input[0]], [pooled]),
                    helper.make_node("Flatten", [pooled], list(node.output), axis=1),
                ]
        return sum(node.op_type == "GlobalAveragePool" for node in self.nodes)

    def expand(self) -> int:
        """Write gates out at full size before their products; how many."""
        import numpy as np  # noqa: PLC0415
        from onnx import helper  # noqa: PLC0415

        found = 0
        for node in [node for node in self.nodes if node.op_type == "Mul"]:
            for gate, feature in ((0, 1), (1, 0)):
                small, full = (self.shapes.get(node.input[each], ()) for each in (gate, feature))
                if len(full) != _MAP or small != (*full[:2], 1, 1) or full == small:
                    continue
                if node.input[gate] in self.weights:
                    continue
                scales = self._constant(np.array([1, 1, *full[2:]], np.float32))
                large = self._name("expanded")
                resize = helper.make_node(
                    "Resize",
                    [node.input[gate], "", scales],
                    [large],
                    mode="nearest",
                    coordinate_transformation_mode="asymmetric",
                    nearest_mode="floor",
                )
                self.nodes.insert(_position(self.nodes, node), resize)
                node.input[gate] = large
                found += 1
                break
        return found

    def convolve(self, *, folding: bool) -> int:
        """Replace products in the blocked layout by convolutions; how many."""
        gates = list(self._gates())
        gone: set[int] = set()
        for gate in gates:
            convolution = self._foldable(gate) if folding else None
            new = self._depthwise(gate) if convolution is None else self._folded(gate, convolution)
            gone.update(map(id, gate.nodes[:-1]))
            if convolution is not None:
                gone.add(id(convolution))
            place = _position(self.nodes, gate.nodes[-1])
            self.nodes[place : place + 1] = new
        self.nodes = _in_order([node for node in self.nodes if id(node) not in gone])
        return len(gates)

    def save(self, path: Path) -> None:
        """Write the graph, in an order in which it can run."""
        import onnx  # noqa: PLC0415

        graph = self.model.graph
        used = {name for node in self.nodes for name in node.input}
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.initializer.extend(weight for name, weight in self.weights.items() if name in used)
        graph.node.extend(self.nodes)
        onnx.save(self.model, path)

    def _gates(self) -> Iterator[_Gate]:
        takers = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                takers[name].append(node)
        outputs = {value.name for value in self.model.graph.output}

        def only_taker(node: Any, kind: str) -> Any | None:  # noqa: ANN401
            name = node.output[0]
            found = takers[name]
            return found[0] if len(found) == 1 and name not in outputs and found[0].op_type == kind else None

        for upsample in self.nodes:
            product = only_taker(upsample, "Mul") if upsample.op_type == "Upsample" else None
            if product is None:
                continue
            feature = next(name for name in product.input if name != upsample.output[0])
            grid = next(each.ints for each in upsample.attribute if each.name == "scales")[2:]
            gate = _Gate(upsample.input[0], tuple(grid), feature, [upsample, product], "", "")
            add = only_taker(product, "Add")
            if add is not None and len(set(add.input)) == 2:
                gate.shortcut = next(name for name in add.input if name != product.output[0])
                gate.nodes.append(add)
                relu = only_taker(add, "Relu")
                if relu is not None:
                    gate.activation = "Relu"
                    gate.nodes.append(relu)
            yield gate

    def _depthwise(self, gate: _Gate) -> list[Any]:
        import numpy as np  # noqa: PLC0415
        from onnx import helper  # noqa: PLC0415

        channels = self._channels(gate.map)
        kernel = self._name("gate")
        shape = self._constant(np.array([channels, 1, 1, 1], np.int64))
        return [
            helper.make_node("Reshape", [gate.values, shape], [kernel]),
            self._convolution(gate, [gate.map, kernel], channels),
        ]

    def _foldable(self, gate: _Gate) -> Any | None:  # noqa: ANN401
        """The 1x1 convolution before a product, where its weights are fewer than the map's values."""
        made = next((node for node in self.nodes if gate.map in node.output), None)
        if made is None or made.op_type != "Conv" or made.domain != BLOCKED_DOMAIN or len(made.input) > 3:
            return None
        said = {each.name: each for each in made.attribute}
        weight = self.weights.get(made.input[1])
        if weight is None:
            return None
        fits = (
            "activation" not in said
            and list(said["kernel_shape"].ints) == [1, 1]
            and said["group"].i == 1
            and sum(gate.map in node.input for node in self.nodes) == 1
            and not self._is_computed_from(gate.values, gate.map)
        )
        return made if fits and math.prod(weight.dims) < weight.dims[0] * math.prod(gate.grid) else None

    def _is_computed_from(self, name: str, ancestor: str) -> bool:
        made = {output: node for node in self.nodes for output in node.output}
        pending, seen = [name], set()
        while pending:
            each = pending.pop()
            if each == ancestor:
                return True
            if each in made and each not in seen:
                seen.add(each)
                pending += made[each].input
        return False

    def _folded(self, gate: _Gate, convolution: Any) -> list[Any]:  # noqa: ANN401
        """A convolution with scaled weights; in memory these are (O / block, I, block)."""
        import numpy as np  # noqa: PLC0415
        from onnx import helper, numpy_helper  # noqa: PLC0415

        weight = numpy_helper.to_array(self.weights[convolution.input[1]])
        outputs, inputs, block = *weight.shape[:2], block_size()
        in_blocks = self._constant(weight.reshape(outputs // block, inputs, block))
        names = [self._name(each) for each in ("gate", "scaled", "weight", "gates", "bias")]
        by_block, scaled, kernel, flat, bias = names
        shapes = [
            self._constant(np.array(shape, np.int64))
            for shape in ([outputs // block, 1, block], [outputs, inputs, 1, 1], [outputs])
        ]
        nodes = [
            helper.make_node("Reshape", [gate.values, shapes[0]], [by_block]),
            helper.make_node("Mul", [in_blocks, by_block], [scaled]),
            helper.make_node("Reshape", [scaled, shapes[1]], [kernel]),
        ]
        taken = [convolution.input[0], kernel]
        if len(convolution.input) == 3 and convolution.input[2]:
            nodes += [
                helper.make_node("Reshape", [gate.values, shapes[2]], [flat]),
                helper.make_node("Mul", [convolution.input[2], flat], [bias]),
            ]
            taken.append(bias)
        own = {each.name: helper.get_attribute_value(each) for each in convolution.attribute}
        return [*nodes, self._convolution(gate, taken, 1, strides=own["strides"])]

    def _convolution(self, gate: _Gate, taken: list[str], group: int, **said: Any) -> Any:  # noqa: ANN401
        from onnx import helper  # noqa: PLC0415

        if gate.shortcut:
            taken = [*taken, *[""] * (3 - len(taken)), gate.shortcut]
        activation = {"activation": gate.activation} if gate.activation else {}
        attributes = {**_POINTWISE, "group": group, **activation, **said}
        return helper.make_node("Conv", taken, [gate.output], domain=BLOCKED_DOMAIN, **attributes)

    def _channels(self, name: str) -> int:
        """Of a map in the optimised graph, which tells no shapes: those of the convolutions that made it.

        Where they are no multiple of a block they are filled up, in weights and maps alike.
        """
        made = next(node for node in self.nodes if name in node.output)
        if made.op_type == "Conv":
            return int(self.weights[made.input[1]].dims[0])
        if made.op_type == "Concat":
            return sum(map(self._channels, made.input))
        return self._channels(made.input[0])

    def _constant(self, value: Any) -> str:  # noqa: ANN401
        from onnx import numpy_helper  # noqa: PLC0415

        name = self._name("constant")
        self.weights[name] = numpy_helper.from_array(value, name)
        return name

    def _name(self, stem: str) -> str:
        self._number += 1
        return f"sebench_{stem}_{self._number}"


def _in_order(nodes: Sequence[Any]) -> list[Any]:
    """Nodes after those whose results they take; in the order given as far as that allows."""
    made = {output for node in nodes for output in node.output}
    found: list[Any] = []
    done: set[str] = set()
    pending = list(nodes)
    while pending:
        ready = [node for node in pending if all(name in done or name not in made for name in node.input)]
        found += ready
        done.update(output for node in ready for output in node.output)
        taken = set(map(id, ready))
        pending = [node for node in pending if id(node) not in taken]
    return found


def _position(nodes: Sequence[Any], node: Any) -> int:  # noqa: ANN401
    return next(index for index, each in enumerate(nodes) if each is node)


def block_size() -> int:
    """Channels in a block of ONNX Runtime's layout on this processor, read off a tensor that it reorders."""
    import numpy as np  # noqa: PLC0415
    import onnxruntime  # noqa: PLC0415
    from onnx import TensorProto, helper  # noqa: PLC0415

    channels = 64
    shape = [1, channels, 1, 2]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    reorder = helper.make_node("ReorderInput", ["x"], ["y"], domain=BLOCKED_DOMAIN)
    graph = helper.make_graph([reorder], "blocks", values[:1], values[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(BLOCKED_DOMAIN, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    numbers = np.arange(2 * channels, dtype=np.float32).reshape(shape)  # the second position is odd
    (blocked,) = session.run(None, {"x": numbers})
    return int(np.argmax(blocked.ravel() % 2 == 1))
