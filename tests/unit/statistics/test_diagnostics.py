"""Diagnostics: each with its arithmetic."""

import math

import numpy as np
import pytest

from sebench import statistics
from sebench.errors import WorkerError


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

    def test_order_effect(self):
        found = statistics.order_effect(["ABBA", "BAAB"] * 4, [0.0, 0.02] * 4)
        assert found.difference == 0.02
        assert found.significant
        assert not statistics.order_effect(["ABBA", "BAAB"] * 4, [0.01] * 8).significant
        assert statistics.order_effect(["ABBA"] * 6 + ["BAAB"] * 2, [0.0] * 8) is None
        with pytest.raises(WorkerError, match="2 block orders for 3 blocks"):
            statistics.order_effect(["ABBA", "BAAB"], [0.0] * 3)

    def test_carry_over(self):
        # The candidate's first step after a change takes 4 % longer: 0.625 x 4 % = 2.5 %.
        found = statistics.carry_over([0.0, 0.01, 0.02, 0.03], [0.04, 0.05, 0.06, 0.07])
        assert found.difference == pytest.approx(0.025)
        # Pairwise distances 1 (x 3), 2 (x 2), 3 in each (%): median 1.5; sigma = 0.625 x 1.5 / 0.9539.
        sigma = 0.625 * 0.015 / 0.9539
        assert found.standard_error == pytest.approx(sigma * math.sqrt(math.pi / 3 * (1 / 4 + 1 / 4)))
        assert found.degrees_of_freedom == 6
        assert found.significant  # t(6) = 2.447 times 0.00711 is 1.74 %

    def test_carry_over_of_both_sides_alike_moves_nothing(self):
        found = statistics.carry_over([0.3, 0.31, 0.32], [0.3, 0.31, 0.32])
        assert (found.difference, found.significant) == (0.0, False)
        # 0.625 x 0.7 % = 0.44 % is negligible, and certain.
        assert not statistics.carry_over([0.0] * 3, [0.007] * 3).significant
        assert statistics.carry_over([0.0] * 3, [0.009] * 3).significant

    def test_carry_over_of_few_steps_is_unknown(self):
        assert statistics.carry_over([], []) is None
        assert statistics.carry_over([0.1] * 9, [0.2] * 2) is None
        assert statistics.carry_over([0.1] * 2, [0.2] * 9) is None

    def test_lag1_autocorrelation(self):
        # deviations -1.5, -0.5, 0.5, 1.5: (0.75 - 0.25 + 0.75) / 5
        assert statistics.lag1_autocorrelation([1, 2, 3, 4]) == pytest.approx(0.25)
        assert statistics.lag1_autocorrelation([1, 1, 1]) is None
        assert statistics.lag1_autocorrelation([1, 2]) is None

    def test_quartiles_and_spread(self):
        assert statistics.quartiles([4, 1, 3, 2]) == statistics.Quartiles(1.75, 2.5, 3.25)
        # mean 2, sd 1
        assert statistics.coefficient_of_variation([1, 2, 3]) == 0.5
        assert statistics.coefficient_of_variation([0.1] * 7) == 0

    def test_quartiles_are_numpys_to_the_last_bit(self):
        draw = np.random.default_rng(1)
        for size in range(1, 60):
            values = np.exp(draw.normal(0, 5, size))
            found = statistics.quartiles(values)
            assert [found.q1, found.median, found.q3] == list(np.quantile(values, [0.25, 0.5, 0.75]))

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
        found = statistics.estimate_ratio([[0.01, 0.02, 0.03, 0.04, 0.05, 0.06]])
        assert not statistics.estimators_disagree(found, statistics.CrossChecks(1.03, 1.02, 1.05))
        assert statistics.estimators_disagree(found, statistics.CrossChecks(1.03, 1.02, 1.07))
        assert not statistics.estimators_disagree(
            statistics.estimate_ratio([[0.0, 0.0]]), statistics.CrossChecks(1.0, 2.0, 3.0)
        )

    def test_the_error_of_a_process_from_its_blocks(self):
        # Distances 1, 1, 1, 2, 2, 3 (%): median 1.5
        found = statistics.block_error([0.0, 0.01, 0.02, 0.03])
        assert found == pytest.approx(0.015 / 0.9539 * math.sqrt(math.pi / 3 / 4))
        assert statistics.block_error([0.5]) == 0.0

    def test_agreement_is_about_1_where_blocks_are_all_that_differs(self):
        blocks = [0.0, 0.01, 0.02, 0.03]
        error = statistics.block_error(blocks)
        # Two processes 2 x sqrt(1 / 2) errors apart have a standard deviation of one error.
        apart = [[value + shift for value in blocks] for shift in (0.0, math.sqrt(2) * error)]
        assert statistics.agreement(apart) == pytest.approx(1.0)
        assert statistics.agreement([blocks, blocks]) == 0.0
        assert statistics.agreement([blocks]) is None
        assert statistics.agreement([[0.01, 0.01], [0.02, 0.02]]) is None

    def test_unrest_of_one_side_only(self):
        calm, restless = [1.0, 1.0, 1.1, 1.1], [1.0, 1.0, 1.32, 1.32]
        # Quartiles 1.1 and 1.32 times apart: ln 1.2 in every process
        found = statistics.unrest_difference([calm] * 5, [restless] * 5)
        assert found.difference == pytest.approx(math.log(1.2))
        assert (found.degrees_of_freedom, found.significant) == (4, True)
        assert statistics.unrest_difference([restless] * 5, [calm] * 5).difference == -found.difference
        # ln(1.15 / 1.1) = 4.4 % is not worth a word.
        assert not statistics.unrest_difference([calm] * 5, [[1.0, 1.0, 1.15, 1.15]] * 5).significant
        assert statistics.unrest_difference([calm], [restless]) is None
        assert statistics.unrest_difference([[1.0, 2.0]] * 5, [restless] * 5) is None
