"""OpenVINO's files, written by hand: nodes, shapes and costs, and what is refused."""

import pytest

from sebench.errors import DataFileError
from sebench.graphs import find_gates
from sebench.graphs.openvino_files import read_openvino
from sebench.graphs.work import work_of

C, H, SIZE = 8, 2, 4
LAYERS = (
    ("x", "Parameter", 'shape="1,8,4,4" element_type="f32"', (), (1, C, SIZE, SIZE)),
    ("w", "Const", "", (), (C, 1, 1, 3, 3)),
    ("depthwise", "GroupConvolution", 'strides="1,1"', ("x", "w"), (1, C, SIZE, SIZE)),
    ("axes", "Const", "", (), (2,)),
    ("mean", "ReduceMean", 'keep_dims="true"', ("depthwise", "axes"), (1, C, 1, 1)),
    ("w1", "Const", "", (), (H, C, 1, 1)),
    ("down", "Convolution", "", ("mean", "w1"), (1, H, 1, 1)),
    ("relu", "ReLU", "", ("down",), (1, H, 1, 1)),
    ("w2", "Const", "", (), (C, H, 1, 1)),
    ("up", "Convolution", "", ("relu", "w2"), (1, C, 1, 1)),
    ("gate", "Sigmoid", "", ("up",), (1, C, 1, 1)),
    ("scale", "Multiply", "", ("depthwise", "gate"), (1, C, SIZE, SIZE)),
    ("y", "Result", "", ("scale",), ()),
)


def _port(number, shape):
    return f'<port id="{number}">' + "".join(f"<dim>{size}</dim>" for size in shape) + "</port>"


def document(layers):
    """A file of layers: name, type, data, names of what it takes, shape of what it makes."""
    numbers = {name: number for number, (name, *_) in enumerate(layers)}
    shapes = {name: shape for name, *_, shape in layers}
    parts, edges = [], []
    for name, kind, data, taken, shape in layers:
        ports = "".join(_port(port, shapes[each]) for port, each in enumerate(taken))
        made = f"<output>{_port(len(taken), shape)}</output>" if kind != "Result" else ""
        parts.append(
            f'<layer id="{numbers[name]}" name="{name}" type="{kind}" version="opset1"><data {data}/>'
            f"<input>{ports}</input>{made}</layer>"
        )
        edges += [
            f'<edge from-layer="{numbers[each]}" from-port="{_made(layers, each)}"'
            f' to-layer="{numbers[name]}" to-port="{port}"/>'
            for port, each in enumerate(taken)
        ]
    return f"<net><layers>{''.join(parts)}</layers><edges>{''.join(edges)}</edges></net>"


def _made(layers, name):
    return next(len(taken) for each, _, _, taken, _ in layers if each == name)


@pytest.fixture
def written(tmp_path):
    def write(layers):
        (tmp_path / "net.bin").write_bytes(b"")
        (tmp_path / "net.xml").write_text(document(layers))
        return tmp_path / "net.xml"

    return write


def test_a_file_is_a_graph_with_its_gate_and_costs(written):
    graph = read_openvino(written(LAYERS))
    assert [node.ops for node in graph.nodes] == [
        ("Conv",), ("ReduceMean",), ("Conv",), ("Relu",), ("Conv",), ("Sigmoid",), ("Mul",),
    ]  # fmt: skip
    (gate,) = find_gates(graph)
    assert (gate.channels, gate.hidden, gate.reduction, gate.gate) == (C, (H,), "mean", "Sigmoid")
    work = work_of(graph)
    # Depthwise: 8 x 16 outputs of 3 x 3 taps; the layers of the gate: 8 x 2 each.
    assert [each.macs for each in work.nodes] == [C * 16 * 9, 0, C * H, 0, C * H, 0, 0]
    assert work.params == C * 9 + 2 * C * H
    assert work.uncounted == ()


def test_open_sizes_are_in_no_total(written):
    layers = [(*rest, tuple(-1 if i == 0 else s for i, s in enumerate(shape)))
              if kind not in ("Const", "Result") else (*rest, shape)
              for (*rest, shape), kind in ((each, each[1]) for each in LAYERS)]  # fmt: skip
    work = work_of(read_openvino(written(layers)))
    assert sum(each.macs for each in work.nodes) == 0
    assert dict(work.uncounted)["Convolution"] == 2


def test_layers_out_of_order_are_refused(written):
    path = written((LAYERS[0], LAYERS[2], LAYERS[1], *LAYERS[3:]))
    with pytest.raises(DataFileError, match="net.xml: layer 'depthwise' is out of order"):
        read_openvino(path)
