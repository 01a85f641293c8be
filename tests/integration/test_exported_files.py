"""Networks that are files, through the command line: compared, checked, and refused in one line."""

import json
import subprocess

import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import helper, numpy_helper  # noqa: E402

from tests.interpreter import FRESH  # noqa: E402
from tests.onnx_nets import AXES, SE_WEIGHTS, C, H, model, node, squeeze_excitation  # noqa: E402

XML = """<net><layers><layer name="x" type="Parameter" version="opset1">
<data shape="1,3,8,8" element_type="f32"/></layer></layers></net>"""
MEASURED = "--effort quick --threads 1 --format json"


def saved(path, nodes, *, batch="batch", weights=SE_WEIGHTS, **kwargs):
    """A network on maps of 8 channels and 16 x 16 positions whose weights are powers of two."""
    made = model(nodes, weights, axes=AXES, inputs={"x": (batch, C, 16, 16)}, **kwargs)
    for weight in made.graph.initializer:
        if weight.name in weights:
            values = numpy_helper.to_array(weight) + 0.125
            weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    made.ir_version = 10
    onnx.save(made, path)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """``se.onnx``, ``plain.onnx`` and ``fixed.onnx`` with a batch of 4."""
    monkeypatch.chdir(tmp_path)
    convolution = node("Conv", "x w", "f")
    saved(tmp_path / "se.onnx", [convolution, *squeeze_excitation()])
    saved(tmp_path / "fixed.onnx", [convolution, *squeeze_excitation()], batch=4)
    saved(tmp_path / "plain.onnx", [node("Conv", "x w", "y")], weights={"w": SE_WEIGHTS["w"]})
    return tmp_path


def metrics(done):
    (comparison,) = json.loads(done.stdout)["comparisons"]
    return {each["metric"]: each for each in comparison["metrics"]}


