"""What `sebench train` says, from runs whose figures are made up."""

import json

import msgspec
import pytest

from sebench.analysis.training import against_first, on_same_images, step_log_ratios, summarise
from sebench.reporting.formats import render
from sebench.reporting.training import (
    recipe_words,
    training_answer,
    training_document,
    training_json,
    training_picture,
    training_records,
)
from sebench.schema import ModelSpec, UnreadableImage
from sebench.schema.training import (
    Epoch,
    Recipe,
    RecipeRequest,
    TrainedSeed,
    TrainedSide,
    Training,
    TrainingData,
    TrainingJob,
)

PLAIN, SE = (ModelSpec(model="cifar_resnet20", variant=variant) for variant in ("plain", "se"))
RECIPE = Recipe(
    epochs=1, batch_size=32, learning_rate=0.01875, milestones=(1, 1, 1), momentum=0.9, weight_decay=1e-4,
    image_size=(32, 32), crop="shift", flip=False, balanced=True, dtype="float32", ema=None,
)  # fmt: skip
DATA = TrainingData(
    name="digits", split="by hand", classes=("a", "b"), train=1438, test=10, fingerprint="0" * 64
)
EPOCH = Epoch(
    epoch=1, learning_rate=0.01875, train_loss=1.0, train_top1_error=0.5, train_top5_error=0.1, loss=0.5,
    top1_error=0.3, top5_error=0.0, images_per_s=100.0,
)  # fmt: skip


def side(spec, wrong, *, step_s):
    """Of ten test images the first ones are wrong, with the true class in second place."""
    ranks = (2,) * wrong + (1,) * (10 - wrong)
    return TrainedSide(
        spec=spec, weights=f"{spec.variant}.pt", epochs=(EPOCH,), ranks=ranks, steps_s=(step_s,) * 50
    )


def training(*wrong):
    """Seeds with so many wrong answers of plain and of SE."""
    return Training(
        job=TrainingJob(
            specs=(PLAIN, SE), data="digits", seeds=tuple(range(len(wrong))), recipe=RecipeRequest(epochs=1),
            image_size=(32, 32), device="cpu", threads=1,
        ),
        folder="run",
        runs=tuple(
            TrainedSeed(
                seed=seed, recipe=RECIPE, data=DATA,
                sides=(side(PLAIN, plain, step_s=0.1), side(SE, se, step_s=0.11)),
            )
            for seed, (plain, se) in enumerate(wrong)
        ),
    )  # fmt: skip


def test_one_seed_has_no_interval():
    found = training((3, 2))
    assert training_answer(found) == (
        "20.00 % top-1 error of se against 30.00 % of plain, from one seed: no interval (--seeds)"
    )
    (against,) = against_first(found)
    assert (against.difference.estimate, against.difference.ci_low) == (pytest.approx(-0.1), None)


def test_the_difference_is_taken_seed_by_seed():
    found = training((3, 2), (5, 4), (4, 2))
    plain, se = summarise(found)
    assert (plain.top1_error.estimate, se.top1_error.estimate) == (pytest.approx(0.4), pytest.approx(8 / 30))
    (against,) = against_first(found)
    # differences -0.1, -0.1, -0.2: mean -2/15, sd 0.057735, t(0.975, 2) = 4.30265, half-width 0.143422
    assert against.difference.ci_low == pytest.approx(-2 / 15 - 0.143422, abs=1e-6)
    assert against.difference.ci_high == pytest.approx(-2 / 15 + 0.143422, abs=1e-6)
    assert training_answer(found) == (
        "26.67 % top-1 error of se against 40.00 % of plain: not shown to differ,"
        " [-27.68, +1.01] points over 3 seeds"
    )
    # SE takes 1.1 times as long in each of 40 steps
    assert against.step_ratio.ratio == pytest.approx(1.1)


def test_blocks_of_steps_hold_both_orders():
    # 10 steps of warm-up are left out; the other 4 are blocks of two: AB takes 1 and 3, BA 3 and 1
    baseline = [9.0] * 10 + [1.0, 3.0, 1.0, 3.0]
    candidate = [9.0] * 10 + [3.0, 1.0, 3.0, 1.0]
    assert step_log_ratios(baseline, candidate) == (0.0, 0.0)
    assert step_log_ratios(baseline[:11], candidate[:11]) == ()


