"""How much processes differ beyond their blocks: exact values, degrees of freedom, coverage."""

import math

import numpy as np
import pytest
from scipy.stats import t

from sebench import statistics
from sebench.statistics import ProcessSpread, over_processes, pooled_spread, process_spread
from tests.scripts import benchmark

# Blocks m - 1 and m + 1 (%): Hodges-Lehmann m, variance 2, so 2 / 2 = 1 of m's variance is theirs.
MEANS = (1, 2, 3, 4, 5)
BLOCKS = [[(m - 1) / 100, (m + 1) / 100] for m in MEANS]


def test_the_component_is_what_blocks_leave_unexplained():
    found = process_spread(BLOCKS)
    # s_m^2 = 10 / 4 = 2.5, within 1 (in 1e-4): sigma = sqrt(1.5) %
    assert found.between == pytest.approx(2.5e-4)
    assert found.within == pytest.approx(1e-4)
    assert (found.degrees_between, found.degrees_within) == (4, 5)
    assert found.sigma_process == pytest.approx(math.sqrt(1.5) / 100)


def test_it_is_at_least_zero():
    # Blocks m - 4 and m + 4: variance 32, within 16 > 2.5
    found = process_spread([[(m - 4) / 100, (m + 4) / 100] for m in MEANS])
    assert found.within == pytest.approx(16e-4)
    assert found.sigma_process == 0


def test_a_stray_block_is_not_taken_for_noise_of_the_estimate():
    # Blocks m - 1, m - 1, m, m + 1, m + 1 and a stray m + 100: their variance over 6 is 269 (%^2). Of the 15
    # distances (0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 99, ...) the 8th is the median: (2 / 0.9539)^2 pi / 18 = 0.767
    blocks = [[(m + d) / 100 for d in (-1, -1, 0, 1, 1, 100)] for m in MEANS]
    assert process_spread(blocks).within == pytest.approx((2 / 0.9539) ** 2 * math.pi / 18 * 1e-4)


@pytest.mark.parametrize("blocks", [BLOCKS[:4], [*BLOCKS[:4], [0.1]], [[0.01, 0.01]] * 5, []])
def test_few_processes_teach_nothing(blocks):
    assert process_spread(blocks) is None


def test_runs_count_by_their_degrees_of_freedom():
    # (4 x 1 + 12 x 3) / 16 = 2.5 and (4 x 0.2 + 12 x 1) / 16 = 0.8
    pool = pooled_spread([ProcessSpread(1.0, 0.2, 4, 5), ProcessSpread(3.0, 1.0, 12, 30)])
    assert pool == ProcessSpread(2.5, 0.8, 16, 35)
    assert pooled_spread([]) is None


QUICK = statistics.estimate_ratio([[0.01, 0.02, 0.03, 0.04, 0.05, 0.06]])
"""Log limits 0.01 and 0.06 around 0.035: h = 0.025, t(5) = 2.570582."""
OWN = (0.025 / t.ppf(0.975, 5)) ** 2


def half_width(limits):
    return math.log(limits.high / limits.low) / 2


def test_with_a_well_known_spread_the_variances_add():
    # Very many degrees between and within: those of the sum are (v + 3e-4)^2 / (v^2 / 5)
    spread = ProcessSpread(4e-4, 1e-4, 10**9, 10**9)
    whole = OWN + 3e-4
    degrees = whole**2 / (OWN**2 / 5)
    found = over_processes(QUICK, spread)
    assert half_width(found) == pytest.approx(t.ppf(0.975, degrees) * math.sqrt(whole))
    assert math.log(found.low * found.high) / 2 == pytest.approx(0.035)
    assert found.coverage == 0.95


def test_few_processes_cost_degrees_of_freedom():
    # 5 degrees of the spread: (v + 4e-4)^2 / (v^2 / 5 + (4e-4)^2 / 5), nothing to subtract
    whole = OWN + 4e-4
    degrees = whole**2 / (OWN**2 / 5 + 16e-8 / 5)
    found = over_processes(QUICK, ProcessSpread(4e-4, 0.0, 5, 18))
    assert half_width(found) == pytest.approx(t.ppf(0.975, degrees) * math.sqrt(whole))


def test_a_spread_that_noise_hides_is_no_reason_for_a_narrow_interval():
    # s_m^2 = within = 4e-4: sigma 0, but with v = 9.5e-5 the sum has v^2 / (v^2 / 5 + 16e-8 / 5 + 16e-8 / 18)
    # = 0.2 degrees, which say nothing; v + s_m^2 is what there may be.
    whole = OWN + 4e-4
    degrees = whole**2 / (OWN**2 / 5 + 16e-8 / 5)
    spread = ProcessSpread(4e-4, 4e-4, 5, 18)
    assert spread.sigma_process == 0
    assert half_width(over_processes(QUICK, spread)) == pytest.approx(
        t.ppf(0.975, degrees) * math.sqrt(whole)
    )


def test_it_is_never_narrower_than_the_process_alone():
    found = over_processes(QUICK, ProcessSpread(1e-12, 0.0, 1000, 1000))
    assert found.low <= QUICK.ci_low * (1 + 1e-9)
    assert found.high >= QUICK.ci_high * (1 - 1e-9)


@pytest.mark.parametrize(
    "estimate",
    [
        statistics.estimate_ratio([[0.01] * 3]),  # no interval
        statistics.estimate_ratio(BLOCKS),  # covers processes already
        statistics.estimate_ratio([]),
    ],
)
def test_there_is_nothing_to_widen(estimate):
    assert over_processes(estimate, ProcessSpread(1e-4, 0.0, 5, 18)) is None


@pytest.mark.parametrize("name", ["independent 1 %", "independent 1 %, process 1 %", "AR(1) 0.9"])
def test_after_one_standard_run_it_covers_fresh_processes(name):
    """N = 600: a true 95 % falls below 0.92 with chance 1e-3; the process alone has 0.4 to 0.9."""
    with benchmark("learnt_spread") as study:
        simulated = study.load_coverage_study()
        noise, rng = simulated.NOISES[name], np.random.default_rng(5)
        quick = study.quick_runs(simulated, noise, 600, 5)
        pool = study.spreads(simulated, noise, 4, 600, 6)
        row = study.judged("", quick, study.drawn(pool, 1, 600, rng))
    assert row.coverage[-1] >= 0.92
    assert row.coverage[0] < 0.9
