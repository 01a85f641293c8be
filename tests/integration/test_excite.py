"""``sebench excite`` on tiny images, by the real command."""

import csv
import io
import json

import pytest
import torch

import sebench as library
from sebench import models
from sebench.schema import ModelSpec
from tests.image_folders import write_folder

NETWORK = "--model mobilenet_v1 --variant se(stages=1-2) --image-size 32 --threads 1 --device cpu --seed 1"


@pytest.fixture
def images(tmp_path):
    return write_folder(tmp_path / "val", {"cat": 3, "dog": 2})


def test_json_picture_and_a_folded_network(sebench, invoke, images, tmp_path):
    done = sebench(
        f"excite {NETWORK} --images val --constant-below 1 --fold folded.pt --no-measure"
        " --plot gates.svg --format json -b 2"
    )
    told = json.loads(done.stdout)
    assert told["kind"] == "excitation"
    assert [gate["path"] for gate in told["gates"]] == [
        "stage1.0.attention", "stage2.0.attention", "stage2.1.attention"
    ]  # fmt: skip
    assert [(each["class"], each["n"]) for each in told["gates"][0]["classes"]] == [("cat", 3), ("dog", 2)]
    assert told["images"]["seen"] == 5
    assert told["folded"]["variant"] == "plain"
    assert told["folded"]["command"].startswith("sebench compare -m mobilenet_v1 -v plain --baseline")
    assert (tmp_path / "folded.pt").exists()
    assert "<svg" in (tmp_path / "gates.svg").read_text()
    assert done.stderr == ""
    (tmp_path / "gates.json").write_text(done.stdout)
    page = invoke("report gates.json").stdout
    assert page.startswith(
        "Report: gates of mobilenet_v1 se(stages=1-2)\n\nGates of mobilenet_v1 se(stages=1-2) on images\n\n"
        "3 of 3 gates near-constant over 5 images, 3 of them can be folded into weights\n"
    )
    assert told["folded"]["command"] in page


@pytest.mark.slow
def test_the_saving_is_measured_as_a_pair(sebench, images, fewest_blocks_measured):
    done = sebench(f"excite {NETWORK} --images val --constant-below 1 --fold folded.pt --format json -q")
    folded = json.loads(done.stdout)["folded"]
    assert folded["ratio"]["estimate"] > 0
    assert folded["not_measured"] is None


def test_csv_of_images_of_one_class_and_one_that_cannot_be_read(sebench, tmp_path):
    write_folder(tmp_path / "one", {"cat": 2})
    (tmp_path / "one" / "cat" / "bad.png").write_bytes(b"no image")
    spec = ModelSpec(model="mobilenet_v1", variant="se(stages=1-2)")
    torch.save(models.build(spec, seed=1).module.half().state_dict(), tmp_path / "half.pt")
    done = sebench(f"excite {NETWORK} --images one --weights half.pt --format csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {row["class"] for row in rows} == {"cat", "(all)"}
    assert len(rows) == 2 * (64 + 128 + 128)  # two rows for each channel of MobileNet's first three blocks
    assert {row["n"] for row in rows} == {"2"}
    assert "of float16" in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[0].endswith("; the network keeps its own number format")
    assert "warning: left out, as it cannot be read: 1 image (cat/bad.png: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (f"{NETWORK} --images nowhere", 2, "there is no folder"),
        (f"{NETWORK} --images val --weights w.pt --fold ./w.pt", 2, "--fold and --weights both name"),
        (f"{NETWORK} --images val --weights w.pt#ema --fold w.pt", 2, "--fold and --weights both name"),
        (f"{NETWORK} --images val --constant-below 0", 2, "--constant-below is not positive"),
        (f"{NETWORK} --images val --workers -1", 2, "--workers -1 is not between 0 and 256"),
        (f"{NETWORK} --images val --preprocessing p.json", 2, "both say the size"),
        ("--model net.onnx --images val", 2, "net.onnx"),
        ("--model mobilenet_v1 --images val --variant plain --image-size 32 --device cpu", 2, "has no gates"),
    ],
)
def test_what_cannot_be_meant(sebench, images, tmp_path, arguments, status, said):
    (tmp_path / "w.pt").write_bytes(b"weights")
    done = sebench(f"excite {arguments}", check=False)
    assert done.returncode == status
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_nothing_to_fold_is_no_success(sebench, images, tmp_path):
    done = sebench(f"excite {NETWORK} --images val --constant-below 1e-12 --fold folded.pt -q", check=False)
    assert done.returncode == 4
    assert "Nothing was folded: no gate is near-constant" in done.stdout
    assert not (tmp_path / "folded.pt").exists()


def test_in_python(images, monkeypatch, tmp_path):
    heard = []
    result = library.excite(
        "mobilenet_v1",
        images=images,
        variant="se(stages=1)",
        image_size=32,
        threads=1,
        device="cpu",
        batch_size=4,
        seed=1,
        progress=lambda seen, of: heard.append((seen, of)),
    )
    assert heard == [(4, 5), (5, 5)]
    assert repr(result) == "ExcitationResult('mobilenet_v1 se(stages=1)', 1 gate, 1 near-constant)"
    frame = result.to_frame()
    assert len(frame) == 3 * 64
    assert list(frame.columns) == ["gate", "class", "channel", "mean", "std", "n"]
    assert "Gates of mobilenet_v1 se(stages=1) on images" in str(result)
    assert result.folded is None
