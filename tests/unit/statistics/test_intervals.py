"""Location estimate and intervals against arithmetic, published tables and enumeration."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sebench import statistics
from sebench.errors import UsageError, WorkerError

samples = st.lists(st.floats(-1, 1, allow_nan=False, width=32), min_size=1, max_size=30)


class TestHodgesLehmann:
    def test_exact_values(self):
        # Walsh averages of 1, 2, 6: 1, 1.5, 2, 3.5, 4, 6 -> median (2 + 3.5) / 2
        assert statistics.hodges_lehmann([6, 1, 2]) == 2.75
        assert statistics.hodges_lehmann([3.0]) == 3.0
        assert statistics.hodges_lehmann([1.0, 4.0]) == 2.5

    @given(samples)
    def test_it_is_numpys_median_to_the_last_bit(self, values):
        averages = [(a + b) / 2 for a, b in itertools.combinations_with_replacement(values, 2)]
        assert statistics.hodges_lehmann(values) == float(np.median(averages))

    def test_four_blocks_withstand_one_spike_and_three_do_not(self):
        # n = 3: 3 of 6 Walsh averages hold the spike, the median averages across; n = 4: 4 of 10 do.
        assert statistics.hodges_lehmann([0, 0, 1e6]) > 1e5
        assert statistics.hodges_lehmann([0, 0, 0, 1e6]) == 0

    @given(samples, st.floats(-2, 2))
    def test_shift(self, values, shift):
        moved = statistics.hodges_lehmann([value + shift for value in values])
        assert moved == pytest.approx(statistics.hodges_lehmann(values) + shift, abs=1e-12)

    @given(samples)
    def test_sign_flip(self, values):
        assert statistics.hodges_lehmann([-value for value in values]) == -statistics.hodges_lehmann(values)

    @given(samples.flatmap(lambda values: st.tuples(st.just(values), st.permutations(values))))
    def test_permutation(self, pair):
        assert statistics.hodges_lehmann(pair[0]) == statistics.hodges_lehmann(pair[1])

    @pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
    def test_no_value_or_no_number_is_refused(self, values):
        with pytest.raises(WorkerError, match="one or more finite numbers"):
            statistics.hodges_lehmann(values)


def accepted_by_enumeration(values, theta, alpha):
    """Two-sided signed-rank test of `theta`, its null distribution from all 2^n sign vectors."""
    shifted = [value - theta for value in values]
    by_size = sorted(range(len(values)), key=lambda i: abs(shifted[i]))
    rank_sum = sum(rank for rank, i in enumerate(by_size, 1) if shifted[i] > 0)
    null = [
        sum(rank for rank, sign in enumerate(signs, 1) if sign)
        for signs in itertools.product((0, 1), repeat=len(values))
    ]
    lower = sum(total <= rank_sum for total in null) / len(null)
    upper = sum(total >= rank_sum for total in null) / len(null)
    return min(lower, upper) > alpha / 2


class TestSignedRank:
    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(st.integers(-10_000, 10_000), min_size=6, max_size=10, unique=True),
        st.sampled_from([0.90, 0.95]),
    )
    def test_inverts_the_test_by_enumeration(self, values, confidence):
        values = [value + value**2 / 1e9 for value in values]  # makes ties between Walsh averages unlikely
        limits = statistics.signed_rank_interval(values, confidence)
        inside, width = 1e-6, limits.high - limits.low
        for theta in (limits.low + inside, limits.high - inside, limits.low + 0.3 * width):
            assert accepted_by_enumeration(values, theta, 1 - confidence)
        for theta in (limits.low - inside, limits.high + inside):
            assert not accepted_by_enumeration(values, theta, 1 - confidence)

    @pytest.mark.parametrize(
        ("n", "rank", "coverage"),
        [
            (6, 1, 1 - 2 * 1 / 64),  # P(T <= 0) = 1/64
            (7, 3, 1 - 2 * 3 / 128),  # critical value 2: 1 + 1 + 1 rank sums of 0, 1, 2
            (8, 4, 1 - 2 * 5 / 256),  # critical value 3: 1 + 1 + 1 + 2
            (9, 6, 1 - 2 * 10 / 512),  # critical value 5: 1 + 1 + 1 + 2 + 2 + 3
            (10, 9, 1 - 2 * 25 / 1024),  # critical value 8 (Wilcoxon's table)
        ],
    )
    def test_published_critical_values(self, n, rank, coverage):
        values = [2.0**i for i in range(n)]
        walsh = sorted((a + b) / 2 for a, b in itertools.combinations_with_replacement(values, 2))
        limits = statistics.signed_rank_interval(values)
        assert (limits.low, limits.high) == (walsh[rank - 1], walsh[-rank])
        assert limits.coverage == pytest.approx(coverage, abs=1e-15)

    def test_no_interval_below_six_values_at_95_percent(self):
        assert statistics.signed_rank_interval([1, 2, 3, 4, 5]) is None  # 2 / 2^5 = 6.25 %
        assert statistics.signed_rank_interval([1, 2, 3, 4, 5], 0.9375).coverage == 0.9375  # and exactly that

    def test_large_samples_stay_exact_and_close_to_normal(self):
        # n = 400: mean 40100, sd sqrt(400 x 401 x 801 / 24) = 2313.76; coverage attained >= 95 % by < 1e-4
        limits = statistics.signed_rank_interval(list(range(400)))
        assert 0.95 <= limits.coverage < 0.9501

    @given(samples.filter(lambda values: len(values) >= 6))
    def test_holds_the_estimate(self, values):
        limits = statistics.signed_rank_interval(values)
        assert limits.low <= statistics.hodges_lehmann(values) <= limits.high


class TestOtherIntervals:
    @pytest.mark.parametrize(
        ("n", "factor"),
        [(3, 2.48), (4, 1.59), (5, 1.24), (6, 1.05), (8, 0.84), (10, 0.72), (12, 0.64), (20, 0.47)],
    )
    def test_t_half_width_table(self, n, factor):
        values = np.arange(n) / np.arange(n).std(ddof=1)  # standard deviation 1
        limits = statistics.t_interval(values)
        assert round((limits.high - limits.low) / 2, 2) == factor

    def test_t_needs_two_values(self):
        assert statistics.t_interval([1.0]) is None

    @pytest.mark.parametrize("confidence", [0, 1, 95, -0.1, math.nan])
    @pytest.mark.parametrize(
        "interval",
        [statistics.t_interval, statistics.signed_rank_interval],
    )
    def test_confidence_is_a_probability(self, interval, confidence):
        with pytest.raises(UsageError, match="is not between 0 and 1"):
            interval([1, 2, 3], confidence)
