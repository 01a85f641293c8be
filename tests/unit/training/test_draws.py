"""Orders are functions of seed and epoch; classes are drawn equally often."""

from collections import Counter

from sebench.training.draws import derived_seed, epoch_order

LABELS = [0] * 6 + [1] * 3 + [2]


def order(*, seed=0, epoch=0, balanced=True, labels=LABELS):
    return epoch_order(labels, seed=seed, epoch=epoch, balanced=balanced)


def test_every_image_once_without_balance():
    assert sorted(order(balanced=False)) == list(range(10))
    assert order(balanced=False) != list(range(10))


def test_classes_come_equally_often():
    # 10 images of 3 classes: 3 of each, and one more of one
    drawn = Counter(LABELS[position] for position in order())
    assert sorted(drawn.values()) == [3, 3, 4]


def test_images_of_a_class_come_in_turn():
    for epoch in range(20):
        drawn = Counter(order(epoch=epoch))
        assert {drawn[position] for position in (6, 7, 8)} <= {1, 2}  # 3 or 4 draws of 3 images
        assert drawn[9] in (3, 4)
        assert max(drawn[position] for position in range(6)) == 1  # 3 or 4 draws of 6 images


def test_an_order_depends_on_seed_and_epoch_alone():
    assert order() == order()
    assert order() != order(seed=1)
    assert order() != order(epoch=1)


def test_seeds_of_draws_are_fixed():
    # blake2b of "0/image/0/0", 4 bytes
    assert derived_seed(0, "image", 0, 0) == derived_seed(0, "image", 0, 0) < 2**32
    assert len({derived_seed(0, "image", epoch, at) for epoch in range(10) for at in range(100)}) == 1000
