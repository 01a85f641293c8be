"""Windows, blocks and idle power on a device whose seconds and joules are set."""

from random import Random

import pytest

from sebench.errors import DeviceError
from sebench.profilers.device import Zone, joules_between
from sebench.profilers.energy import (
    energy_block_seconds,
    idle_power_w,
    measure_energy_block,
    require_alone,
)
from tests.fakes import FakeCounter, FakeDevice

RANGE = 10**9


def steps_of(device):
    """1 s and 50 J against 1.25 s and 100 J."""
    return {"baseline": device.step("A", 1.0, 50.0), "candidate": device.step("B", 1.25, 100.0)}


def block(device, counter=None, order="ABBA", step_s=None):
    return measure_energy_block(
        steps_of(device),
        step_s or {"baseline": 1.0, "candidate": 1.25},
        order,
        device=device,
        counter=counter or FakeCounter(device),
        rng=Random(1),
    )


@pytest.mark.parametrize(
    ("before", "after", "joules"),
    [
        ((0, 0), (5_000_000, 0), 5.0),
        ((1, 7), (1, 7), 0.0),
        # from 999,999,000 to the range of 1,000,000,000 and on to 2,999,000: 3,000,000 counts
        ((999_999_000, 5), (2_999_000, 6), 3.0 + 1e-3),
    ],
)
def test_energy_between_two_readings(before, after, joules):
    zones = (
        Zone(name="package-0", joules_per_count=1e-6, range_counts=RANGE),
        Zone(name="board", joules_per_count=1e-3),
    )
    assert joules_between(zones, before, after) == pytest.approx(joules, abs=1e-12)


def test_a_register_that_never_wraps_cannot_run_backwards():
    with pytest.raises(DeviceError, match="the energy counter of board ran backwards"):
        joules_between((Zone(name="board", joules_per_count=1e-3),), (2,), (1,))


def test_a_window_is_at_least_five_seconds_of_one_side():
    found = block(FakeDevice())
    assert found.order == "ABBA"
    assert [window.side for window in found.windows] == ["baseline", "candidate", "candidate", "baseline"]
    # 5 s / 1 s = 5 steps of 50 J; 5 s / 1.25 s = 4 steps of 100 J
    first, second = found.windows[:2]
    assert (first.steps, first.duration_s, first.energy_joules) == (5, pytest.approx(5.0), pytest.approx(250))
    assert (second.steps, second.duration_s) == (4, pytest.approx(5.0))
    assert second.energy_joules == pytest.approx(400)


def test_each_window_follows_steps_of_its_own_side_and_a_random_pause():
    device = FakeDevice()
    block(device, order="BAAB")
    # one step of lead-in (0.3 s are less than one), a barrier in front of both runs
    assert [entry for entry in device.log if entry != "sync"] == [*"BBBBB", *"AAAAAA", *"AAAAAA", *"BBBBB"]
    pauses_s = device.now_s - (2 * 6 * 1.0 + 2 * 5 * 1.25)
    assert 0 < pauses_s < 4 * 0.1


def test_a_step_that_got_faster_is_repeated_until_the_window_is_full():
    found = block(FakeDevice(), step_s={"baseline": 2.0, "candidate": 2.5})
    # planned 3 of 2 s, took 3 s; 2 s are left: 1 more, and 1 more after 4 s
    assert [window.steps for window in found.windows] == [5, 4, 4, 5]
    assert min(window.duration_s for window in found.windows) >= 5.0


def test_a_wrap_within_a_window_is_invisible():
    device = FakeDevice()
    device.energy_joules = 900.0
    found = block(device, FakeCounter(device, range_counts=RANGE))  # 1000 J: wraps once, in the first window
    assert [round(window.energy_joules) for window in found.windows] == [250, 400, 400, 250]


def test_idle_power():
    device = FakeDevice()
    device.idle_w = 35.5
    assert idle_power_w(device, FakeCounter(device)) == pytest.approx(35.5)
    assert device.now_s == 5.0


def test_a_counter_that_does_not_move_is_an_error_and_no_zero():
    device = FakeDevice()
    counter = FakeCounter(device)
    counter.read = lambda: (7,)
    with pytest.raises(DeviceError, match=r"the energy counter did not move in 5\.0 s"):
        block(device, counter)


@pytest.mark.parametrize(("others", "text"), [(1, "1 other process on cpu"), (3, "3 other processes on cpu")])
def test_others_on_the_device_make_it_unavailable(others, text):
    device = FakeDevice()
    device.others = others
    with pytest.raises(DeviceError, match=f"shared: {text}, and the counter is the whole board's; measure"):
        block(device)
    device.others = 0
    require_alone(device)


def test_others_that_come_during_a_block_are_noticed():
    device = FakeDevice()
    device.others = 0
    real = device.pause

    def pause(duration_s):
        device.others = 1
        real(duration_s)

    device.pause = pause
    with pytest.raises(DeviceError, match="shared"):
        block(device)


def test_what_a_block_is_expected_to_take():
    # Windows of 5 s after 0.3 s of steps and at most 0.1 s of waiting: 2 (5 + 0.3) + 2 (6 + 3) + 4 x 0.1
    assert energy_block_seconds({"baseline": 0.1, "candidate": 3.0}) == pytest.approx(29.0)
