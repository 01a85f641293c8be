"""`sebench tune --forms` on a small network, and the files that it writes."""

import json
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from sebench import surgery
from sebench.cli import app
from sebench.errors import Interrupted, WorkerError
from sebench.runner.measuring.context import Host
from sebench.runner.writing import write_network
from sebench.schema import ModelSpec, Workload
from sebench.surgery.trials import apart
from tests.workers import steady, varied

NET = "tests.residual:network"
SHAPE = (1, 3, 16, 16)


def sebench(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def tune(*arguments):
    small = ("--image-size", 16, "--threads", 1, "--effort", "quick", "--no-save", "--quiet")
    return sebench("tune", "--forms", "-m", NET, *small, *arguments)


@pytest.mark.usefixtures("fewest_blocks_measured")
def test_a_form_is_measured_against_the_network_as_written():
    done = tune("--form", "pooled+fused", "--no-confirm", "--format", "json")
    assert (done.exit_code, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["kind"], found["variant"], found["confirmed"]) == ("tuning", "asis", None)
    _, form = found["candidates"]
    assert form["ratio"]["ci_low"] <= form["ratio"]["estimate"] <= form["ratio"]["ci_high"]
    assert form["rewritten"] == {"pooled": 2, "fused": 2}  # both blocks


@pytest.fixture
def pretended(tmp_path):
    """Run ``sebench tune --forms`` where steps take what `ratios` says."""

    def run(*arguments, ratios):
        (tmp_path / "steps.json").write_text(
            json.dumps({variant: 0.2 * ratio for variant, ratio in ratios.items()})
        )
        host = Host(
            command=(sys.executable, str(Path(varied.__file__)), str(tmp_path / "steps.json")),
            read_probe=steady.quiet_probe,
            findings_for=lambda environment, **workload: (),
        )
        small = ("--image-size", "16", "--threads", "1", "--device", "cpu", "--effort", "quick", "--no-save")
        words = ("tune", "-m", NET, "-v", "asis", *small, "--quiet", *arguments)
        return CliRunner().invoke(app, list(words), obj=host)

    return run


def test_table_of_candidates(pretended):
    ratios = {"asis": 1.0, "plain": 0.9, "asis(form=fused)": 0.97, "asis(form=pooled+fused)": 0.95}
    forms = ("--form", "fused", "--form", "pooled+fused", "--form", "conv1x1")
    done = pretended(*forms, "--format", "json", ratios=ratios)
    assert (done.exit_code, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert [(each["variant"], each["spelling"], each["ratio"] is None) for each in found["candidates"]] == [
        ("plain", False, False),
        ("asis(form=fused)", True, False),
        ("asis(form=pooled+fused)", True, False),
        ("asis(form=conv1x1)", True, True),  # has no time there
    ]
    assert (found["mode"], found["fastest"], found["faster"]) == ("forms", "asis(form=pooled+fused)", True)
    assert found["confirmed"]["ratio"]["estimate"] == pytest.approx(0.95, abs=0.001)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--form", "poled"), "unknown form 'poled'; did you mean 'pooled' or 'folded'?"),
        (("--form", "clip+pooled"), "form clip is not for --runtime eager; use --runtime openvino"),
        (("--variant", "plain"), "the plain network has no gates to spell otherwise; use --variant se"),
        (("--export", "fast.onnx"), "--export fast.onnx: a network for --runtime eager is written as .pt2"),
        (("--export", "absent/fast.pt2"), "--export absent/fast.pt2: there is no folder absent"),
        (
            ("--phase", "training", "--runtime", "compile"),
            "there is no form for --runtime compile and --phase training",
        ),
    ],
)
def test_refusals(arguments, message):
    done = tune(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_interruption_ends_the_command(monkeypatch):
    plans = []

    def interrupted(plan, context):
        plans.append(plan)
        yield from ()
        raise Interrupted("interrupted")

    monkeypatch.setattr("sebench.runner.tuning.measuring.run", interrupted)
    done = tune("--form", "fused", "--form", "pooled")
    assert (done.exit_code, done.stderr) == (130, "sebench: error: interrupted\n")
    assert len(plans) == 1


def test_it_has_to_be_told_what_to_try():
    done = sebench("tune", "-m", NET, "--quiet")
    assert done.exit_code == 2
    expected = "tune needs to know what to try; add --max-overhead latency:1.02, --drop or --forms"
    assert done.stderr == f"sebench: error: {expected}\n"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "written"
    made.mkdir()
    return made


def expected(seed, batch):
    network = surgery.build(ModelSpec(model=NET, variant="asis"), seed=seed).module
    with torch.no_grad():
        return network(batch)


def test_a_written_program_runs_without_sebench(folder):
    path, batch = folder / "fast.pt2", torch.randn(SHAPE)
    spec = ModelSpec(model=NET, variant="asis(form=pooled+fused)")
    write_network(spec, Workload(input_shape=SHAPE), path, seed=3)
    program = torch.export.load(path)
    names = [str(node.target) for node in program.graph.nodes]
    assert names.count("aten.addcmul_.default") == 2
    with torch.no_grad():
        assert apart([expected(3, batch)], [program.module()(batch)]) < 1e-5
    assert [each.name for each in folder.iterdir()] == ["fast.pt2"]


def test_a_written_onnx_file_is_one_file(folder):
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    path, batch = folder / "fast.onnx", torch.randn(SHAPE)
    spec = ModelSpec(model=NET, variant="asis(form=folded)")
    write_network(spec, Workload(input_shape=SHAPE, runtime="onnxruntime"), path, seed=3)
    assert [each.name for each in folder.iterdir()] == ["fast.onnx"]
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {session.get_inputs()[0].name: batch.numpy()})
    assert apart([expected(3, batch)], [torch.from_numpy(output)]) < 1e-5


def test_what_cannot_be_written_is_one_line(folder):
    spec = ModelSpec(model=NET, variant="asis(form=clip)")
    with pytest.raises(WorkerError) as caught:
        write_network(spec, Workload(input_shape=SHAPE), folder / "fast.pt2", seed=3)
    assert "form clip fits none of the 2 gates of Network: their gate is no hard sigmoid" in str(caught.value)
    assert not list(folder.iterdir())
