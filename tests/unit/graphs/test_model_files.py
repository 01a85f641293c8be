"""Files of networks: what they say of themselves, and which are refused before a runtime sees them."""

import sys
import zipfile

import pytest
from onnx import TensorProto, helper

from sebench.errors import DataFileError
from sebench.graphs.model_files import look_into, open_onnx
from tests.onnx_nets import AXES, SE_WEIGHTS, model, node, squeeze_excitation

XML = """<?xml version="1.0"?><net name="n" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="?,3,8,8" element_type="f32"/></layer>
<layer id="1" name="y" type="{type}" version="{version}"/></layers></net>"""


def saved(path, net):
    path.write_bytes(net.SerializeToString())
    return path


def net_with_weights_in(location, *, length=16):
    net = model([node("Mul", "x w", "y")], {"w": (1,)})
    net.graph.output[0].type.tensor_type.shape.CopyFrom(net.graph.input[0].type.tensor_type.shape)
    (weight,) = net.graph.initializer
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0", "length": str(length)}.items():
        weight.external_data.add(key=key, value=value)
    return net


def test_a_file_says_its_inputs_and_what_belongs_to_it(tmp_path):
    net = model([node("Relu", "x", "y")], {}, inputs={"x": ("batch", 3, 8, 8)})
    found = look_into(saved(tmp_path / "net.onnx", net))
    (declared,) = found.inputs
    assert (declared.name, declared.element, declared.shape) == ("x", "float32", ("batch", 3, 8, 8))
    assert found.beside == ()


def test_what_is_missing_to_read_it_is_named(tmp_path, monkeypatch):
    path = saved(tmp_path / "net.onnx", model([node("Relu", "x", "y")], {}))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(DataFileError, match=r"reading it needs onnx; pip install '.*\[onnxruntime\]'"):
        look_into(path)


def test_weights_beside_it_belong_to_it(tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "net.data").write_bytes(bytes(16))
    found = look_into(saved(tmp_path / "net.onnx", net_with_weights_in("w/net.data")))
    assert [str(each) for each in found.beside] == ["w/net.data"]


@pytest.mark.parametrize(
    "place", ["/weights", "../net.data", "w/../../net.data", "C:\\weights", "\\\\host\\w", ""]
)
def test_weights_outside_its_folder_are_refused_wherever_they_are(tmp_path, place):
    (tmp_path / "net.data").write_bytes(bytes(16))
    (tmp_path / "inner").mkdir()
    path = saved(tmp_path / "inner" / "net.onnx", net_with_weights_in(place))
    with pytest.raises(DataFileError, match="outside its folder"):
        look_into(path)


def test_a_link_that_leads_outside_is_refused(tmp_path):
    (tmp_path / "net.data").write_bytes(bytes(16))
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "link.data").symlink_to(tmp_path / "net.data")
    path = saved(tmp_path / "inner" / "net.onnx", net_with_weights_in("link.data"))
    with pytest.raises(DataFileError, match="outside its folder"):
        look_into(path)


def test_weights_of_a_constant_in_an_inner_graph_are_looked_at_too(tmp_path):
    inner = net_with_weights_in("/weights").graph
    for each in inner.input:
        each.name = "x"
    del inner.input[:]
    branch = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    graph = helper.make_graph(
        [branch],
        "net",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, (1,)),
            helper.make_tensor_value_info("c", TensorProto.BOOL, ()),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    with pytest.raises(DataFileError, match="outside its folder"):
        look_into(saved(tmp_path / "net.onnx", helper.make_model(graph)))


def test_weights_that_are_too_short_or_not_there_are_refused(tmp_path):
    path = saved(tmp_path / "net.onnx", net_with_weights_in("net.data"))
    with pytest.raises(DataFileError, match=r"keeps weights in net\.data: No such file"):
        look_into(path)
    (tmp_path / "net.data").write_bytes(bytes(15))
    with pytest.raises(DataFileError, match=r"net\.data is too short for its tensor 'w'"):
        look_into(path)


def test_what_is_no_whole_model_is_refused(tmp_path):
    whole = model(squeeze_excitation("x"), SE_WEIGHTS, axes=AXES).SerializeToString()
    contents = {
        "half": whole[: len(whole) // 2],
        "short": whole[:-1],
        "text": b"no model\n" * 50,
        "random": bytes((7 * i * i + 3 * i) % 251 for i in range(4000)),
        "empty": b"",
        "bare": helper.make_model(helper.make_graph([], "net", [], [])).SerializeToString(),
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.onnx").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "zip.onnx", "w") as file:
        file.writestr("net.onnx", whole)
    for name in (*contents, "zip"):
        with pytest.raises(DataFileError, match=rf"{name}\.onnx is no ONNX model"):
            look_into(tmp_path / f"{name}.onnx")
    with pytest.raises(DataFileError, match=r"gone\.onnx: No such file"):
        look_into(tmp_path / "gone.onnx")
    with pytest.raises(DataFileError, match="is not a file"):
        open_onnx(tmp_path)


def test_a_model_against_the_rules_of_onnx_is_refused(tmp_path):
    net = model([node("Relu", "x x", "y")], {})
    with pytest.raises(DataFileError, match="is no valid ONNX model"):
        look_into(saved(tmp_path / "net.onnx", net))


def test_operators_that_somebody_would_have_to_load_are_refused(tmp_path):
    net = model([node("my.ops:Relu", "x", "y")], {})
    net.opset_import.append(helper.make_opsetid("my.ops", 1))
    with pytest.raises(DataFileError, match=r"asks for the operator my\.ops:Relu"):
        look_into(saved(tmp_path / "net.onnx", net))
    with pytest.raises(DataFileError, match=r"asks for the operator com\.microsoft:EPContext"):
        look_into(saved(tmp_path / "net.onnx", model([node("com.microsoft:EPContext", "x", "y")], {})))


def test_functions_of_its_own_are_no_such_operators(tmp_path):
    function = helper.make_function(
        "own",
        "Twice",
        ["a"],
        ["b"],
        [helper.make_node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 20)],
    )
    net = model([node("own:Twice", "x", "y")], {})
    net.functions.append(function)
    net.opset_import.append(helper.make_opsetid("own", 1))
    assert look_into(saved(tmp_path / "net.onnx", net)).inputs[0].name == "x"


def test_openvino_files_say_their_inputs(tmp_path):
    path = tmp_path / "net.xml"
    path.write_text(XML.format(type="ReLU", version="opset1"))
    found = look_into(path)
    assert (found.inputs[0].name, found.inputs[0].shape, found.beside) == ("x", (None, 3, 8, 8), ())
    path.write_text(XML.format(type="Const", version="opset1"))
    with pytest.raises(DataFileError, match=r"keeps weights in net\.bin: No such file"):
        look_into(path)
    (tmp_path / "net.bin").write_bytes(b"")
    assert [str(each) for each in look_into(path).beside] == ["net.bin"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no model", "is no OpenVINO model"),
        ("<html><body/></html>", "it has no layers"),
        (XML.format(type="ReLU", version="opset1")[:-20], "or not a whole one"),
        ('<!DOCTYPE net [<!ENTITY a "b">]>' + XML.partition("?>")[2], "defines entities"),
        (XML.format(type="Own", version="extension"), "asks for the operator extension:Own"),
    ],
)
def test_other_xml_files_are_refused(tmp_path, text, message):
    path = tmp_path / "net.xml"
    path.write_text(text)
    with pytest.raises(DataFileError, match=message):
        look_into(path)
