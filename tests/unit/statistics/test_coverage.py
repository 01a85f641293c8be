"""A slice of the simulated coverage study, through the study's own simulator."""

import numpy as np
import pytest

from tests.scripts import benchmark


@pytest.fixture(scope="module")
def simulation():
    with benchmark("coverage") as module:
        yield module


class TestCoverage:
    """N = 1000: a true 95 % falls below 922 with chance 1e-4, a true 90 % reaches 923 with chance 0.7 %."""

    N, FLOOR, SEED = 1000, 0.923, 11

    @pytest.mark.parametrize("network", ["FAST_S", "SLOW_S"])
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
    def test_headline_covers(self, simulation, noise, design, ratio, network):
        plan = simulation.Design(*design)
        step_s = getattr(simulation, network)
        cell = simulation.measure(simulation.NOISES[noise], plan, ratio, self.N, self.SEED, step_s=step_s)
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


class TestSchedule:
    """Which steps are simulated, seen by a machine that keeps a list of them."""

    def steps(self, simulation, sides, step_s):
        seen = []

        def machine(rng, shape, _):
            def elapsed(t, ideal, side):
                if len(ideal) == 1:  # the warm-ups are simulated side by side
                    seen.append("-" if ideal[0, 0] == 0 else "AB"[int(side[0, 0])])
                return ideal

            return elapsed

        segments = np.array([[side == "B" for side in sides.replace(" ", "")]])[:, None]
        rng = np.random.default_rng(1)
        noise = simulation.Noise("none", machine)
        simulation.segment_times(rng, noise, segments, ratio=1.0, sd=0.0, step_s=step_s)
        return "".join(seen).replace("-", "")

    def test_of_a_quiet_machine_a_step_after_a_change_does_not_count(self, simulation):
        # A segment is one step of 50 ms. None is left out within BB; a block begins with one in any case.
        assert self.steps(simulation, "ABBA ABBA", 0.05) == "AABBBAA" * 2
        assert self.steps(simulation, "ABBA BAAB", 0.05) == "AABBBAA" + "BBAAABB"

    def test_a_segment_takes_20_ms(self, simulation):
        # 4 steps of 5 ms count, and 5 before them, 25 ms, do not
        assert self.steps(simulation, "AB", 0.005) == "A" * 9 + "B" * 9
