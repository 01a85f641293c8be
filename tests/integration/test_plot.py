"""``--plot`` of the commands that compare, count and report, as a user gives it."""

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from sebench.cli import app

DATA = Path(__file__).parents[2] / "reports" / "cpu-amd-epyc" / "data"
RESNET50 = DATA / "20261121T031454502319Z-resnet50-plain-se-e9bcb3.json"
TEXT = "{http://www.w3.org/2000/svg}text"


def sebench(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def texts(path):
    return [element.text for element in ET.parse(path).getroot().iter(TEXT)]  # noqa: S314 - our own


@pytest.fixture
def svg(tmp_path):
    return tmp_path / "folder" / "made.svg"


def test_report_begins_with_all_ratios_sorted(svg):
    done = sebench("report", DATA, "-f", "json", "--plot", svg)
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout)["kind"] == "report"
    found = texts(svg)
    ratios = [text.split()[0] for text in found if "[" in text and text.endswith("]")]
    assert ratios == ["0.992", "1.002", "1.050", "1.066", "1.086", "1.097", "1.129", "1.150"]
    assert found[0] == "Cost report: 5 pairs, 8 results"
    # 1 headline, 3 pairs by stage, 8 measurements, 3 workloads with the paper's accuracies
    bold = [e.text for e in ET.parse(svg).getroot().iter(TEXT) if e.get("font-weight")]  # noqa: S314
    assert len(bold) - 1 == 1 + 3 + 8 + 3


def test_one_pair_says_device_and_workload_once(svg):
    assert sebench("report", RESNET50, "--plot", svg).exit_code == 0
    found = texts(svg)
    assert found[:2] == [
        "Cost report: SE in resnet50",
        "CPU inference, batch 1, 224x224, float32, 2 threads; AMD EPYC",
    ]
    assert "1.050 [1.041, 1.059]" in found


def test_compare_of_stored_results_draws_what_changed(svg):
    done = sebench("compare", "--from", RESNET50, RESNET50, "--plot", svg)
    assert (done.exit_code, done.stderr) == (0, "")
    found = texts(svg)
    assert found[0] == "Latency overhead, new results against old"
    (figures,) = [text for text in found if text.startswith("1.000 [")]
    assert figures == "1.000 [0.989, 1.011]"


def test_compare_of_nothing_comparable_draws_nothing(svg):
    other = next(path for path in sorted(DATA.glob("*.json")) if "mobilenet" in path.name)
    done = sebench("compare", "--from", RESNET50, other, "--plot", svg)
    assert done.exit_code == 4
    assert not svg.exists()


def test_count_draws_networks_against_their_plain_form(svg):
    done = sebench("count", "-m", "cifar_resnet110", "-f", "json", "--plot", svg)
    assert (done.exit_code, done.stderr) == (0, "")
    plain, se = (model["params"] for model in json.loads(done.stdout)["models"])
    (row,) = [text for text in texts(svg) if text.startswith("parameters +")]
    assert row.startswith(f"parameters {(se / plain - 1) * 100:+.2f} %")
    assert "relative to cifar_resnet110 plain" in texts(svg)


def test_table_draws_cost_against_the_printed_errors(svg):
    done = sebench("table", "cifar", "-f", "json", "--plot", svg)
    assert (done.exit_code, done.stderr) == (0, "")
    assert {
        "ResNet-110 plain",
        "ResNet-110 SE",
        "M params, counted here",
        "CIFAR-10 error (%), quoted",
    } <= set(texts(svg))


def test_png(tmp_path):
    assert sebench("report", RESNET50, "--plot", tmp_path / "made.PNG").exit_code == 0
    assert (tmp_path / "made.PNG").read_bytes().startswith(b"\x89PNG")


def test_the_same_results_give_the_same_picture(tmp_path):
    for name in ("a.svg", "b.svg"):
        sebench("report", DATA, "-f", "json", "--plot", tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


COMMANDS = (
    ("report", str(RESNET50)),
    ("compare", "-m", "resnet50"),
    ("compare", "--from", str(RESNET50), str(RESNET50)),
    ("count", "-m", "resnet50"),
    ("table", "2"),
    ("trend", "latency", "-m", "resnet50"),
    ("profile", "-m", "resnet50"),
    ("sweep", "-m", "resnet50"),
    ("excite", "-m", "resnet50", "--images", str(DATA)),
    ("train", "-m", "cifar_resnet20", "--data", "digits", "-o", "run"),
)


def test_every_command_with_a_picture_is_among_them():
    having = {
        name
        for name, command in get_command(app).commands.items()
        if any("--plot" in parameter.opts for parameter in command.params)
    }
    assert having == {command[0] for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2])[:14])
@pytest.mark.parametrize(
    ("file", "code", "message"),
    [
        ("made.pdf", 2, "--plot draws no 'pdf'; name a file in svg or png"),
        ("made", 2, "--plot draws no ''; name a file in svg or png"),
        ("file/made.svg", 1, "Not a directory"),
    ],
)
def test_a_picture_that_cannot_be_is_refused_before_anything_is_done(
    command, file, code, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    done = sebench(*command, "--plot", file)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("command", COMMANDS[:5], ids=lambda command: command[0])
def test_png_without_its_extra_names_it(command, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    done = sebench(*command, "--plot", tmp_path / "made.png")
    assert (done.exit_code, done.stdout) == (2, "")
    assert (
        "--plot FILE.png needs vl-convert-python; pip install 'sebench-torch[html]', or name" in done.stderr
    )


def test_one_file_holds_one_thing(tmp_path):
    done = sebench("report", RESNET50, "-o", tmp_path / "r.svg", "-f", "json", "--plot", tmp_path / "r.svg")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--plot and --output both name" in done.stderr
    assert not (tmp_path / "r.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("count -m resnet50 -v plain --plot c.svg", "there is one; add a -v or a --model"),
        ("count -m resnet50 --cross-check --plot c.svg", "--plot cannot be combined with --cross-check"),
        ("table 1 --plot c.svg", "table 1 has no errors to draw costs against; those with a picture are 2,"),
    ],
)
def test_what_has_no_picture_is_wrong_usage(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = sebench(*arguments.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []
