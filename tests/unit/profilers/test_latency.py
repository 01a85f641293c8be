"""The sampler on a synthetic clock: order, counts and times are exact (method.md, T3 and T9)."""

import math
from random import Random

import pytest

from sebench import statistics
from sebench.profilers import latency
from sebench.profilers.probes import read_probe
from sebench.schema import TimingPolicy
from tests.fakes import FakeDevice

POLICY = TimingPolicy(segment_s=0.1, min_steps=2, discard_steps=1, warmup_steps=3, warmup_busy_s=1.0)
STILL = read_probe()


def block(device, a, b, order="ABBA", steps=2, discarded=1):
    sides = {"baseline": device.step("A", a), "candidate": device.step("B", b)}
    return latency.measure_block(
        sides,
        order,
        steps,
        discard_steps=discarded,
        device=device,
        threads=1,
        rng=Random(1),
        probe=lambda: STILL,
    )


def log_ratio(measured):
    return statistics.block_log_ratio(measured.order, [sum(s.steps_s) for s in measured.segments])


def test_a_block_runs_discarded_and_timed_steps_in_its_order():
    device = FakeDevice()
    measured = block(device, 0.05, 0.06)
    # after each change of side a barrier and 1 discarded step; per segment a barrier and 2 timed steps
    assert "".join(c for c in device.log if c != "sync") == "AAA" + "BBB" + "BB" + "AAA"
    assert device.log.count("sync") == 3 + 4
    assert [segment.side for segment in measured.segments] == [
        "baseline",
        "candidate",
        "candidate",
        "baseline",
    ]
    assert all(len(segment.steps_s) == 2 for segment in measured.segments)
    assert measured.invalid == ()


def test_without_discarded_steps_every_step_is_timed():
    device = FakeDevice()
    measured = block(device, 0.05, 0.06, steps=1, discarded=0)
    assert device.log == ["sync", "A", "sync", "B", "sync", "B", "sync", "A"]
    assert sum(len(segment.steps_s) for segment in measured.segments) == 4


@pytest.mark.parametrize("order", ["ABBA", "BAAB"])
def test_constant_costs_give_the_exact_ratio(order):
    measured = block(FakeDevice(), 0.050, 0.051, order)
    assert math.exp(log_ratio(measured)) == pytest.approx(0.051 / 0.050, rel=1e-12)


def test_the_first_step_after_a_switch_may_be_slow_without_harm():
    device = FakeDevice()
    last = {"letter": ""}

    def costing(letter, base_s):
        step = device.step(letter, lambda now: base_s * (1.5 if last["letter"] != letter else 1.0))

        def run():
            step()
            last["letter"] = letter

        return run

    sides = {"baseline": costing("A", 0.05), "candidate": costing("B", 0.06)}
    arguments = {"device": device, "threads": 1, "rng": Random(1), "probe": lambda: STILL}
    measured = latency.measure_block(sides, "ABBA", 2, discard_steps=1, **arguments)
    assert math.exp(log_ratio(measured)) == pytest.approx(1.2, rel=1e-12)


def test_common_exponential_drift_cancels():
    # every step costs base * exp(0.01 * now), for both sides alike
    measured = block(
        FakeDevice(), lambda now: 0.05 * math.exp(0.01 * now), lambda now: 0.06 * math.exp(0.01 * now)
    )
    assert math.exp(log_ratio(measured)) == pytest.approx(1.2, rel=2e-4)


def test_warm_up_alternates_until_steps_and_time_are_enough():
    device = FakeDevice()
    warmth = latency.warm_up(
        {"baseline": device.step("A", 0.05), "candidate": device.step("B", 0.06)}, device, POLICY
    )
    letters = "".join(c for c in device.log if c != "sync")
    # 0.22 s a round: 1.0 s are reached in the fifth
    assert letters == "AABB" * 5
    assert warmth.step_s == {"baseline": pytest.approx(0.05), "candidate": pytest.approx(0.06)}


def test_warm_up_tells_how_much_longer_the_first_step_after_a_change_of_side_takes():
    device, ran = FakeDevice(), []

    def cost(side, slow):
        return lambda now: 0.05 * (slow if ran[-2] != side else 1.0)

    def step(side, slow):
        run = device.step(side, cost(side, slow))

        def remembered():
            ran.append(side)
            run()

        return remembered

    ran.append("")
    warmth = latency.warm_up({"baseline": step("A", 1.1), "candidate": step("B", 1.2)}, device, POLICY)
    # 0.05 x (1.1 + 1 + 1.2 + 1) = 0.215 s a round, five rounds; the first is left out
    assert warmth.after_change["baseline"] == pytest.approx([math.log(1.1)] * 4)
    assert warmth.after_change["candidate"] == pytest.approx([math.log(1.2)] * 4)


def test_every_step_of_the_warm_up_is_a_sign_of_life():
    device, heard = FakeDevice(), []
    steps = {"baseline": device.step("A", 0.01), "candidate": device.step("B", 0.03)}
    latency.warm_up(steps, device, POLICY, alive=lambda: heard.append(device.now_s))
    assert len(heard) == device.log.count("A") + device.log.count("B")


def test_warm_up_goes_on_while_steps_get_faster_but_not_for_ever():
    device = FakeDevice()
    cost = lambda now: 0.05 * (1 + math.exp(-now / 1.0))  # noqa: E731
    latency.warm_up({"baseline": device.step("A", cost), "candidate": device.step("B", cost)}, device, POLICY)
    assert 1.0 < device.now_s <= 2.4
    device = FakeDevice()
    growing = lambda now: 0.05 + now  # noqa: E731
    latency.warm_up(
        {"baseline": device.step("A", growing), "candidate": device.step("B", growing)}, device, POLICY
    )
    assert device.now_s > 2.0  # twice the minimum ends it


@pytest.mark.parametrize(("fast_s", "steps"), [(0.05, 2), (0.051, 2), (0.049, 3), (0.008, 13), (3.0, 2)])
def test_both_sides_run_as_many_steps_as_the_faster_needs(fast_s, steps):
    # ceil(0.1 / fast), at least 2: 0.1 / 0.008 = 12.5
    assert latency.steps_per_segment({"baseline": fast_s, "candidate": fast_s * 1.2}, POLICY) == steps


@pytest.mark.parametrize(("discarded", "steps"), [(0, 4), (1, 5.5)])
def test_block_duration_counts_discarded_steps(discarded, steps):
    # 2 segments of 2 steps a side; 3 changes of side, 1.5 a side; a pause of 2.5 ms on
    # average; 3 ms for the canary and the rest
    expected = steps * 0.11 + 0.0025 + 0.003
    step_s = {"baseline": 0.05, "candidate": 0.06}
    assert latency.block_seconds(step_s, 2, discarded) == pytest.approx(expected)


def test_orders_are_a_fair_seeded_coin():
    drawn = latency.draw_orders(1000, Random(7))
    assert drawn == latency.draw_orders(1000, Random(7))
    # binomial(1000, 1/2): 6 standard deviations are 95
    assert abs(drawn.count("ABBA") - 500) < 95
