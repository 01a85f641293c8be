import math

from sebench.reporting.finite import finite_comparison, finite_metric


def test_finite_values_are_left_alone(make):
    metric = make.latency()
    assert finite_metric(metric) is metric


def test_what_is_not_finite_becomes_unknown_with_a_reason(make):
    metric = finite_metric(make.latency(ratio=(1.01, -math.inf, math.inf), baseline=(math.nan, None, None)))
    assert (metric.baseline.value, metric.ratio.estimate) == (None, 1.01)
    assert (metric.ratio.ci_low, metric.ratio.ci_high) == (None, None)
    assert metric.reason == "not a finite number: baseline.value, ratio.ci_low, ratio.ci_high"


def test_a_reason_that_is_there_stays(make):
    metric = make.latency(ratio=(math.nan, None, None), reason="no valid block")
    assert finite_comparison(make.comparison(metric)).metrics[0].reason == "no valid block"
