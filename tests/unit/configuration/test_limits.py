"""Limits of the command line."""

import re

import pytest

from sebench.configuration import parse_limit
from sebench.errors import UsageError
from sebench.schema import LIMIT_METRICS


@pytest.mark.parametrize("metric", LIMIT_METRICS)
def test_every_metric_takes_a_ratio(metric):
    assert parse_limit(f"{metric}:1.05") == (metric, 1.05)


@pytest.mark.parametrize("ratio", [0.5, 0.9, 1.0, 2.0, 4.99])
def test_less_and_much_more_can_be_meant(ratio):
    assert parse_limit(f"params:{ratio}") == ("params", ratio)


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
        ("latency:5%", "'5%' is a percentage, and a limit is a ratio; did you mean 1.05\\?"),
        ("latency:+2.5 %", "is a percentage, and a limit is a ratio; did you mean 1.025\\?"),
        ("latency:105%", "is a percentage, and a limit is a ratio; did you mean 1.05\\?"),
        (
            "latency:900%",
            "is a percentage, and a limit is a ratio; a limit is the largest ratio of new to old",
        ),
        ("latency:-5%", "'-5%' is not a number; write METRIC:RATIO"),
        ("latency:1,05", "'1,05' has a decimal comma; did you mean 1.05\\?"),
        ("latency:0.05", "^limit 'latency:0.05': 0.05 asks for less than half .*; did you mean 1.05\\?"),
        ("latency:.1", "0.1 asks for less than half of the old value; did you mean 1.1\\?"),
        ("latency:0.499", "did you mean 1.499\\?"),
        (
            "latency:1e-9",
            "1e-09 asks for less than half .*; a limit is the largest ratio of new to old, from 0.5",
        ),
        ("latency:5", "5 allows 5 times the old value; did you mean 1.05\\?"),
        ("latency:10", "did you mean 1.1\\?"),
        ("latency:105", "105 allows 105 times the old value; did you mean 1.05\\?"),
        ("latency:1e6", "1e\\+06 allows 1e\\+06 times .*; a limit is the largest ratio .* to below 5"),
        ("latency:1_05", "105 allows 105 times"),
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


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("latncy:1.05", "did you mean 'latency'?"),
        ("throughput:1.05", "choose from latency, params"),
        ("nothing:1.05", "choose from latency, params"),
    ],
)
def test_the_next_step_names_only_what_is_taken(text, hint):
    with pytest.raises(UsageError) as caught:
        parse_limit(text, taken=("latency", "params"))
    assert caught.value.hint == hint