def test_a_name_is_resolved_without_reading_the_graph(files):
    code = (
        "import sys; from sebench.models import resolve; from sebench.schema import ModelSpec;"
        "print(len(resolve(ModelSpec(model='se.onnx')).file_sha256), {'onnx', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([FRESH, "-c", code], cwd=files, capture_output=True, text=True, check=True)
    assert done.stdout == "64 set()\n"


@pytest.mark.usefixtures("files")
def test_count_shows_a_file_without_and_with_its_attention(invoke):
    plain, asis = json.loads(invoke("count -m se.onnx --format json").stdout)["models"]
    assert (plain["variant"], asis["variant"]) == ("plain", "asis")
    assert (plain["macs"], asis["macs"]) == (C * C * 256, C * C * 256 + 2 * C * H)
    assert (plain["params"], asis["params"]) == (C * C, C * C + 2 * C * H + H + C)
    (both,) = json.loads(invoke("count -m se.onnx -b 4 --sites --format json").stdout)["models"]
    (gate,) = both["gates"]
    assert (gate["channels"], gate["hidden"], gate["reduction"], gate["gate"]) == (C, [H], "mean", "sigmoid")
    assert both["macs"] == 4 * asis["macs"]
    assert both["attention"]["macs"] == gate["macs"] == 4 * 2 * C * H
    (alone,) = json.loads(invoke("count -m plain.onnx --format json").stdout)["models"]
    assert (alone["variant"], alone["macs"]) == ("asis", plain["macs"])


@pytest.mark.slow
@pytest.mark.usefixtures("files", "fewest_blocks_measured")
def test_compare_takes_attention_out_of_the_graph(invoke, tmp_path):
    done = invoke(f"compare -m se.onnx -b 2 {MEASURED}")
    found = metrics(done)
    assert found["params"]["candidate"]["value"] - found["params"]["baseline"]["value"] == 2 * C * H + H + C
    workload = found["latency"]["workload"]
    assert (workload["runtime"], workload["input_shape"]) == ("onnxruntime", [2, C, 16, 16])
    assert found["latency"]["ratio"]["estimate"] > 0
    (stored,) = (tmp_path / ".sebench" / "results").glob("*.json")
    result = json.loads(stored.read_text())
    sides = [result["pair"][side] for side in ("baseline", "candidate")]
    assert [side["variant"] for side in sides] == ["plain", "asis"]
    assert sides[0]["file_sha256"] == sides[1]["file_sha256"] != ""


@pytest.mark.slow
@pytest.mark.usefixtures("files", "fewest_blocks_measured")
def test_two_files_in_two_runtimes_are_a_pair(invoke):
    pytest.importorskip("openvino")
    done = invoke(
        f"compare --baseline plain.onnx@onnxruntime --candidate se.onnx@openvino {MEASURED} --no-save"
    )
    (comparison,) = json.loads(done.stdout)["comparisons"]
    assert (comparison["baseline"], comparison["candidate"]) == (
        "plain.onnx@onnxruntime",
        "se.onnx@openvino",
    )
    assert metrics(done)["latency"]["workload"]["runtime"] == "eager"  # no side's
    assert metrics(done)["latency"]["status"] == "ok"


@pytest.mark.slow
@pytest.mark.usefixtures("files", "fewest_blocks_measured")
def test_openvino_files_are_counted_and_timed(invoke):
    openvino = pytest.importorskip("openvino")
    for name in ("se", "plain"):  # with an open batch
        openvino.save_model(openvino.convert_model(f"{name}.onnx"), f"{name}.xml")
    done = invoke(f"compare --baseline plain.xml --candidate se.xml {MEASURED} --no-save")
    found = metrics(done)
    assert found["latency"]["status"] == "ok"
    assert found["latency"]["workload"]["runtime"] == "openvino"
    assert (found["params"]["baseline"]["value"], found["params"]["candidate"]["value"]) == (64, 106)
    assert found["macs"]["difference"]["estimate"] == 2 * C * H
    (alone,) = json.loads(invoke("count -m se.xml -b 4 --sites --format json").stdout)["models"]
    assert alone["macs"] == 4 * (C * C * 256 + 2 * C * H)
    (gate,) = alone["gates"]
    assert (gate["channels"], gate["hidden"], gate["gate"], gate["macs"]) == (
        C,
        [H],
        "sigmoid",
        4 * 2 * C * H,
    )


@pytest.mark.slow
@pytest.mark.usefixtures("files")
def test_the_graph_that_a_runtime_makes_of_a_file_is_read(invoke):
    done = invoke("count -m fixed.onnx --runtime onnxruntime --graph --format json")
    (graph,) = json.loads(done.stdout)["graphs"]
    parts = {each["part"]: (each["baseline_nodes"], each["candidate_nodes"]) for each in graph["parts"]}
    assert (parts["squeeze"], parts["scale"]) == ((0, 1), (0, 1))


@pytest.mark.usefixtures("files")
def test_check_holds_the_costs_of_a_file(invoke):
    # 8 x 8 weights, and 42 more with attention.
    limits = "--max-overhead params:1.6 --format json"
    done = invoke(f"check -m se.onnx --threads 1 {limits}", check=False)
    assert done.exit_code == 3, done.stderr
    (check,) = json.loads(done.stdout)["checks"]
    assert check["ratio"]["estimate"] == pytest.approx(106 / 64)
    assert invoke("check -m se.onnx --threads 1 --max-overhead params:1.7").exit_code == 0


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            "compare -m plain.onnx",
            "plain.onnx has no channel attention that could be taken out; compare",
        ),
        ("compare -m se.onnx -v eca", "variant 'eca': se.onnx is exported already"),
        ("compare -m se.onnx --runtime eager", "--runtime eager does not run se.onnx"),
        ("compare -m fixed.onnx -b 2", "fixed.onnx has a fixed batch of 4, not of 2"),
        ("count -m fixed.onnx -b 2", "fixed.onnx has a fixed batch of 4, not of 2"),
        ("compare -m se.onnx --image-size 8", "se.onnx takes batchx8x16x16, not 1x8x8x8"),
        ("compare -m se.onnx --input-shape 1x3x16x16", "se.onnx takes batchx8x16x16, not 1x3x16x16"),
        ("compare -m se.onnx --phase training", "se.onnx was exported for inference: no --phase training"),
        ("compare -m se.onnx --weights w.pt", "--weights: se.onnx is exported already; leave it out"),
        ("compare -m net.xml", "variant 'plain': attention can be taken out of .onnx files"),
        ("count -m gone.onnx", "unknown model 'gone.onnx': No such file or directory"),
        ("profile -m se.onnx -m cifar_resnet110", "se.onnx does not run as the others do; add --runtime"),
        ("profile -m se.onnx --runtime eager", "--runtime eager does not run se.onnx"),
        ("compare -m se.onnx --quantize int8", "--quantize: se.onnx is exported already; leave it out"),
        ("count -m se.onnx --cross-check", "se.onnx is an exported file, not a module of torch"),
        ("count -m text.onnx", "text.onnx is no ONNX model, or not a whole one"),
        ("compare -m half.onnx", "half.onnx is no ONNX model, or not a whole one"),
        ("compare -m outside.onnx", "outside.onnx keeps weights in '../weights', outside its folder"),
        ("compare -m own.onnx", "own.onnx asks for the operator my.ops:Relu"),
    ],
)
def test_what_cannot_be_done_is_one_line(files, invoke, arguments, said):
    (files / "text.onnx").write_text("weights\n" * 100)
    whole = (files / "se.onnx").read_bytes()
    (files / "half.onnx").write_bytes(whole[: len(whole) // 2])
    (files / "net.xml").write_text(XML)
    made = onnx.load_from_string(whole)
    made.graph.initializer[0].ClearField("raw_data")
    made.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    made.graph.initializer[0].external_data.add(key="location", value="../weights")
    (files / "outside.onnx").write_bytes(made.SerializeToString())
    own = model([node("my.ops:Relu", "x", "y")], {})
    own.opset_import.append(helper.make_opsetid("my.ops", 1))
    (files / "own.onnx").write_bytes(own.SerializeToString())
    done = invoke(arguments, check=False)
    assert done.exit_code in (1, 2)
    (error,) = done.stderr.strip().splitlines()
    assert error.startswith(f"sebench: error: {said}")
