"""Limits of the command line."""

import re

import pytest

from sebench.configuration import parse_limit
from sebench.errors import UsageError
from sebench.schema import LIMIT_METRICS


@pytest.mark.parametrize("metric", LIMIT_METRICS)
def test_every_metric_takes_a_ratio(metric):
    assert parse_limit(f"{metric}:1.05") == (metric, 1.05)


def test_spaces_and_exponents_are_fine():
    assert parse_limit(" latency : 11e-1 ") == ("latency", 1.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latency", "limit 'latency' has no ratio; write METRIC:RATIO"),
        ("latency=1.05", "limit 'latency=1.05' has no ratio; write METRIC:RATIO, e.g. latency:1.05"),
        ("", "limit '' has no ratio"),
        ("latncy:1.05", "limit 'latncy:1.05': unknown metric 'latncy'; did you mean 'latency'"),
        ("x:1.05", "limit 'x:1.05': unknown metric 'x'; choose from latency, forward_latency,"),
        (":1.05", "unknown metric ''; choose from"),
        ("latency:", "limit 'latency:': '' is not a number"),
        ("latency:5%", "limit 'latency:5%': '5%' is not a number; .* allow 5 % more"),
        ("latency:1,05", "'1,05' is not a number"),
        ("latency:1:2", "'1:2' is not a number"),
        ("latency:0", "0 is not a positive, finite ratio"),
        ("latency:-1", "-1 is not a positive, finite ratio"),
        ("latency:nan", "nan is not a positive, finite ratio"),
        ("latency:inf", "inf is not a positive, finite ratio"),
    ],
)
def test_what_cannot_be_meant_is_one_line(text, message):
    with pytest.raises(UsageError) as caught:
        parse_limit(text)
    assert re.search(message, str(caught.value))
    assert "\n" not in str(caught.value)
