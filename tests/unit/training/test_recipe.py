"""The paper's figures where the paper's data is, and what follows from them for other data."""

import pytest

from sebench.errors import UsageError
from sebench.schema.training import RecipeRequest
from sebench.training.recipe import resolve_recipe

IMAGENET = 1_281_167


def resolved(asked=None, *, images=IMAGENET, size=(224, 224), device="cuda", world_size=1, may_flip=True):
    return resolve_recipe(
        asked or RecipeRequest(),
        images=images, image_size=size, device=device, world_size=world_size, may_flip=may_flip,
    )  # fmt: skip


def test_the_papers_recipe_on_the_papers_data():
    recipe = resolved()
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (100, 1024, 0.6)
    assert (recipe.milestones, recipe.momentum, recipe.weight_decay) == ((30, 60, 90), 0.9, 1e-4)
    assert (recipe.crop, recipe.flip, recipe.balanced, recipe.ema) == ("scale", True, True, None)


def test_the_learning_rate_of_every_epoch():
    recipe = resolved()
    # divided by 10 with epochs 30, 60 and 90, counted from 0
    assert [recipe.learning_rate_in(epoch) for epoch in range(100)] == (
        30 * [0.6] + 30 * [0.6 / 10] + 30 * [0.6 / 100] + 10 * [0.6 / 1000]
    )


@pytest.mark.parametrize(
    ("epochs", "milestones"),
    [
        (10, (3, 6, 9)),
        (7, (3, 5, 7)),  # 2.1, 4.2, 6.3: never earlier than the share says
        (1, (1, 1, 1)),  # the only epoch has the whole learning rate
    ],
)
def test_milestones_are_shares_of_the_epochs(epochs, milestones):
    assert resolved(RecipeRequest(epochs=epochs)).milestones == milestones


@pytest.mark.parametrize(
    ("images", "device", "world_size", "batch", "rate"),
    [
        (IMAGENET, "cpu", 1, 128, 0.075),  # 0.6 * 128 / 1024
        (1438, "cpu", 1, 32, 0.01875),  # 1438 // 32 = 44 steps, 1438 // 64 = 22: too few
        (1438, "cuda", 1, 32, 0.01875),
        (IMAGENET, "cuda", 3, 1023, 0.6 * 1023 / 1024),  # 341 each
        (3, "cpu", 1, 2, 0.6 * 2 / 1024),  # batch norm needs two
    ],
)
def test_batch_and_learning_rate_scale_to_data_and_device(images, device, world_size, batch, rate):
    recipe = resolved(images=images, device=device, world_size=world_size)
    assert (recipe.batch_size, recipe.learning_rate) == (batch, rate)


def test_what_is_said_is_taken():
    asked = RecipeRequest(batch_size=50, learning_rate=0.1, crop="scale", flip=True)
    recipe = resolved(asked, images=60, size=(32, 32), may_flip=False)
    assert (recipe.batch_size, recipe.learning_rate, recipe.crop, recipe.flip) == (50, 0.1, "scale", True)


def test_small_images_are_moved_and_digits_not_mirrored():
    recipe = resolved(size=(32, 32), may_flip=False)
    assert (recipe.crop, recipe.flip) == ("shift", False)


@pytest.mark.parametrize(
    ("batch", "world_size", "said"),
    [
        (61, 1, "--batch-size 61 is more than the 60 training images"),
        (31, 2, "--batch-size 31 cannot be shared by 2 ranks; give a multiple of 2"),
    ],
)
def test_batches_that_cannot_be(batch, world_size, said):
    with pytest.raises(UsageError, match=said):
        resolved(RecipeRequest(batch_size=batch), images=60, world_size=world_size)
