"""A comparison whose interval is known in advance."""

import math

import pytest

from sebench.analysis.comparison import compare
from sebench.api import ComparisonResult
from tests import samples


@pytest.fixture
def comparison_result():
    """Six processes of four blocks whose log-ratios are `low` and `high` in turn.

    By default 0.06 and 0.08: mean 0.07, s = 0.01 sqrt(6/5) = 0.010954; t(5, 97.5 %) = 2.5706, so the interval
    is 0.07 -+ 2.5706 x 0.010954 / sqrt(6) = 0.07 -+ 0.011496, that is 1.0725 [1.0602, 1.0849].
    """

    def make(low=0.06, high=0.08, *, processes=6, blocks=4, **fields):
        measured = samples.measurement(
            [
                samples.process(
                    [samples.block(1.0, math.exp(high if number % 2 else low)) for _ in range(blocks)], number
                )
                for number in range(processes)
            ]
        )
        result = samples.result(measured, **fields)
        return ComparisonResult(comparison=compare(result), result=result)

    return make
