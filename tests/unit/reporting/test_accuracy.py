import pytest
from msgspec.structs import replace

from sebench.analysis.accuracy import conclude_accuracy
from sebench.analysis.comparison import compare
from sebench.images.preprocessing import paper_preprocessing
from sebench.reporting.accuracy import accuracy_document
from sebench.reporting.accuracy_beside_cost import accuracy_records, beside_cost, missing
from sebench.reporting.comparison import comparison_document
from sebench.reporting.formats import render
from sebench.schema import Accuracy, AccuracyRun, EvaluatedImages, ModelSpec
from tests.samples import ENVIRONMENT, WORKLOAD, block, measurement, process, result


def accuracy(*right, classes=1000):
    """Of networks of which the first so many of 100 images are right: plain, se."""
    runs = [
        AccuracyRun(
            spec=ModelSpec(model="resnet50", variant=variant),
            preprocessing=paper_preprocessing(224),
            ranks={place: 0 if place < count else 5 for place in range(100)},
        )
        for variant, count in zip(("plain", "se"), right, strict=False)
    ]
    models, comparisons = conclude_accuracy(runs, classes)
    images = EvaluatedImages(folder="val", classes=classes, class_order="text", images=100, asked=100)
    return Accuracy(
        measured_at="2026-01-02T03:04:05+00:00",
        images=images,
        models=models,
        comparisons=comparisons,
        workload=WORKLOAD,
        environment=ENVIRONMENT,
    )


@pytest.fixture(scope="module")
def comparison():
    """10 ms against 20 ms, per image."""
    return compare(result(measurement([process([block(0.010, 0.020)] * 12, number) for number in range(6)])))


def test_points_per_millisecond_and_what_the_paper_prints(comparison):
    baseline, candidate = accuracy_records(comparison, accuracy(76, 78), published=True)
    assert (baseline["side"], baseline["input"], baseline["top1"]) == ("baseline", "224x224", 0.76)
    assert baseline["top1_points_per_ms"] == pytest.approx(7.6)  # 76 / 10 ms
    assert candidate["top1_points_per_ms"] == pytest.approx(3.9)  # 78 / 20 ms
    # Table 2, single-crop errors of 24.80 and 23.29.
    assert baseline["quoted_top1"] == pytest.approx(0.7520)
    assert candidate["quoted_top1"] == pytest.approx(0.7671)
    unlike = accuracy_records(comparison, accuracy(76, 78), published=False)
    assert [row["quoted_top1"] for row in unlike] == [None, None]


def test_a_side_that_the_file_does_not_know(comparison):
    table = beside_cost([comparison], accuracy(76), as_published=[False])
    assert [row[2].text for row in table.rows] == ["76.00 %", "-"]
    assert [row[4].text for row in table.rows] == ["7.600", "-"]


def test_the_weights_that_were_evaluated_are_named(comparison):
    found = accuracy(76, 78)
    plain, se = found.models
    named = replace(found, models=(replace(plain, weights="folded.pt"), se))
    table = beside_cost([comparison], named, as_published=[False])
    assert [row[0].text for row in table.rows] == ["resnet50 plain (folded.pt)", "resnet50 se"]
    rows = accuracy_records(comparison, named, published=False)
    assert [row["weights"] for row in rows] == ["folded.pt", None]


def test_the_table_stands_in_the_comparison(comparison):
    text = render(
        comparison_document([comparison], as_published=True, accuracy=accuracy(76, 78)), "table", width=100
    )
    assert "accuracy on val, beside latency" in text
    assert "paper (quoted)" in text


def test_which_networks_a_file_knows():
    assert missing(accuracy(1), {("resnet50", "plain"): None}) is None
    assert missing(accuracy(1), {("resnet50", "se"): None}) == "it has resnet50 plain"


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ((50,), "resnet50 plain gets 50.00 % of 100 images right, [40.38, 59.62]"),
        ((50, 52), "resnet50 se and resnet50 plain are not shown to differ: +2.00 points of top-1, "),
        ((50, 70), "resnet50 se gets 20.00 points more right than resnet50 plain, "),
        ((70, 50), "resnet50 se gets 20.00 points less right than resnet50 plain, "),
    ],
)
def test_the_answer(right, said):
    document = accuracy_document(accuracy(*right))
    assert document.body[0].text.startswith(said)


def test_differences_are_in_points():
    table = accuracy_document(accuracy(50, 52)).tables[0]
    place = [column.key for column in table.columns].index("top1_difference")
    assert [row[place].text for row in table.rows] == ["", "+2.00 points"]


def test_the_same_network_with_two_files_is_told_apart_by_them():
    found = accuracy(50, 52)
    first, second = found.models
    alike = (replace(first, weights="a.pt"), replace(second, variant="plain", weights="b.pt"))
    document = accuracy_document(replace(found, models=alike))
    names = [row[0].text for row in document.tables[0].rows]
    assert names == ["resnet50 plain (a.pt)", "resnet50 plain (b.pt)"]


def test_no_top5_is_a_note_and_no_column():
    document = accuracy_document(accuracy(50, classes=4))
    assert "No top-5: with 4 classes every answer is among the first 5." in document.notes
    assert "top5" not in {column.key for column in document.tables[0].columns if column.role != "data"}
