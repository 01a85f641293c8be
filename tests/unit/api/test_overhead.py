"""An overhead compares by its interval: only what is shown is true."""

import operator
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from sebench.api import Judgement, Overhead
from sebench.api.explanation import explain
from sebench.errors import UsageError


@pytest.fixture
def latency(comparison_result):
    return comparison_result().overhead("latency")  # 1.0725 [1.0602, 1.0849]


@pytest.fixture
def params(comparison_result):
    return comparison_result().overhead("params")  # 110 / 100, exactly


@pytest.mark.parametrize(
    ("limit", "below", "above"),
    [
        (1.10, True, False),  # the whole interval lies below
        (1.07, False, False),  # inside: neither is shown
        (1.0725, False, False),  # about the estimate
        (1.05, False, True),  # the whole interval lies above
    ],
)
def test_only_what_the_interval_shows_is_true(latency, limit, below, above):
    assert (latency < limit, latency <= limit) == (below, below)
    assert (latency > limit, latency >= limit) == (above, above)
    assert (limit > latency, limit < latency) == (below, above)


def test_confidence_limits_themselves(latency):
    low, high = latency.ratio.ci_low, latency.ratio.ci_high
    assert (round(low, 4), round(high, 4)) == (1.0602, 1.0849)
    assert not latency < high
    assert latency <= high
    assert not latency > low
    assert latency >= low


def test_exact_figures_are_compared_as_they_are(params):
    assert params <= 1.1
    assert params >= 1.1
    assert not params < 1.1
    assert params < 1.11
    assert params.verdict("<", 1.1) == "failed"
    assert params.verdict("<", 1.2) == "passed"


@pytest.mark.parametrize(
    ("op", "limit", "verdict"),
    [
        ("<", 1.10, "passed"),
        ("<", 1.07, "inconclusive"),
        ("<", 1.05, "failed"),
        (">", 1.10, "failed"),
        (">=", 1.07, "inconclusive"),
        (">", 1.05, "passed"),
        ("<", float("nan"), "inconclusive"),
    ],
)
def test_verdicts(latency, op, limit, verdict):
    assert latency.verdict(op, limit) == verdict


def test_an_unknown_operator_is_refused(latency):
    with pytest.raises(UsageError, match="no operator '=='; use <, <=, >, >="):
        latency.verdict("==", 1.0)


@pytest.mark.parametrize("limit", ["1.1", None, 1j, True, Decimal("1.1")])
@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
def test_what_is_no_real_number_is_not_compared(latency, compare, limit):
    with pytest.raises(TypeError, match="not supported between instances"):
        compare(latency, limit)
    with pytest.raises(TypeError):
        compare(latency, latency)


@pytest.mark.parametrize("number", [2, Fraction(3, 2), np.float64(1.5), np.float32(1.5)])
def test_numbers_of_other_kinds(latency, number):
    assert latency < number
    assert number > latency


def test_estimate_and_limits_are_numbers(comparison_result, latency, params):
    assert (round(latency.estimate, 4), round(latency.low, 4), round(latency.high, 4)) == (
        1.0725,
        1.0602,
        1.0849,
    )
    assert (params.estimate, params.low, params.high) == (1.1, 1.1, 1.1)  # 110 / 100, exactly
    short = comparison_result(processes=1, blocks=2).overhead("latency")
    assert (short.low, short.high) == (None, None)


def test_it_is_formatted_as_its_estimate(latency):
    assert f"{latency:.3f} {latency:>8.2f} {latency:.1%}" == "1.073     1.07 107.3%"
    assert f"{latency}" == str(latency) == repr(latency)
    with pytest.raises(ValueError, match="Unknown format code 'd'"):
        f"{latency:d}"


def test_it_is_a_value(comparison_result):
    first, second = (comparison_result().overhead("latency") for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)
    assert first != 1.0725
    assert round(float(first), 4) == 1.0725
    with pytest.raises(AttributeError):
        first.pair = "another"


def test_the_repr_tells_the_story(comparison_result, latency, params):
    assert repr(latency) == ("latency overhead 1.073 [1.060, 1.085] (95 %, 6 processes x 4 blocks, grade A)")
    assert repr(params) == "params overhead 1.100 (exact)"
    quick = comparison_result(processes=1, blocks=12).overhead("latency")
    # exp(0.06) twelve times: the interval is the value
    assert repr(quick) == (
        "latency overhead 1.0618 [1.0618, 1.0618] (95 %, within-process, 1 process x 12 blocks, grade B)"
    )
    short = comparison_result(processes=1, blocks=2).overhead("latency")
    assert repr(short) == (
        "latency overhead 1.062 (no interval, within-process, 1 process x 2 blocks, grade C)"
    )


def test_without_an_interval_nothing_is_shown(comparison_result):
    short = comparison_result(processes=1, blocks=2).overhead("latency")
    assert not short < 99
    assert not short > 0
    assert short.verdict("<", 99) == "inconclusive"


def test_a_watch_is_told_of_every_comparison(comparison_result):
    from dataclasses import replace

    seen = []
    overhead = replace(comparison_result(), watch=seen.append).overhead("latency")
    assert overhead < 1.10
    assert not overhead < 1.05
    assert [str(judgement).partition(": ")[2] for judgement in seen] == [
        "passed against 1.1",
        "failed against 1.05",
    ]
    assert str(Judgement(overhead, ">", 1.07, "inconclusive")).endswith(": inconclusive against > 1.07")


def said(overhead: Overhead, op, limit):
    return explain(Judgement(overhead, op, limit, overhead.verdict(op, limit)))


def test_explanations(comparison_result, latency, params):
    story = "latency overhead 1.073 [1.060, 1.085] (95 %, 6 processes x 4 blocks, grade A)"
    assert said(latency, "<", 1.05) == (
        f"{story}: failed against 1.05",
        "resnet50: plain -> se, on this CPU",
        "the whole interval lies above 1.05",
    )
    assert said(latency, "<", 1.07) == (
        f"{story}: inconclusive against 1.07",
        "resnet50: plain -> se, on this CPU",
        "the interval contains 1.07: neither side of it is shown",
        "narrow the interval (effort='rigorous', a larger budget_s, a quieter machine), "
        "or allow a larger margin",
    )
    assert said(latency, ">", 1.10)[-1] == "the whole interval lies below 1.1"
    assert said(params, "<", 1.1) == (
        "params overhead 1.100 (exact): failed against 1.1",
        "resnet50: plain -> se",
        "an exact figure: it is not < 1.1",
    )
    short = said(comparison_result(processes=1, blocks=2).overhead("latency"), "<", 1.1)
    assert short[2] == "there is no interval to decide by: a 95 % interval needs 6 valid blocks, there are 2"
    assert any(line.startswith("one process only: ") for line in short)
    assert any(line.startswith("warning: ") for line in short)
