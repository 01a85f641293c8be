"""Stopped and resumed, alone or side by side: the same numbers, to the bit."""

import csv

import msgspec
import pytest
import torch
from PIL import Image
from torch import nn

from sebench.errors import BuildError, DataFileError, UsageError, WorkerError
from sebench.schema import ModelSpec
from sebench.schema.training import RecipeRequest
from sebench.training.files import read_run
from sebench.training.side import ranks_of, require_classes
from tests.tiny_training import (
    WIDE,
    Tiny,
    assert_same_state,
    build,
    build_watched,
    job,
    trained,
    weights,
    without_speed,
    write_data,
)


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path / "data")


@pytest.fixture
def whole(tmp_path, data):
    """A run that nothing stopped."""
    asked = job(data, ema=0.9)
    assert trained(asked, tmp_path / "whole")
    return tmp_path / "whole"


# 24 images in batches of 4: 6 steps of 2 epochs.
@pytest.mark.parametrize("steps", [1, 4, 8])
def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path, data, whole, steps):
    folder = tmp_path / "stopped"
    asked = job(data, ema=0.9)
    assert not trained(asked, folder, stop_after=steps)
    assert not (folder / "plain.pt").exists()
    torch.rand(7)  # whatever else draws in between
    assert trained(asked, folder)
    for variant in ("plain", "wide"):
        assert_same_state(weights(folder, variant), weights(whole, variant))
    assert without_speed(folder) == without_speed(whole)
    assert (folder / "predictions.csv").read_text() == (whole / "predictions.csv").read_text()
    assert not (folder / "checkpoint.pt").exists()


def test_a_run_that_dies_between_checkpoints_goes_on_from_the_last(tmp_path, data, whole):
    folder, asked = tmp_path / "killed", job(data, ema=0.9, checkpoint_every=2)

    class Killed(BaseException):
        pass

    def die(steps):
        def stopped():
            nonlocal steps
            steps -= 1
            if not steps:
                raise Killed
            return False

        return stopped

    folder.mkdir()
    from sebench.training.seed import train_seed

    for steps in (3, 5):  # after a checkpoint at step 2; then after the epoch's and the one behind it
        with pytest.raises(Killed):
            train_seed(asked, 0, folder, build, stopped=die(steps))
    assert trained(asked, folder)
    assert_same_state(weights(folder, "wide"), weights(whole, "wide"))
    assert without_speed(folder) == without_speed(whole)


def test_side_by_side_is_as_alone(tmp_path, data, whole):
    asked = job(data, specs=(WIDE,), ema=0.9)
    assert trained(asked, tmp_path / "alone")
    assert_same_state(weights(tmp_path / "alone", "wide"), weights(whole, "wide"))


def test_both_sides_see_the_same_batches(tmp_path, data):
    seen = {"plain": [], "wide": []}
    assert trained(job(data), tmp_path / "run", build=build_watched(seen))
    assert len(seen["plain"]) == 12  # 6 steps of 2 epochs
    assert all(torch.equal(*both) for both in zip(seen["plain"], seen["wide"], strict=True))
    assert not torch.equal(seen["plain"][0], seen["plain"][6])


def test_processes_that_read_draw_the_same(tmp_path, data):
    for loaders in (0, 1):
        assert trained(job(data, epochs=1, loaders=loaders), tmp_path / str(loaders))
    assert_same_state(weights(tmp_path / "0", "plain"), weights(tmp_path / "1", "plain"))


