"""Exact values, published tables, invariances, and a slice of the simulated coverage study."""

import importlib.util
import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sebench import statistics
from sebench.errors import UsageError, WorkerError

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "coverage.py"

effects = st.floats(-1, 1, allow_nan=False, width=32)
samples = st.lists(effects, min_size=1, max_size=30)
times_s = st.floats(1e-6, 1e3, allow_nan=False)
segments = st.lists(times_s, min_size=4, max_size=4)
orders = st.sampled_from(["ABBA", "BAAB"])


@pytest.fixture(scope="module")
def simulation():
    # By path and under another name: `coverage` is also a package that test runners import.
    spec = importlib.util.spec_from_file_location("benchmarks_coverage", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


class TestBlock:
    def test_abba_and_baab_read_the_same_sides(self):
        # 1/2 [ln(2/1) + ln(8/4)] = ln 2
        assert statistics.block_log_ratio("ABBA", [1, 2, 8, 4]) == pytest.approx(math.log(2), abs=1e-15)
        assert statistics.block_log_ratio("BAAB", [2, 1, 4, 8]) == pytest.approx(math.log(2), abs=1e-15)
        # 1/2 [(2 - 1) + (8 - 4)] = 2.5
        assert statistics.block_difference("ABBA", [1, 2, 8, 4]) == 2.5
        assert statistics.block_difference("BAAB", [2, 1, 4, 8]) == 2.5

    @given(orders, segments, st.floats(1e-3, 1e3))
    def test_unit_of_time_does_not_matter(self, order, values, scale):
        scaled = [value * scale for value in values]
        assert statistics.block_log_ratio(order, scaled) == pytest.approx(
            statistics.block_log_ratio(order, values), abs=1e-12
        )

    @given(segments)
    def test_swapping_the_sides_flips_the_sign(self, values):
        flipped = -statistics.block_log_ratio("BAAB", values)
        assert statistics.block_log_ratio("ABBA", values) == pytest.approx(flipped, abs=1e-14)

    @given(orders, st.floats(-0.1, 0.1), st.floats(0.5, 2))
    def test_drift_linear_in_the_log_cancels(self, order, slope, ratio):
        values = [math.exp(slope * i) * (ratio if side == "B" else 1) for i, side in enumerate(order)]
        assert statistics.block_log_ratio(order, values) == pytest.approx(math.log(ratio), abs=1e-14)

    @given(orders, st.floats(-0.1, 0.1), st.floats(-0.5, 2))
    def test_linear_drift_cancels_in_the_difference(self, order, slope, difference):
        values = [1 + slope * i + (difference if side == "B" else 0) for i, side in enumerate(order)]
        assert statistics.block_difference(order, values) == pytest.approx(difference, abs=1e-14)

    @pytest.mark.parametrize("bad", [0.0, -1e-9, math.nan, math.inf])
    @pytest.mark.parametrize("function", [statistics.block_log_ratio, statistics.block_difference])
    def test_a_clock_that_stands_still_or_runs_backwards_is_refused(self, function, bad):
        with pytest.raises(WorkerError, match="is not a positive number; the timer went backwards"):
            function("ABBA", [1.0, bad, 1.0, 1.0])

    @pytest.mark.parametrize(("order", "values"), [("ABAB", [1, 1, 1, 1]), ("ABBA", [1, 1, 1])])
    def test_anything_but_four_segments_in_a_known_order_is_refused(self, order, values):
        with pytest.raises(WorkerError, match="a block is four segments in ABBA or BAAB order"):
            statistics.block_log_ratio(order, values)


class TestHodgesLehmann:
    def test_exact_values(self):
        # Walsh averages of 1, 2, 6: 1, 1.5, 2, 3.5, 4, 6 -> median (2 + 3.5) / 2
        assert statistics.hodges_lehmann([6, 1, 2]) == 2.75
        assert statistics.hodges_lehmann([3.0]) == 3.0
        assert statistics.hodges_lehmann([1.0, 4.0]) == 2.5

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
        ("n", "low", "high", "percent"),
        [  # docs/method.md, "Intervals"
            (6, 1, 6, 96.9),
            (9, 2, 8, 96.1),
            (12, 3, 10, 96.1),
            (20, 6, 15, 95.9),
            (30, 10, 21, 95.7),
            (40, 14, 27, 96.2),
        ],
    )
    def test_order_statistics_table(self, n, low, high, percent):
        limits = statistics.order_statistic_interval(list(range(n, 0, -1)))
        assert (limits.low, limits.high) == (low, high)
        assert round(100 * limits.coverage, 1) == percent

    def test_five_processes_have_no_95_percent_order_interval(self):
        assert statistics.order_statistic_interval([1, 2, 3, 4, 5]) is None
        assert statistics.order_statistic_coverage(5, 1) == 0.9375  # 1 - 2 / 32: what min-max is worth

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
        [statistics.t_interval, statistics.signed_rank_interval, statistics.order_statistic_interval],
    )
    def test_confidence_is_a_probability(self, interval, confidence):
        with pytest.raises(UsageError, match="is not between 0 and 1"):
            interval([1, 2, 3], confidence)


