"""``sebench evaluate`` as a user runs it: networks whose answers are known, on images made on the fly."""

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch

import sebench as library
from sebench import models
from sebench.reporting.contract import plain_value
from sebench.schema import ModelSpec
from sebench.statistics import tango_interval
from sebench.store import read_accuracy
from tests.image_folders import write_folder

NETS = Path(__file__).parent / "accuracy_nets.py"
BARE = {
    "resize": 32,
    "crop": [32, 32],
    "interpolation": "bilinear",
    "mean": [0, 0, 0],
    "std": [1, 1, 1],
    "source": "a test",
}
ALWAYS = "evaluate --preprocessing bare.json --images images --device cpu --threads 1"


def asked(arguments):
    """A command with what is always said, unless `arguments` say it otherwise."""
    words = f"{ALWAYS} {arguments}".split()
    for option in ("--preprocessing", "--images"):
        if words.count(option) > 1:
            del words[words.index(option) : words.index(option) + 2]
    return " ".join(words)


Z2 = 1.959963984540054**2


@pytest.fixture(autouse=True)
def _made(tmp_path, monkeypatch):
    """Six classes of four images whose first channel is 0, 10, 20, ... of 255."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(NETS, tmp_path / "nets.py")
    (tmp_path / "bare.json").write_text(json.dumps(BARE))
    write_folder(tmp_path / "images", dict.fromkeys("abcdef", 4))


def test_a_pair_on_the_same_images(invoke, tmp_path):
    (tmp_path / "images" / "a" / "bad.png").write_bytes(b"no image")
    done = invoke(f"{ALWAYS} -m nets.py:net -m nets.py:shifted --format json --batch-size 5")
    document = json.loads(done.stdout)
    assert (document["schema"], document["kind"]) == ("sebench/1", "accuracy")
    first, second = document["models"]
    assert (first["model"], first["variant"], first["n"]) == ("nets.py:net", "asis", 24)
    # 24 of 24: from 1 / (1 + z^2 / 24) to 1. The shifted one is right for the 4 of the last class.
    assert first["top1"]["ci_low"] == pytest.approx(1 / (1 + Z2 / 24))
    assert (first["top1"]["estimate"], first["top1"]["correct"]) == (1.0, 24)
    assert (second["top1"]["estimate"], second["top1"]["correct"]) == (pytest.approx(4 / 24), 4)
    (pair,) = document["comparisons"]
    assert pair["baseline"]["model"] == "nets.py:net"
    found = pair["top1"]
    assert (found["baseline_only"], found["candidate_only"]) == (20, 0)
    assert found["p_value"] == pytest.approx(2 / 2**20)
    limits = tango_interval(20, 0, 24)
    assert (found["ci_low"], found["ci_high"]) == (limits.low, limits.high)
    assert document["images"]["unreadable"] == [{"path": "a/bad.png", "reason": "cannot identify image file"}]
    assert done.stderr.splitlines()[-1] == (
        "warning: 1 of 25 images cannot be read and are left out: a/bad.png (cannot identify image file)"
    )


def test_a_constant_answer_is_the_first_class_and_not_right_everywhere(invoke):
    (only,) = json.loads(invoke(f"{ALWAYS} -m nets.py:constant --format json -q").stdout)["models"]
    assert only["top1"]["correct"] == 4  # class 0 has 4 images
    assert only["top5"]["correct"] == 20


def test_a_native_network_with_its_own_weights_and_with_others(invoke, tmp_path):
    for variant in ("plain", "se"):
        built = models.build(ModelSpec(model="cifar_resnet110", variant=variant, num_classes=6), seed=0)
        torch.save(built.module.state_dict(), tmp_path / f"{variant}.pt")
    some = "-m cifar_resnet110 --num-classes 6 --limit 3 --seed 1 --batch-size 3"
    done = invoke(f"{ALWAYS} {some} -v plain -v se --weights plain.pt --weights se.pt --format json -q")
    document = json.loads(done.stdout)
    assert [(each["variant"], each["weights"], each["n"]) for each in document["models"]] == [
        ("plain", "plain.pt", 3),
        ("se", "se.pt", 3),
    ]
    assert (document["images"]["asked"], document["images"]["seed"]) == (3, 1)
    for variant, file, said in (("se", "plain.pt", "missing"), ("plain", "se.pt", "unknown")):
        done = invoke(f"{ALWAYS} {some} -v {variant} --weights {file} -q", check=False)
        assert done.exit_code == 2
        assert len(done.stderr.splitlines()) == 1
        assert said in done.stderr


def test_weights_of_another_library_and_what_is_said_of_them(invoke):
    theirs = timm.create_model("seresnet50", num_classes=6)
    torch.save(theirs.state_dict(), "timm.pt")
    some = "-m resnet50 -v se --num-classes 6 --limit 2 --weights timm.pt"
    done = invoke(f"{ALWAYS} {some} --format json")
    document = json.loads(done.stdout)
    assert [(each["variant"], each["n"]) for each in document["models"]] == [("se", 2)]
    assert [each["code"] for each in document["findings"]] == ["checkpoint"]
    assert "warning: weights in timm.pt are named as in torchvision, timm or " in done.stderr
    assert done.stderr.endswith("(if not: --stride-in 1x1)\n")


def test_five_classes_have_no_top5(invoke, tmp_path):
    shutil.rmtree(tmp_path / "images" / "f")
    (tmp_path / "five.py").write_text(NETS.read_text() + "\ndef five():\n    return Net(outputs=5)\n")
    done = invoke(f"{ALWAYS} -m five.py:five --format json -q")
    (only,) = json.loads(done.stdout)["models"]
    assert only["top1"]["estimate"] == 1.0
    assert (only["top5"]["estimate"], only["top5"]["status"]) == (None, "unavailable")
    assert only["top5"]["reason"] == "with 5 classes every answer is among the first 5"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("-m nets.py:wide", 2, "nets.py:wide has 10 classes, and images has 6 folders"),
        ("-m nets.py:broken", 1, "nets.py:broken returns NaN for a/000.png"),
        ("-m nets.py:maps", 1, "not scores of shape (24, classes)"),
        ("-m nets.py:none", 2, "none"),
        (
            "-m resnet50",
            2,
            "resnet50 has random weights, so its accuracy is that of guessing",
        ),
        ("-m resnet50 -v plain -v se --weights bare.json", 2, "--weights is given 1 times for 2 networks"),
        ("-m resnet50 --weights bare.json", 2, "--weights bare.json cannot be read"),
        ("-m torchvision:resnet18 -v se --weights bare.json", 2, "that is put into torchvision:resnet18"),
        ("-m nets.py:net --preprocessing own", 2, "does not say what is done to images"),
        ("-m nets.py:net --preprocessing nets.py", 2, "holds no preprocessing"),
        ("-m nets.py:net --images nowhere", 2, "there is no folder nowhere"),
        ("-m nets.py:net --images images/a", 2, "has no folders with images (4 in no class)"),
        ("-m nets.py:net --limit 0", 2, "--limit 0 is not positive"),
        ("-m nets.py:net --workers -1", 2, "--workers -1 is not between"),
        ("-m net.onnx", 2, "is an exported file"),
    ],
)
def test_what_cannot_be_meant_is_one_line(invoke, arguments, code, said):
    done = invoke(asked(f"{arguments} -q"), check=False)
    assert done.exit_code == code, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert done.stdout == ""


def test_one_class_and_no_readable_image(invoke, tmp_path):
    write_folder(tmp_path / "single", {"only": 1})
    done = invoke(asked("-m nets.py:net --images single"), check=False)
    assert (done.exit_code, "single has 1 class, only, but 2 are needed" in done.stderr) == (2, True)
    for name in "ab":
        (tmp_path / "bad" / name).mkdir(parents=True)
        (tmp_path / "bad" / name / "x.png").write_bytes(b"")
    done = invoke(asked("-m nets.py:net --images bad -q"), check=False)
    assert done.exit_code == 1
    assert "none of the 2 images can be read; a/x.png:" in done.stderr


def test_python_and_compare_beside_it(invoke, tmp_path, fewest_blocks_measured):
    found = library.evaluate(
        ["nets.py:net", "nets.py:shifted"],
        images="images",
        preprocessing="bare.json",
        device="cpu",
        threads=1,
    )
    assert [each.top1.correct for each in found.models] == [24, 4]
    assert "nets.py:net asis" in str(found)
    invoke(f"{ALWAYS} -m nets.py:net -m nets.py:shifted --format json -o accuracy.json -q")
    beside = (
        "compare --baseline nets.py:net --candidate nets.py:shifted --image-size 32 --device cpu --threads 1"
    )
    done = invoke(f"{beside} --effort quick --accuracy accuracy.json --format json -q --no-save")
    rows = json.loads(done.stdout)["comparisons"][0]["accuracy"]
    assert [(row["side"], row["top1"], row["quoted_top1"]) for row in rows] == [
        ("baseline", 1.0, None),
        ("candidate", pytest.approx(4 / 24), None),
    ]
    assert rows[0]["top1_points_per_ms"] == pytest.approx(100 / (1000 * rows[0]["latency_s"]))
    done = invoke("compare -m resnet50 --accuracy accuracy.json --device cpu", check=False)
    assert done.exit_code == 2
    assert "says nothing of these networks; it has nets.py:net asis, nets.py:shifted asis" in done.stderr
    done = invoke("compare -m resnet50 --accuracy bare.json --device cpu", check=False)
    assert (done.exit_code, "is no accuracy document" in done.stderr) == (1, True)


def test_ctrl_c_is_one_line(tmp_path, environ):
    command = [sys.executable, "-m", "sebench", *asked("-m nets.py:stuck --batch-size 1").split()]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr.readline() == "nets.py:stuck: 1 of 24 images\n"
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, out, errors) == (130, "", "sebench: error: interrupted\n")


def test_other_processes_read_and_other_formats_say_the_same(invoke):
    done = invoke(f"{ALWAYS} -m nets.py:net -m nets.py:shifted --workers 2 --format csv -q")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [(row["network"], row["n"], row["top1"], row["top1_correct"]) for row in rows] == [
        ("nets.py:net asis", "24", "1.0", "24"),
        ("nets.py:shifted asis", "24", str(4 / 24), "4"),
    ]
    assert (rows[0]["top1_difference"], float(rows[1]["top1_difference"])) == ("", -20 / 24)
    done = invoke(f"{ALWAYS} -m nets.py:net --format markdown -q")
    assert "nets.py:net asis gets 100.00 % of 24 images right, " in done.stdout.replace("\\", "")


def test_the_document_is_as_it_is_described(invoke):
    """Every key of the document stands in docs/results-schema.md, and reading it gives the same again."""
    page = (Path(__file__).parents[2] / "docs" / "results-schema.md").read_text(encoding="utf-8")
    section = page.partition("## `accuracy`")[2].partition("\n## ")[0]
    invoke(f"{ALWAYS} -m nets.py:net -m nets.py:shifted --format json -o a.json -q")
    document = json.loads(Path("a.json").read_text(encoding="utf-8"))
    keys = {*document, *document["images"], *document["models"][0], *document["comparisons"][0]}
    keys |= {*document["models"][0]["top1"], *document["models"][0]["preprocessing"]}
    keys |= {*document["comparisons"][0]["top1"]}
    assert [key for key in keys if f'"{key}"' not in section] == []
    assert plain_value(read_accuracy(Path("a.json"))) == document