def read_rows(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_what_is_left_of_a_run(whole):
    run = read_run(whole)
    assert (run.data.classes, run.data.train, run.data.test) == (("a", "b", "c"), 24, 12)
    assert [side.spec.variant for side in run.sides] == ["plain", "wide"]
    side = run.sides[0]
    assert (len(side.epochs), len(side.ranks), len(side.steps_s)) == (2, 12, 12)
    assert side.epochs[-1].top1_error == pytest.approx(1 - side.top1 / 12)
    assert side.epochs[-1].top5_error == 0.0  # of three classes
    rows = read_rows(whole / "predictions.csv")
    assert (rows[0]["variant"], rows[0]["image"], rows[0]["class"]) == ("plain", "a/000.png", "a")
    assert [int(row["rank"]) for row in rows[:12]] == list(side.ranks)
    assert all((row["class"] == row["predicted"]) == (row["rank"] == "1") for row in rows)


def test_curves_have_every_row_once(whole):
    rows = read_rows(whole / "curves.csv")
    # of each side: 6 steps of training and a test, twice
    assert len(rows) == 2 * 2 * 7
    training = [int(row["step"]) for row in rows if (row["variant"], row["split"]) == ("wide", "train")]
    assert training == list(range(1, 13))
    # 0.1, and from milestone ceil(0.6) = 1 on a tenth
    assert {row["learning_rate"] for row in rows if row["epoch"] == "2"} == {"0.01"}


# --- what is refused ------------------------------------------------------------------------------------


@pytest.fixture
def stopped(tmp_path, data):
    folder = tmp_path / "stopped"
    assert not trained(job(data), folder, stop_after=2)
    return folder


def test_a_checkpoint_holds_no_code(stopped):
    found = torch.load(stopped / "checkpoint.pt", weights_only=True)
    assert (found["epoch"], found["step"], set(found["sides"])) == (0, 2, {"plain", "wide"})


def test_a_truncated_checkpoint_is_refused(data, stopped):
    content = (stopped / "checkpoint.pt").read_bytes()
    (stopped / "checkpoint.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataFileError, match="checkpoint.pt cannot be read: it is damaged"):
        trained(job(data), stopped)


def test_a_pickle_is_refused_and_not_run(data, stopped):
    torch.save({"format": "sebench-training/1", "network": Tiny(4, 3)}, stopped / "checkpoint.pt")
    with pytest.raises(DataFileError, match="damaged, or no checkpoint of training"):
        trained(job(data), stopped)


def test_other_data_is_refused(data, stopped):
    Image.new("RGB", (8, 8)).save(data / "train" / "a" / "more.png")
    with pytest.raises(
        DataFileError, match="is of other networks, other data or another recipe; resume with"
    ):
        trained(job(data), stopped)


def test_another_recipe_is_refused(data, stopped):
    with pytest.raises(DataFileError, match="another recipe"):
        trained(job(data, epochs=3), stopped)


def test_lost_curves_are_refused(data, stopped):
    (stopped / "curves.csv").write_bytes(b"seed")
    with pytest.raises(DataFileError, match="curves.csv is shorter than it was at the checkpoint"):
        trained(job(data), stopped)


def test_the_data_says_how_many_classes_a_native_network_has():
    spec = ModelSpec(model="cifar_resnet20", num_classes=5)
    with pytest.raises(BuildError, match="the data has 2; leave --num-classes out: it is then that of"):
        require_classes(spec, Tiny(4, 5), 2, (8, 8))


def test_a_loss_that_is_lost_ends_the_run(tmp_path, data):
    asked = msgspec.structs.replace(
        job(data), recipe=RecipeRequest(epochs=2, batch_size=4, learning_rate=1e6, momentum=0.99)
    )

    def exploding(spec, classes):
        return spec, nn.Sequential(nn.Flatten(), nn.Linear(192, 64), nn.Linear(64, classes))

    with pytest.raises(WorkerError, match="the loss became NaN or infinite; try a lower --learning-rate"):
        trained(asked, tmp_path / "run", build=exploding)


def test_other_numbers_of_classes_are_refused(tmp_path, data):
    with pytest.raises(BuildError, match="tells 5 classes apart, and the data has 3; build it with 3"):
        trained(job(data), tmp_path / "run", build=lambda spec, classes: (spec, Tiny(4, 5)))


def test_feature_maps_are_no_scores(tmp_path, data):
    with pytest.raises(BuildError, match=r"returns a tensor of shape \(2, 4, 6, 6\) in training"):
        trained(job(data), tmp_path / "run", build=lambda spec, classes: (spec, nn.Conv2d(3, 4, 3)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: (data / "val").rename(data / "valid"), "has no folder val"),
        (
            lambda data: (data / "val" / "c").rename(data / "val" / "d"),
            "the classes of train and val differ, e.g. c",
        ),
    ],
)
def test_folders_that_do_not_fit(tmp_path, data, change, said):
    change(data)
    with pytest.raises(UsageError, match=said):
        trained(job(data), tmp_path / "run")


def test_ranks():
    logits = torch.tensor([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [1.0, 1.0, 0.0], [1.0, float("nan"), 0.0]])
    # highest; lowest; shared, so the last of the two; NaN, so the last of all
    assert ranks_of(logits, torch.tensor([0, 1, 0, 1])).tolist() == [1, 3, 2, 3]
