"""Images that cannot be read: others take their place, they count once, and what is left is said."""

import csv

import pytest
import torch

from sebench.errors import UsageError, WorkerError
from sebench.schema import UnreadableImage
from sebench.training import batches
from sebench.training.data import open_data
from sebench.training.files import read_run
from sebench.training.recipe import resolve_recipe
from tests.tiny_training import (
    SIZE,
    assert_same_state,
    build,
    build_watched,
    job,
    trained,
    weights,
    without_speed,
    write_data,
)

NO_IMAGE = "cannot identify image file"


@pytest.fixture
def data(tmp_path):
    """Three classes of 8 training and 4 test images."""
    return write_data(tmp_path / "data")


def truncate(path):
    path.write_bytes(path.read_bytes()[:-30])
    return path


def spoil(*paths):
    for path in paths:
        path.write_bytes(b"no image")


def batches_of(data, *, epoch, place=batches.ALONE):
    asked = job(data)
    opened = open_data(str(data), seed=0, side=SIZE)
    recipe = resolve_recipe(
        asked.recipe, images=24, image_size=(SIZE, SIZE), device="cpu", world_size=1, may_flip=True
    )
    return (
        list(
            batches.training_batches(
                opened.train, recipe, seed=0, epoch=epoch, first=0, place=place, loaders=0
            )
        ),
        list(batches.test_batches(opened.test, recipe, place=place, loaders=0)),
    )


# The next one of the class; after the last of the class, the first.
@pytest.mark.parametrize(("bad", "instead"), [("003", "004"), ("007", "000")])
def test_batches_are_those_of_a_folder_with_the_next_image_of_the_class(tmp_path, data, bad, instead):
    copied = write_data(tmp_path / "copied") / "train" / "b"
    (copied / f"{bad}.png").write_bytes((copied / f"{instead}.png").read_bytes())
    truncate(data / "train" / "b" / f"{bad}.png")
    for epoch in (0, 1):
        found, _ = batches_of(data, epoch=epoch)
        expected, _ = batches_of(tmp_path / "copied", epoch=epoch)
        assert [len(batch.positions) for batch in found] == [4] * 6  # 24 images in batches of 4
        assert all(
            torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)
            for one, other in zip(found, expected, strict=True)
        )
        assert [path for batch in found for path in batch.unreadable] == [f"train/b/{bad}.png"]


def test_one_after_the_other_is_passed_over(data):
    spoil(*(data / "train" / "b" / f"{number:03}.png" for number in (0, 1, 2, 3, 4, 6, 7)))
    found, _ = batches_of(data, epoch=0)
    positions = [position for batch in found for position in batch.positions]
    assert sorted(positions) == [*range(8), *[8 + 5] * 8, *range(16, 24)]
    assert len({path for batch in found for path in batch.unreadable}) == 7


def test_ranks_have_parts_of_the_same_batches(data):
    truncate(data / "train" / "b" / "003.png")
    whole, _ = batches_of(data, epoch=0)
    halves = [batches_of(data, epoch=0, place=batches.Place(rank, 2))[0] for rank in (0, 1)]
    for both, *parts in zip(whole, *halves, strict=True):
        assert torch.equal(both.images, torch.cat([part.images for part in parts]))


def test_both_sides_see_the_same_batches_and_each_image_counts_once(tmp_path, data):
    truncate(data / "train" / "b" / "003.png")
    spoil(data / "val" / "c" / "001.png")
    (data / "train" / "a" / "005.png").unlink()
    (data / "train" / "a" / "005.png").symlink_to("nowhere.png")
    seen = {"plain": [], "wide": []}
    assert trained(job(data), tmp_path / "run", build=build_watched(seen))
    assert [len(images) for images in seen["plain"]] == [4] * 12  # 24 images of 2 epochs
    assert all(torch.equal(*both) for both in zip(seen["plain"], seen["wide"], strict=True))
    run = read_run(tmp_path / "run")
    assert [image.path for image in run.unreadable] == ["train/a/005.png", "train/b/003.png", "val/c/001.png"]
    link, truncated, no_image = (image.reason for image in run.unreadable)
    assert (link, no_image) == ("No such file or directory", NO_IMAGE)
    assert "truncated" in truncated
    assert (run.data.train, run.data.test) == (24, 12)


