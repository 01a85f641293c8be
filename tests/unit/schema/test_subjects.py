"""Findings of several measurements say which one they are about."""

from msgspec.structs import replace

from sebench.schema import (
    Comparison,
    Finding,
    Interval,
    MetricComparison,
    Quantity,
    Ratio,
    Workload,
    attributed,
    subject,
    subjects,
    telling_words,
)

EAGER = Workload(input_shape=(1, 3, 224, 224), threads=2)
ONNX = Workload(input_shape=(1, 3, 224, 224), threads=2, runtime="onnxruntime")
NOISY = Finding(code="too-noisy", severity="warning", message="too noisy")
COARSE = Finding(code="timer-coarse", severity="warning", message="coarse", hint="wait")


def latency(workload, *findings):
    return MetricComparison(
        metric="latency",
        unit="s",
        exact=False,
        workload=workload,
        baseline=Quantity(value=None),
        candidate=Quantity(value=None),
        difference=Interval(estimate=None),
        ratio=Ratio(estimate=None, method="none"),
        grade="C",
        findings=findings,
    )


def comparison(*metrics, candidate="se", findings=()):
    return Comparison(
        model="resnet50", baseline="plain", candidate=candidate, metrics=metrics, findings=findings
    )


def messages(*comparisons):
    return [finding.message for finding in attributed(subjects(comparisons))]


def test_what_tells_workloads_apart():
    assert telling_words(EAGER, [EAGER, ONNX, None]) == ("eager",)
    assert telling_words(ONNX, [EAGER, ONNX]) == ("onnxruntime",)
    assert telling_words(EAGER, [EAGER, EAGER]) == ()
    assert telling_words(None, [EAGER, ONNX]) == ()
    training = replace(EAGER, phase="training", batch_size=16)
    assert telling_words(training, [EAGER, training]) == ("CPU training", "batch 16")
    # What follows from others has no words of its own.
    assert telling_words(EAGER, [EAGER, replace(EAGER, micro_batch_size=1)]) == ()


def test_one_measurement_needs_no_name():
    assert messages(comparison(latency(EAGER, NOISY))) == ["too noisy"]


def test_runtimes_are_named_and_what_all_share_is_not():
    pair = comparison(latency(EAGER, NOISY, COARSE), latency(ONNX, COARSE))
    assert messages(pair) == ["eager: too noisy", "coarse"]
    assert attributed(subjects([pair]))[0].code == "too-noisy"


def test_pairs_are_named():
    pairs = comparison(latency(EAGER)), comparison(latency(EAGER, NOISY), candidate="eca")
    assert messages(*pairs) == ["resnet50 eca: too noisy"]
    both = comparison(latency(EAGER), latency(ONNX, NOISY)), comparison(latency(EAGER), candidate="eca")
    assert messages(*both) == ["resnet50 se, onnxruntime: too noisy"]
    assert subject(both[0], ONNX, alone=False) == "resnet50 se, onnxruntime"


def test_what_holds_for_a_pair_is_told_of_it():
    captured = Finding(code="captured", severity="warning", message="captured")
    pairs = comparison(latency(EAGER), findings=(captured,)), comparison(latency(EAGER), candidate="eca")
    assert messages(*pairs) == ["resnet50 se: captured"]
    assert messages(comparison(latency(EAGER), latency(ONNX), findings=(captured,))) == ["captured"]
    assert messages(comparison(findings=(captured,))) == ["captured"]
