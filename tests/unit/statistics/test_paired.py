"""Blocks and estimates: exact values, invariances, unhappy paths, synthetic clocks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sebench import statistics
from sebench.errors import UsageError, WorkerError

effects = st.floats(-1, 1, allow_nan=False, width=32)
times_s = st.floats(1e-6, 1e3, allow_nan=False)
segments = st.lists(times_s, min_size=4, max_size=4)
orders = st.sampled_from(["ABBA", "BAAB"])


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


class TestRatioEstimate:
    def test_five_processes_use_t_over_their_estimates(self):
        # m = 1, 2, 3, 4, 5 (%): mean 3, s = sqrt(2.5), t(4) = 2.776445 -> half-width 1.963243
        blocks = [[m / 100, m / 100] for m in (1, 2, 3, 4, 5)]
        found = statistics.estimate_ratio(blocks, sigma_process=0.5)  # with P >= 5 calibration is not needed
        assert found.ratio == pytest.approx(math.exp(0.03), abs=1e-15)
        assert math.log(found.ci_low) == pytest.approx(0.03 - 0.01963243, abs=1e-8)
        assert math.log(found.ci_high) == pytest.approx(0.03 + 0.01963243, abs=1e-8)
        assert (found.scope, found.processes, found.blocks, found.reason) == ("process", 5, 10, None)
        assert (found.method, found.confidence) == ("hodges-lehmann/process-t", 0.95)

    def test_one_process_uses_the_signed_rank_interval(self):
        blocks = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]  # n = 6: smallest to largest
        found = statistics.estimate_ratio([blocks])
        assert found.ratio == pytest.approx(math.exp(0.035))
        assert (found.ci_low, found.ci_high) == (math.exp(0.01), math.exp(0.06))
        assert (found.scope, found.method) == ("within-process", "hodges-lehmann/signed-rank")

    def test_known_process_sd_widens_one_process(self):
        # half-width 2.5 % -> sqrt(2.5^2 + (1.959964 x 1)^2) = 3.176706 %
        found = statistics.estimate_ratio([[0.01, 0.02, 0.03, 0.04, 0.05, 0.06]], sigma_process=0.01)
        assert math.log(found.ci_high) == pytest.approx(0.035 + 0.03176706, abs=1e-8)
        assert math.log(found.ci_low) == pytest.approx(0.035 - 0.03176706, abs=1e-8)
        assert (found.scope, found.method) == ("within-process", "hodges-lehmann/signed-rank+process-sd")

    def test_two_processes_use_t_unless_calibrated(self):
        # m = 1, 3 (%): mean 2, s = sqrt(2), t(1) = 12.7062 -> half-width 12.7062 %
        blocks = [[0.01, 0.01, 0.01], [0.03, 0.03, 0.03]]
        found = statistics.estimate_ratio(blocks)
        assert math.log(found.ci_high) == pytest.approx(0.02 + 0.127062, abs=1e-6)
        assert found.scope == "process"
        # signed rank: 1 .. 3 (%), half-width 1; sqrt(1^2 + (1.959964 x 2)^2 / 2) = 2.946679 %
        found = statistics.estimate_ratio(blocks, sigma_process=0.02)
        assert math.log(found.ci_high) == pytest.approx(0.02 + 0.02946679, abs=1e-8)
        assert (found.scope, found.processes, found.blocks) == ("within-process", 2, 6)

    def test_a_process_with_one_valid_block_does_not_vote(self):
        found = statistics.estimate_ratio([[0.01, 0.01]] * 5 + [[9.0], []])
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
        for found in (
            statistics.estimate_ratio(blocks),
            statistics.estimate_ratio(blocks, sigma_process=0.01),
        ):
            assert (found.ratio, found.ci_low, found.ci_high, found.reason) == (ratio, None, None, reason)

    @pytest.mark.parametrize("sigma", [-0.1, math.nan])
    def test_impossible_process_sd_is_refused(self, sigma):
        with pytest.raises(UsageError, match="standard deviation"):
            statistics.estimate_ratio([[0.0] * 6], sigma_process=sigma)

    @given(st.lists(st.lists(effects, min_size=6, max_size=8), min_size=1, max_size=6), st.floats(-1, 1))
    def test_a_constant_factor_moves_everything_with_it(self, blocks, shift):
        before = statistics.estimate_ratio(blocks)
        after = statistics.estimate_ratio([[d + shift for d in process] for process in blocks])
        for name in ("ratio", "ci_low", "ci_high"):
            assert math.log(getattr(after, name)) == pytest.approx(
                math.log(getattr(before, name)) + shift, abs=1e-9
            )

    def test_difference_follows_the_same_recipe(self):
        # 1 .. 5 ms: mean 3, half-width 1.963243
        found = statistics.estimate_difference([[m / 1000] * 2 for m in (1, 2, 3, 4, 5)])
        assert found.estimate == pytest.approx(0.003)
        assert found.ci_low == pytest.approx(0.003 - 0.001963243, abs=1e-9)
        assert found.ci_high == pytest.approx(0.003 + 0.001963243, abs=1e-9)
        assert (found.scope, found.processes, found.blocks) == ("process", 5, 10)
        assert statistics.estimate_difference([[0.1, 0.2]]).reason is not None


class TestSyntheticClocks:
    @pytest.mark.parametrize(("processes", "blocks"), [(1, 12), (2, 6), (6, 3), (12, 8)])
    @pytest.mark.parametrize("ratio", [1.0, 1.018, 1.1, 209 / 190])
    def test_constant_times_give_the_exact_ratio_and_zero_width(self, processes, blocks, ratio):
        a, b = 0.19, 0.19 * ratio
        by_order = {"ABBA": [a, b, b, a], "BAAB": [b, a, a, b]}
        drawn = [["ABBA", "BAAB"][(i * i + i // 3) % 2] for i in range(blocks)]
        effect = [[statistics.block_log_ratio(order, by_order[order]) for order in drawn]] * processes
        found = statistics.estimate_ratio(effect)
        assert found.ratio == pytest.approx(ratio, abs=1e-15)
        assert found.ci_low == found.ratio == found.ci_high
        delta = [[statistics.block_difference(order, by_order[order]) for order in drawn]] * processes
        difference = statistics.estimate_difference(delta)
        assert difference.ci_low == difference.estimate == difference.ci_high == b - a

    def test_quantised_timer_stays_within_one_tick(self):
        tick_s, generator = 1e-3, np.random.default_rng(7)
        a, b = 0.1, 0.1018
        blocks = []
        for _ in range(12):
            true = np.array([a, b, b, a]) + generator.uniform(0, tick_s, 4)
            blocks.append(statistics.block_log_ratio("ABBA", np.floor(true / tick_s) * tick_s))
        found = statistics.estimate_ratio([blocks])
        assert found.ci_low - tick_s / a <= 1.018 <= found.ci_high + tick_s / a


def test_process_estimates_are_those_of_processes_with_two_blocks():
    # Walsh averages of {1, 2, 6}: 1, 1.5, 2, 3.5, 4, 6: median 2.75.
    assert statistics.process_estimates([[1.0, 2.0, 6.0], [9.0], [4.0, 5.0]]) == (2.75, 4.5)
    assert statistics.process_estimates([]) == ()