def test_the_same_images():
    same = on_same_images(side(PLAIN, 3, step_s=1.0), side(SE, 1, step_s=1.0))
    assert (same.baseline_only, same.candidate_only) == (0, 2)
    assert same.p_value == 0.5  # two images, both for SE: 2 * (1/2)^2


def test_json_says_all_but_the_answers_themselves():
    document = json.loads(training_json(training((3, 2), (5, 4))))
    assert (document["schema"], document["kind"]) == ("sebench/1", "training")
    assert document["data"]["fingerprint"] is None
    run = document["runs"][1]
    assert run["sides"][1]["weights"] == "seed-1/se.pt"
    assert run["sides"][1]["top1"]["estimate"] == 0.6
    assert run["sides"][1]["epochs"][0]["train_top1_error"] == 0.5
    assert run["pairs"][0]["top1_difference"]["estimate"] == pytest.approx(0.1)
    assert document["summary"][0]["step_s"] == 0.1
    assert document["against"][0]["step_ratio"]["processes"] == 2


def test_unreadable_images_of_all_seeds_count_once():
    made = training((3, 2), (5, 4))
    one, other = (UnreadableImage(path=path, reason="truncated") for path in ("train/b/1.png", "val/a/2.png"))
    runs = tuple(
        msgspec.structs.replace(run, unreadable=unreadable)
        for run, unreadable in zip(made.runs, ((other,), (one, other)), strict=True)
    )
    found = msgspec.structs.replace(made, runs=runs)
    assert found.unreadable == (one, other)
    assert json.loads(training_json(found))["data"]["unreadable"] == [
        {"path": "train/b/1.png", "reason": "truncated"},
        {"path": "val/a/2.png", "reason": "truncated"},
    ]
    note = "left out, as they cannot be read: 2 images; errors are over the other test images"
    assert note in render(training_document(found), "markdown")
    assert "left out" not in render(training_document(made), "markdown")


def test_the_table_and_the_csv():
    text = render(training_document(training((3, 2), (5, 4))), "markdown")
    assert "| plain | 40.00 %" in text
    assert "batch 32, learning rate 0.01875, not divided in so few epochs, momentum" in text
    assert "-10.00 points" in text  # 3 and 5 of 10 are wrong, and 2 and 4
    assert "| - |" in text  # the data have two classes
    assert "no top-5 error: of 5 classes or fewer" in text
    assert "no times" not in text
    records = training_records(training((3, 2)))
    assert records.keys[:4] == ("seed", "variant", "epoch", "learning_rate")
    assert [row[:3] for row in records.rows] == [(0, "plain", 1), (0, "se", 1)]
    assert "nan" not in render(training_document(training((3, 2))), "csv")


@pytest.mark.parametrize(("epochs", "milestones", "said"), [(2, (1, 2, 2), "1"), (10, (3, 6, 9), "3, 6, 9")])
def test_only_falls_within_the_run_are_said(epochs, milestones, said):
    recipe = msgspec.structs.replace(RECIPE, epochs=epochs, milestones=milestones)
    assert f"learning rate 0.01875 divided by 10 after epochs {said}, momentum" in recipe_words(recipe)


def test_missing_times_are_explained():
    made = training((3, 2))
    (run,) = made.runs  # 10 steps are the warm-up, so none counts
    sides = tuple(msgspec.structs.replace(side, steps_s=(0.1,) * 10) for side in run.sides)
    short = msgspec.structs.replace(made, runs=(msgspec.structs.replace(run, sides=sides),))
    assert "no times: the first 10 steps, and those before" in render(training_document(short), "markdown")


def test_the_picture_has_two_curves_per_variant():
    (panel,) = training_picture(training((3, 2), (5, 4))).panels
    assert [series.name for series in panel.chart.series] == [
        "plain, training", "plain, test", "se, training", "se, test",
    ]  # fmt: skip
    assert panel.chart.series[1].points[0].y == pytest.approx(30.0)