# Of 6 steps one meets the image: every stop is before it or after it.
@pytest.mark.parametrize("steps", range(1, 6))
def test_a_resumed_run_has_the_same_bits_and_count(tmp_path, data, steps):
    truncate(data / "train" / "b" / "003.png")
    asked = job(data, epochs=1)
    assert trained(asked, tmp_path / "whole")
    assert not trained(asked, tmp_path / "stopped", stop_after=steps)
    assert trained(asked, tmp_path / "stopped")
    for variant in ("plain", "wide"):
        assert_same_state(weights(tmp_path / "stopped", variant), weights(tmp_path / "whole", variant))
    assert without_speed(tmp_path / "stopped") == without_speed(tmp_path / "whole")
    counts = [read_run(tmp_path / name).unreadable for name in ("stopped", "whole")]
    assert counts[0] == counts[1]
    assert [image.path for image in counts[0]] == ["train/b/003.png"]


def test_processes_that_read_count_too(tmp_path, data):
    spoil(data / "train" / "b" / "003.png", data / "val" / "a" / "000.png")
    assert trained(job(data, epochs=1, loaders=1), tmp_path / "run")
    assert read_run(tmp_path / "run").unreadable == (
        UnreadableImage(path="train/b/003.png", reason=NO_IMAGE),
        UnreadableImage(path="val/a/000.png", reason=NO_IMAGE),
    )


def test_errors_are_over_the_other_test_images(tmp_path, data):
    spoil(data / "val" / "a" / "000.png", data / "val" / "a" / "001.png")  # all of the first batch of 2
    truncate(data / "val" / "b" / "002.png")
    assert trained(job(data, batch_size=2), tmp_path / "run")
    side = read_run(tmp_path / "run").sides[0]
    assert len(side.ranks) == 12 - 3
    assert side.epochs[-1].top1_error == pytest.approx(1 - side.top1 / 9)
    rows = list(csv.DictReader((tmp_path / "run" / "predictions.csv").read_text().splitlines()))[:9]
    assert [row["image"] for row in rows] == [
        "a/002.png", "a/003.png", "b/000.png", "b/001.png", "b/003.png",
        "c/000.png", "c/001.png", "c/002.png", "c/003.png",
    ]  # fmt: skip
    assert all(row["image"][0] == row["class"] for row in rows)
    assert [int(row["rank"]) for row in rows] == list(side.ranks)
    curves = list(csv.DictReader((tmp_path / "run" / "curves.csv").read_text().splitlines()))
    assert {row["images"] for row in curves if row["split"] == "val"} == {"9"}


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ("train/b", r"data/train/b has no image that can be read; b/000.png: "),
        ("val/c", r"data/val/c has no image that can be read; c/000.png: "),
        ("train", r"data/train has no image that can be read; a/000.png: "),
        ("val", r"data/val has no image that can be read; a/000.png: "),
    ],
)
def test_a_class_or_a_folder_without_a_readable_image_is_refused_first(tmp_path, data, spoilt, said):
    spoil(*(data / spoilt).rglob("*.png"))
    with pytest.raises(UsageError, match=f"{said}{NO_IMAGE}; see whether the folder is complete$") as caught:
        trained(job(data), tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("train/b", "train has a class without an image that can be read any more"),
        ("val", "no image of val can be read any more"),
    ],
)
def test_a_folder_that_is_lost_on_the_way_ends_the_run(tmp_path, data, part, said):
    def losing(spec, classes):
        spoil(*(data / part).rglob("*.png"))
        return build(spec, classes)

    with pytest.raises(WorkerError, match=said):
        trained(job(data), tmp_path / "run", build=losing)
