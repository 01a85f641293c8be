"""Results to a report: labels, quotations, and what is derived."""

import pytest
from msgspec import structs

from sebench.reporting.report import build_report
from sebench.schema import ModelSpec, Pair, Workload
from tests import samples
from tests.samples import block, process


def result(model="resnet50", candidate="se", workload=None, **fields):
    measured = samples.measurement([process([block(0.05, 0.0525)] * 3, n) for n in range(5)])
    if workload:
        measured = structs.replace(measured, workload=workload)
    pair = Pair(baseline=ModelSpec(model=model), candidate=ModelSpec(model=model, variant=candidate))
    return samples.result(measured, pair=pair, **fields)


def labels(*results):
    return [pair.label for pair in build_report(results, as_published=[False] * len(results)).pairs]


def test_labels_are_as_short_as_tells_the_pairs_apart():
    training = Workload(phase="training", batch_size=8, input_shape=(8, 3, 224, 224))
    assert labels(result(), result("vgg16_bn")) == ["resnet50: plain -> se", "vgg16_bn: plain -> se"]
    assert labels(result(), result(workload=training)) == [
        "resnet50: plain -> se, cpu inference batch 1",
        "resnet50: plain -> se, cpu training batch 8",
    ]
    assert labels(result(id="a"), result(id="b")) == ["resnet50: plain -> se, a", "resnet50: plain -> se, b"]


def test_a_result_without_measurements_says_so():
    assert labels(result(id="a"), result(id="b", measurements=())) == [
        "resnet50: plain -> se, cpu inference batch 1",
        "resnet50: plain -> se, counted only",
    ]


def test_the_paper_is_quoted_only_for_networks_as_published():
    as_built, changed = build_report([result(), result()], as_published=[True, False]).pairs
    assert [a.top1_error for a in as_built.accuracies] == ["24.80", "23.29"]
    assert changed.accuracies == ()


def test_half_a_quotation_is_none():
    (pair,) = build_report([result(candidate="se(r=3)")], as_published=[True]).pairs
    assert pair.accuracies == ()


def test_as_published_is_said_for_every_result():
    with pytest.raises(ValueError, match="zip"):
        build_report([result()], as_published=[])
