import pytest

from sebench.analysis.accuracy import conclude_accuracy
from sebench.images.preprocessing import paper_preprocessing
from sebench.schema import AccuracyRun, ModelSpec


def run(ranks, variant="plain"):
    spec = ModelSpec(model="resnet50", variant=variant)
    return AccuracyRun(spec=spec, preprocessing=paper_preprocessing(224), ranks=ranks)


def test_shares_by_hand():
    # Ranks 0, 0, 1, 4, 5: two of five are first, four among the first five.
    (found,), compared = conclude_accuracy([run({7: 0, 8: 0, 9: 1, 10: 4, 11: 5})], classes=10)
    assert (found.n, found.top1.correct, found.top5.correct) == (5, 2, 4)
    assert (found.top1.estimate, found.top5.estimate) == (0.4, 0.8)
    assert compared == ()


def test_only_common_images_are_compared():
    baseline, candidate = run({0: 0, 1: 0, 2: 5, 3: 0}), run({1: 1, 2: 0, 3: 0, 4: 0}, "se")
    _, (compared,) = conclude_accuracy([baseline, candidate], classes=10)
    # Image 1 is right for the baseline alone, 2 for the candidate alone, 3 for both.
    assert (compared.n, compared.top1.baseline_only, compared.top1.candidate_only) == (3, 1, 1)
    assert (compared.top1.estimate, compared.top1.p_value) == (0, 1)
    assert (compared.top5.baseline_only, compared.top5.candidate_only) == (0, 1)
    assert compared.top5.estimate == pytest.approx(1 / 3)


def test_no_common_image():
    _, (compared,) = conclude_accuracy([run({0: 0}), run({1: 0}, "se")], classes=10)
    assert (compared.n, compared.top1.status, compared.top1.reason) == (
        0, "unavailable", "they have no image in common"
    )  # fmt: skip


@pytest.mark.parametrize(("classes", "status"), [(2, "unavailable"), (5, "unavailable"), (6, "ok")])
def test_top5_needs_more_than_five_classes(classes, status):
    (found,), _ = conclude_accuracy([run({0: 1})], classes)
    assert (found.top1.status, found.top5.status) == ("ok", status)
