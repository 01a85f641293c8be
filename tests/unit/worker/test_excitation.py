"""A worker watches gates and folds those that do nothing: its answers, without a process of its own."""

import io
import json

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from sebench import surgery
from sebench.images.preprocessing import paper_preprocessing
from sebench.schema import ModelSpec, Workload
from sebench.surgery.excitation import watch
from sebench.worker.protocol import ExciteRequest
from sebench.worker.serve import serve

SE = "se(stages=1-2)"
PATHS = ("stage1.0.attention", "stage2.0.attention", "stage2.1.attention")


def write_noise(root, classes=2, count=5):
    rng = np.random.default_rng(0)
    for label in range(classes):
        folder = root / f"class{label}"
        folder.mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 256, (32, 32, 3)) // (1 + 3 * label)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    root = write_noise(tmp_path_factory.mktemp("images"))
    (root / "class1" / "bad.png").write_bytes(b"no image")
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Of a network in which one gate is constant, and the others are not."""
    network = surgery.build(ModelSpec(model="mobilenet_v1", variant=SE), seed=3).module
    generator = torch.Generator().manual_seed(0)
    for path in PATHS:
        layer = network.get_submodule(path).excite.fc2
        layer.bias.data.normal_(0, 2, generator=generator)
        layer.weight.data *= 0 if path == PATHS[1] else 30
    path = tmp_path_factory.mktemp("weights") / "se.pt"
    torch.save(network.state_dict(), path)
    return path


def asked(images, folder, *, weights=None, model="mobilenet_v1", variant=SE, **fields):
    spec = ModelSpec(model=model, variant=variant, weights=None if weights is None else str(weights))
    request = ExciteRequest(
        **{
            "spec": spec,
            "workload": Workload(batch_size=4, input_shape=(4, 3, 32, 32), threads=1),
            "preprocessing": paper_preprocessing(32),
            "seed": 1,
            "images": str(images),
            "folder": str(folder),
            "constant_below": 1e-4,
            **fields,
        }
    )
    replies = io.BytesIO()
    serve(io.BytesIO(msgspec.json.encode(request) + b"\n"), replies)
    return [json.loads(line) for line in replies.getvalue().splitlines()]


def test_moments_by_class_are_those_of_all_images_at_once(images, weights, tmp_path):
    *_, told = asked(images, tmp_path, weights=weights)
    excitation = told["excitation"]
    assert excitation["classes"] == ["class0", "class1"]
    assert (excitation["images"], excitation["seen"], excitation["unreadable"]) == (11, 10, 1)
    assert excitation["named_unreadable"][0]["path"] == "class1/bad.png"
    assert excitation["interrupted"] is False
    assert [gate["path"] for gate in excitation["gates"]] == list(PATHS)
    assert told["folded"] is None
    network = surgery.build(ModelSpec(model="mobilenet_v1", variant=SE, weights=str(weights))).module
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    arrays = np.load(tmp_path / "moments.npz")
    assert arrays["counts"].tolist() == [5, 5]
    for label in range(2):
        files = sorted((images / f"class{label}").glob("[0-9].png"))
        pixels = np.stack([(np.asarray(Image.open(file)) / 255 - mean) / std for file in files])
        batch = torch.from_numpy(pixels.transpose(0, 3, 1, 2)).float()
        _, values = watch(network, (3, 32, 32)).outputs(batch)
        for number, path in enumerate(PATHS):
            each = values[path].double().numpy()
            assert arrays[f"means{number}"][label] == pytest.approx(each.mean(axis=0), abs=1e-6)
            squares = ((each - each.mean(axis=0)) ** 2).sum(axis=0)
            assert arrays[f"squares{number}"][label] == pytest.approx(squares, abs=1e-5)


def test_a_constant_gate_is_folded_and_the_outputs_stay(images, weights, tmp_path):
    file = tmp_path / "folded.pt"
    *_, told = asked(images, tmp_path, weights=weights, fold=str(file))
    folded = told["folded"]
    assert folded["gates"] == [PATHS[1]]
    assert folded["spec"]["variant"] == f"se(stages=1-2,without={PATHS[1]})"
    assert folded["images"] == 10
    assert folded["largest"] < 1e-5  # float32
    assert folded["top1_changed"] == 0
    kept = torch.load(file, weights_only=True)
    assert not [key for key in kept if key.startswith(PATHS[1])]
    assert [key for key in kept if key.startswith(PATHS[0])]


def test_without_its_gates_a_network_is_plain(images, tmp_path):
    *_, told = asked(images, tmp_path, constant_below=1.0, fold=str(tmp_path / "plain.pt"))
    assert told["folded"]["spec"]["variant"] == "plain"
    assert told["folded"]["gates"] == list(PATHS)
    assert told["folded"]["largest"] > 0


def test_of_networks_of_others_the_file_keeps_the_gates(images, tmp_path):
    file = tmp_path / "folded.pt"
    model = "torchvision:mobilenet_v3_small"
    *_, told = asked(images, tmp_path, model=model, variant="asis", constant_below=0.01, fold=str(file))
    assert told["folded"]["largest"] < 0.05
    assert len(told["folded"]["gates"]) >= 1
    assert set(torch.load(file, weights_only=True)) == set(
        surgery.build(ModelSpec(model=model)).module.state_dict()
    )


def test_nothing_near_constant_is_folded(images, weights, tmp_path):
    file = tmp_path / "folded.pt"
    *_, told = asked(images, tmp_path, weights=weights, fold=str(file), constant_below=1e-12, limit=4)
    assert told["not_folded"].startswith("no gate is near-constant") or told["folded"]["gates"] == [PATHS[1]]
    *_, told = asked(
        images, tmp_path, model="torchvision:resnet18", variant="se", constant_below=1.0, fold=str(file)
    )
    assert (
        told["not_folded"] == "se is put into torchvision:resnet18 with random weights, which no file holds"
    )


def test_an_early_end_leaves_what_was_seen(images, tmp_path):
    (tmp_path / "stop").touch()
    *_, seen, told = asked(images, tmp_path, fold=str(tmp_path / "folded.pt"))
    assert (seen["images"], seen["of"]) == (4, 11)
    assert told["excitation"]["interrupted"] is True
    assert told["excitation"]["seen"] in (3, 4)  # one cannot be read
    assert told["not_folded"] == "not all images were seen"
    assert not (tmp_path / "folded.pt").exists()


def test_no_gates_no_images(images, tmp_path):
    *_, told = asked(images, tmp_path, variant="plain")
    assert told["code"] == "usage"
    assert told["message"] == (
        "mobilenet_v1 has no gates that multiply feature maps;"
        " name a network with channel attention, or one of sebench's own with -v se"
    )
    empty = tmp_path / "empty"
    (empty / "class0").mkdir(parents=True)
    *_, told = asked(empty, tmp_path)
    assert told["code"] == "usage"
    assert "no images" in told["message"]
    (empty / "class0" / "bad.png").write_bytes(b"no image")
    *_, told = asked(empty, tmp_path)
    assert "none could be read; class0/bad.png: " in told["message"]


def test_gates_that_are_no_numbers_are_refused(images, weights, tmp_path):
    state = torch.load(weights, weights_only=True)
    state[f"{PATHS[0]}.excite.fc2.bias"][0] = float("nan")
    torch.save(state, tmp_path / "nan.pt")
    *_, told = asked(images, tmp_path, weights=tmp_path / "nan.pt")
    assert told["code"] == "build"
    assert f"gate {PATHS[0]} of mobilenet_v1" in told["message"]


def test_weights_without_this_attention_are_refused(images, tmp_path):
    """To be timed, a network may draw the attention that a file lacks; its gates say nothing."""
    plain = surgery.build(ModelSpec(model="mobilenet_v1", variant="plain")).module
    torch.save(plain.state_dict(), tmp_path / "plain.pt")
    *_, told = asked(images, tmp_path, weights=tmp_path / "plain.pt")
    assert told["code"] == "usage"
    assert "stage1.0.attention.excite.fc1.bias" in told["message"]