class TestHeadline:
    def test_five_processes_use_t_over_their_estimates(self):
        # m = 1, 2, 3, 4, 5 (%): mean 3, s = sqrt(2.5), t(4) = 2.776445 -> half-width 1.963243
        blocks = [[m / 100, m / 100] for m in (1, 2, 3, 4, 5)]
        found = statistics.headline(blocks, sigma_process=0.5)  # with P >= 5 calibration is not needed
        assert found.ratio == pytest.approx(math.exp(0.03), abs=1e-15)
        assert math.log(found.ci_low) == pytest.approx(0.03 - 0.01963243, abs=1e-8)
        assert math.log(found.ci_high) == pytest.approx(0.03 + 0.01963243, abs=1e-8)
        assert (found.scope, found.processes, found.blocks, found.reason) == ("process", 5, 10, None)
        assert (found.method, found.confidence) == ("hodges-lehmann/process-t", 0.95)

    def test_one_process_uses_the_signed_rank_interval(self):
        blocks = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]  # n = 6: smallest to largest
        found = statistics.headline([blocks])
        assert found.ratio == pytest.approx(math.exp(0.035))
        assert (found.ci_low, found.ci_high) == (math.exp(0.01), math.exp(0.06))
        assert (found.scope, found.method) == ("within-process", "hodges-lehmann/signed-rank")

    def test_known_process_sd_widens_one_process(self):
        # half-width 2.5 % -> sqrt(2.5^2 + (1.959964 x 1)^2) = 3.176706 %
        found = statistics.headline([[0.01, 0.02, 0.03, 0.04, 0.05, 0.06]], sigma_process=0.01)
        assert math.log(found.ci_high) == pytest.approx(0.035 + 0.03176706, abs=1e-8)
        assert math.log(found.ci_low) == pytest.approx(0.035 - 0.03176706, abs=1e-8)
        assert (found.scope, found.method) == ("within-process", "hodges-lehmann/signed-rank+process-sd")

    def test_two_processes_use_t_unless_calibrated(self):
        # m = 1, 3 (%): mean 2, s = sqrt(2), t(1) = 12.7062 -> half-width 12.7062 %
        blocks = [[0.01, 0.01, 0.01], [0.03, 0.03, 0.03]]
        found = statistics.headline(blocks)
        assert math.log(found.ci_high) == pytest.approx(0.02 + 0.127062, abs=1e-6)
        assert found.scope == "process"
        # signed rank: 1 .. 3 (%), half-width 1; sqrt(1^2 + (1.959964 x 2)^2 / 2) = 2.946679 %
        found = statistics.headline(blocks, sigma_process=0.02)
        assert math.log(found.ci_high) == pytest.approx(0.02 + 0.02946679, abs=1e-8)
        assert (found.scope, found.processes, found.blocks) == ("within-process", 2, 6)

    def test_a_process_with_one_valid_block_does_not_vote(self):
        found = statistics.headline([[0.01, 0.01]] * 5 + [[9.0], []])
        assert (found.processes, found.blocks, found.ratio) == (5, 10, math.exp(0.01))

    @pytest.mark.parametrize(
        ("blocks", "ratio", "reason"),
        [
            ([[0.0, 0.0, 0.0]], 1.0, "a 95 % interval needs 6 valid blocks, there are 3"),
            ([[0.0], [0.0]], 1.0, "no process has 2 valid blocks"),
            ([[], []], None, "no valid block"),
            ([], None, "no valid block"),
        ],
    )
    def test_no_interval_is_said_and_not_invented(self, blocks, ratio, reason):
        for found in (statistics.headline(blocks), statistics.headline(blocks, sigma_process=0.01)):
            assert (found.ratio, found.ci_low, found.ci_high, found.reason) == (ratio, None, None, reason)

    @pytest.mark.parametrize("sigma", [-0.1, math.nan])
    def test_impossible_process_sd_is_refused(self, sigma):
        with pytest.raises(UsageError, match="standard deviation"):
            statistics.headline([[0.0] * 6], sigma_process=sigma)

    @given(st.lists(st.lists(effects, min_size=6, max_size=8), min_size=1, max_size=6), st.floats(-1, 1))
    def test_a_constant_factor_moves_everything_with_it(self, blocks, shift):
        before = statistics.headline(blocks)
        after = statistics.headline([[d + shift for d in process] for process in blocks])
        for name in ("ratio", "ci_low", "ci_high"):
            assert math.log(getattr(after, name)) == pytest.approx(
                math.log(getattr(before, name)) + shift, abs=1e-9
            )

    def test_difference_follows_the_same_recipe(self):
        # 1 .. 5 ms: mean 3, half-width 1.963243
        found = statistics.difference_headline([[m / 1000] * 2 for m in (1, 2, 3, 4, 5)])
        assert found.estimate == pytest.approx(0.003)
        assert found.ci_low == pytest.approx(0.003 - 0.001963243, abs=1e-9)
        assert found.ci_high == pytest.approx(0.003 + 0.001963243, abs=1e-9)
        assert (found.scope, found.processes, found.blocks) == ("process", 5, 10)
        assert statistics.difference_headline([[0.1, 0.2]]).reason is not None


