"""Results to a report: labels, quotations, and what is derived."""

import gc
import weakref

from msgspec import structs

from sebench.reporting.report import build_report
from sebench.schema import ModelSpec, Pair, Result, Workload
from tests import samples
from tests.samples import block, process


def result(model="resnet50", candidate="se", workload=None, **fields):
    measured = samples.measurement([process([block(0.05, 0.0525)] * 3, n) for n in range(5)])
    if workload:
        measured = structs.replace(measured, workload=workload)
    pair = Pair(baseline=ModelSpec(model=model), candidate=ModelSpec(model=model, variant=candidate))
    return samples.result(measured, pair=pair, **fields)


def labels(*results):
    return [pair.label for pair in build_report(results, as_published=lambda result: False).pairs]


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
    as_built, changed = build_report(
        [result(id="as-built"), result(id="changed")], as_published=lambda result: result.id == "as-built"
    ).pairs
    assert [a.top1_error for a in as_built.accuracies] == ["24.80", "23.29"]
    assert changed.accuracies == ()


def test_half_a_quotation_is_none():
    (pair,) = build_report([result(candidate="se(r=3)")], as_published=lambda result: True).pairs
    assert pair.accuracies == ()


def test_results_are_let_go_of_one_by_one():
    """Of results that are read as they are needed, no more than one is held at a time."""
    known = []

    def read(number):
        gc.collect()
        assert sum(found() is not None for found in known) <= 1
        found = Tracked(**structs.asdict(result(id=f"result-{number}")))
        known.append(weakref.ref(found))
        return found

    assert len(build_report(map(read, range(5)), as_published=lambda result: False).pairs) == 5


class Tracked(Result, frozen=True, weakref=True):
    """A result that can be watched."""


def test_costs_of_one_network_are_held_once():
    def read(number):
        return result(id=f"result-{number}", baseline_cost=samples.cost(100, 1000))

    first, second = build_report(map(read, range(2)), as_published=lambda result: False).pairs
    assert first.costs[0].cost is second.costs[0].cost
