"""A slice of the simulated coverage study, through the study's own simulator."""

import importlib.util
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "coverage.py"


@pytest.fixture(scope="module")
def simulation():
    # By path and under another name: `coverage` is also a package that test runners import.
    spec = importlib.util.spec_from_file_location("benchmarks_coverage", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


class TestCoverage:
    """N = 1000: a true 95 % falls below 922 with chance 1e-4, a true 90 % reaches 923 with chance 0.7 %."""

    N, FLOOR, SEED = 1000, 0.923, 11

    @pytest.mark.parametrize(
        ("noise", "design", "ratio"),
        [
            ("independent 1 %", (6, 3), 1.018),
            ("independent 1 %, process 1 %", (5, 3), 1.10),
            ("independent 1 %, process 1 %", (1, 12, True), 1.018),
            ("independent 1 %, process 1 %", (2, 6), 1.018),
            ("spikes Pareto(1.5) in 5 %", (6, 3), 1.0),
            ("neighbour x 1.3", (1, 12), 1.018),
            ("AR(1) 0.9", (1, 12), 1.10),
            ("linear drift 1 %/s", (6, 3), 1.018),
            ("wander + spikes + warm-up", (6, 8), 1.018),
        ],
    )
    def test_headline_covers(self, simulation, noise, design, ratio):
        plan = simulation.Design(*design)
        cell = simulation.measure(simulation.NOISES[noise], plan, ratio, self.N, self.SEED)
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