class TestSyntheticClocks:
    @pytest.mark.parametrize(("processes", "blocks"), [(1, 12), (2, 6), (6, 3), (12, 8)])
    @pytest.mark.parametrize("ratio", [1.0, 1.018, 1.1, 209 / 190])
    def test_constant_times_give_the_exact_ratio_and_zero_width(self, processes, blocks, ratio):
        a, b = 0.19, 0.19 * ratio
        by_order = {"ABBA": [a, b, b, a], "BAAB": [b, a, a, b]}
        drawn = [["ABBA", "BAAB"][(i * i + i // 3) % 2] for i in range(blocks)]
        effect = [[statistics.block_log_ratio(order, by_order[order]) for order in drawn]] * processes
        found = statistics.headline(effect)
        assert found.ratio == pytest.approx(ratio, abs=1e-15)
        assert found.ci_low == found.ratio == found.ci_high
        delta = [[statistics.block_difference(order, by_order[order]) for order in drawn]] * processes
        difference = statistics.difference_headline(delta)
        assert difference.ci_low == difference.estimate == difference.ci_high == b - a

    def test_quantised_timer_stays_within_one_tick(self):
        tick_s, generator = 1e-3, np.random.default_rng(7)
        a, b = 0.1, 0.1018
        blocks = []
        for _ in range(12):
            true = np.array([a, b, b, a]) + generator.uniform(0, tick_s, 4)
            blocks.append(statistics.block_log_ratio("ABBA", np.floor(true / tick_s) * tick_s))
        found = statistics.headline([blocks])
        assert found.ci_low - tick_s / a <= 1.018 <= found.ci_high + tick_s / a


class TestDiagnostics:
    def test_steady_ratio_is_not_flagged(self):
        found = statistics.half_drift([[0.01, 0.012, 0.01, 0.012]] * 6)
        assert (found.difference, found.standard_error, found.significant) == (0, 0, False)

    def test_drifting_ratio_is_flagged_over_processes(self):
        # halves differ by 1, 2, 3 (%): mean 2, sd 1, SE 0.57735, t(2) = 4.3027 -> limit 2.484: not yet
        found = statistics.half_drift([[0.0, m / 100] for m in (1, 2, 3)])
        assert found.difference == pytest.approx(0.02)
        assert found.standard_error == pytest.approx(0.01 / math.sqrt(3))
        assert (found.degrees_of_freedom, found.significant) == (2, False)
        # 1.9, 2, 2.1: SE 0.057735 -> limit max(0.5, 0.248): flagged
        assert statistics.half_drift([[0.0, m / 100] for m in (1.9, 2, 2.1)]).significant

    def test_drift_in_one_process(self):
        early, late = [0.0, 0.001, 0.002, 0.003], [0.02, 0.021, 0.022, 0.023]
        found = statistics.half_drift([early + late])
        # pairwise distances 1 (x 3), 2 (x 2), 3 in each half: median 1.5; sigma = 1.5 / 0.9539 (0.1 %)
        sigma = 0.0015 / 0.9539
        assert found.difference == pytest.approx(0.02)
        assert found.standard_error == pytest.approx(sigma * math.sqrt(math.pi / 3 / 2))
        assert found.significant
        assert not statistics.half_drift([[0.0, 0.001] * 4]).significant

    def test_middle_block_belongs_to_neither_half(self):
        assert statistics.half_drift([[0.0, 9.0, 0.0]] * 2).difference == 0

    def test_negligible_drift_is_never_flagged(self):
        assert not statistics.half_drift([[0.0, 0.0049]] * 6).significant
        assert statistics.half_drift([[0.0, 0.0051]] * 6).significant

    @pytest.mark.parametrize("blocks", [[], [[0.1]], [[0.1] * 5]])
    def test_too_little_to_tell(self, blocks):
        assert statistics.half_drift(blocks) is None

    def test_theil_sen(self):
        assert statistics.theil_sen_slope([0, 1, 2, 300, 4]) == 1  # 6 of 10 slopes are 1, 4 touch the spike
        assert statistics.theil_sen_slope([5.0]) == 0

    def test_order_effect(self):
        found = statistics.order_effect(["ABBA", "BAAB"] * 4, [0.0, 0.02] * 4)
        assert found.difference == 0.02
        assert found.significant
        assert not statistics.order_effect(["ABBA", "BAAB"] * 4, [0.01] * 8).significant
        assert statistics.order_effect(["ABBA"] * 6 + ["BAAB"] * 2, [0.0] * 8) is None
        with pytest.raises(WorkerError, match="2 block orders for 3 blocks"):
            statistics.order_effect(["ABBA", "BAAB"], [0.0] * 3)

    def test_lag1_autocorrelation(self):
        # deviations -1.5, -0.5, 0.5, 1.5: (0.75 - 0.25 + 0.75) / 5
        assert statistics.lag1_autocorrelation([1, 2, 3, 4]) == pytest.approx(0.25)
        assert statistics.lag1_autocorrelation([1, 1, 1]) is None
        assert statistics.lag1_autocorrelation([1, 2]) is None

    def test_super_blocks_merge_until_neighbours_are_independent(self):
        # r1 of 13 values in a row is far above 2 / sqrt(13); pairs, the last of three; 6 left -> stop
        found = statistics.super_blocks(list(range(13)))
        assert found == statistics.SuperBlocks((0.5, 2.5, 4.5, 6.5, 8.5, 11.0), 2)
        alternating = [0.0, 1.0, 1.0, 0.0] * 4  # r1 = -1/16, below 2 / sqrt(16)
        assert statistics.super_blocks(alternating) == statistics.SuperBlocks(tuple(alternating), 1)
        assert statistics.super_blocks([1.0] * 20).size == 1

    def test_quartiles_and_spread(self):
        assert statistics.quartiles([4, 1, 3, 2]) == statistics.Quartiles(1.75, 2.5, 3.25)
        # mean 2, sd 1
        assert statistics.coefficient_of_variation([1, 2, 3]) == 0.5
        assert statistics.coefficient_of_variation([0.1] * 7) == 0

    def test_outliers_are_counted_by_tukeys_fences(self):
        # 1 .. 9 and x >= 9: q1 3.25, q3 7.75, fences 7.75 + 6.75 = 14.5 and 7.75 + 13.5 = 21.25
        counts = [statistics.outlier_counts([*range(1, 10), x]) for x in (14, 15, 21, 22)]
        assert [(found.mild, found.severe) for found in counts] == [(0, 0), (1, 0), (1, 0), (0, 1)]
        assert statistics.outlier_counts([-x for x in (*range(1, 10), 22)]).severe == 1
        assert statistics.outlier_counts([1.0] * 5) == statistics.OutlierCounts(mild=0, severe=0)

    def test_cross_checks(self):
        checks = statistics.cross_checks([[0.0, 0.1], [0.2]], [1, 2, 4], [2, 3, 5])
        # pooled HL of 0, 0.1, 0.2 = 0.1; medians 3 / 2; minima 2 / 1
        assert checks.pooled_hodges_lehmann == pytest.approx(math.exp(0.1))
        assert (checks.ratio_of_medians, checks.ratio_of_minima) == (1.5, 2.0)

    def test_estimators_disagree_outside_the_interval(self):
        found = statistics.headline([[0.01, 0.02, 0.03, 0.04, 0.05, 0.06]])
        assert not statistics.estimators_disagree(found, statistics.CrossChecks(1.03, 1.02, 1.05))
        assert statistics.estimators_disagree(found, statistics.CrossChecks(1.03, 1.02, 1.07))
        assert not statistics.estimators_disagree(
            statistics.headline([[0.0, 0.0]]), statistics.CrossChecks(1.0, 2.0, 3.0)
        )


class TestCoverage:
    """N = 1000: a true 95 % falls below 922 with chance 1e-4, a true 90 % reaches 923 with chance 0.7 %."""

    N, FLOOR, SEED = 1000, 0.923, 11

    @pytest.mark.parametrize(
        ("noise", "processes", "blocks", "calibrated", "ratio"),
        [
            ("independent 1 %", 6, 3, False, 1.018),
            ("independent 1 %, process 1 %", 5, 3, False, 1.10),
            ("independent 1 %, process 1 %", 1, 12, True, 1.018),
            ("independent 1 %, process 1 %", 2, 6, False, 1.018),
            ("spikes Pareto(1.5) in 5 %", 6, 3, False, 1.0),
            ("neighbour x 1.3", 1, 12, False, 1.018),
            ("AR(1) 0.9", 1, 12, False, 1.10),
            ("linear drift 1 %/s", 6, 3, False, 1.018),
            ("wander + spikes + warm-up", 6, 8, False, 1.018),
        ],
    )
    def test_headline_covers(self, simulation, noise, processes, blocks, calibrated, ratio):
        design = simulation.Design(processes, blocks, calibrated)
        cell = simulation.measure(simulation.NOISES[noise], design, ratio, self.N, self.SEED)
        assert cell.noise.realistic
        assert cell.coverage >= self.FLOOR

    def test_other_methods_do_not(self, simulation):
        # The same bound, so the test has teeth: each rival misses somewhere that the headline covers.
        rivals = list(simulation.naive(300, self.SEED))
        assert {rival.method for rival in rivals} == {
            "all A, then all B; Welch t",
            "all A, then all B; U test",
            "t over pooled blocks",
            "percentile bootstrap of processes",
        }
        assert max(rival.coverage for rival in rivals) < 0.90

    def test_same_seed_same_numbers(self, simulation):
        noise, design = simulation.NOISES["neighbour x 1.3"], simulation.Design(2, 3)
        first, again = (simulation.simulate(noise, design, 1.0, 5, 3) for _ in range(2))
        assert first.tobytes() == again.tobytes()
        assert first.tobytes() != simulation.simulate(noise, design, 1.0, 5, 4).tobytes()
