"""Accuracies are quoted with the digits and the table they are printed with."""

import pytest

from sebench.paper.accuracy import quoted_accuracy


@pytest.mark.parametrize(
    ("model", "variant", "top1", "top5", "source"),
    [
        ("resnet50", "plain", "24.80", "7.48", "Table 2"),
        ("resnet50", "se", "23.29", "6.62", "Table 2"),
        ("mobilenet_v1", "se", "25.3", "7.9", "Table 3"),
        ("resnet50", "se(r=8)", "23.19", "6.64", "Table 7"),
    ],
)
def test_as_printed(model, variant, top1, top5, source):
    found = quoted_accuracy(model, variant)
    assert (found.top1_error, found.top5_error, found.source) == (top1, top5, source)
    assert found.top1_error_percent == float(top1)


@pytest.mark.parametrize(
    ("model", "variant"), [("resnet50", "se(r=3)"), ("nosuch", "se"), ("alexnet", "plain")]
)
def test_nothing_is_made_up(model, variant):
    assert quoted_accuracy(model, variant) is None
