import dataclasses
import itertools

import pytest

from sebench.profilers.machine import CpuTicks
from sebench.profilers.probes import (
    CANARY_ITERATIONS,
    Probe,
    canary,
    cpu_of_others,
    integer_work,
    interference,
    read_probe,
)

BEFORE = Probe(
    monotonic_s=100.0,
    boottime_s=150.0,
    process_cpu_s=10.0,
    cpus=(0, 1),
    ticks=CpuTicks(busy=1000, steal=50),
    machine=CpuTicks(busy=5000, steal=400),
    throttled_periods=3,
)


def later(**changes):
    """A probe after a quiet block of one second with two busy threads."""
    quiet = {
        "monotonic_s": 101.0,
        "boottime_s": 151.0,
        "process_cpu_s": 11.9,
        "ticks": CpuTicks(busy=1190, steal=50),
        "machine": CpuTicks(busy=5190, steal=400),
    }
    return dataclasses.replace(BEFORE, **(quiet | changes))


def between(before=BEFORE, *, wall_s=1.0, threads=2, **changes):
    return interference(before, later(**changes), wall_s=wall_s, threads=threads)


def test_a_quiet_block():
    quiet = between()
    assert quiet.invalid == ()
    assert quiet.steal_ratio == 0.0
    assert quiet.throttled_periods == 0
    assert quiet.cpu_ratio == pytest.approx(0.95)  # 1.9 s of CPU time / (2 threads * 1 s)


@pytest.mark.parametrize(
    ("busy", "steal", "ratio", "invalid"),
    [
        (190, 10, 0.05, ()),  # the limit itself is still fine
        (189, 11, 0.055, ("steal",)),
        (4, 1, 0.2, ()),  # one tick is the resolution of the counter
        (8, 2, 0.2, ("steal",)),
    ],
)
def test_steal(busy, steal, ratio, invalid):
    block = between(ticks=CpuTicks(busy=1000 + busy, steal=50 + steal))
    assert block.steal_ratio == pytest.approx(ratio)
    assert block.invalid == invalid


def test_steal_on_other_cpus_does_not_count():
    assert between(machine=CpuTicks(busy=5190, steal=900)).invalid == ()


@pytest.mark.parametrize("changes", [{"cpus": (0,)}, {"ticks": None}])
def test_without_a_steady_mask_all_cpus_count(changes):
    block = between(machine=CpuTicks(busy=5090, steal=410), **changes)
    assert block.steal_ratio == pytest.approx(0.1)  # 10 / (90 + 10)
    assert block.invalid == ("steal",)


@pytest.mark.parametrize(
    "changes",
    [
        {"ticks": None, "machine": None},
        {"ticks": CpuTicks(busy=1190, steal=40)},  # steal ran backwards
        {"ticks": CpuTicks(busy=900, steal=60)},
        {"ticks": CpuTicks(busy=1000, steal=50)},  # nothing ran at all
    ],
)
def test_unusable_steal_counters_are_unknown(changes):
    block = between(**changes)
    assert block.steal_ratio is None
    assert block.invalid == ()


def test_any_throttled_period_drops_the_block():
    block = between(throttled_periods=4)
    assert (block.throttled_periods, block.invalid) == (1, ("throttled",))


@pytest.mark.parametrize("count", [None, 2])
def test_unknown_or_reset_throttle_counters_are_unknown(count):
    block = between(throttled_periods=count)
    assert (block.throttled_periods, block.invalid) == (None, ())


@pytest.mark.parametrize(
    ("changes", "invalid"),
    [
        ({"boottime_s": 151.05}, ()),  # the two clocks are not read at the same instant
        ({"boottime_s": 156.0}, ("clock-jump",)),  # suspended for 5 s
        ({"boottime_s": 150.5}, ("clock-jump",)),
        ({"monotonic_s": 99.0, "boottime_s": 149.0}, ("clock-jump",)),
        ({"monotonic_s": 99.0, "boottime_s": None}, ("clock-jump",)),
        ({"boottime_s": None}, ()),
    ],
)
def test_clock_jumps(changes, invalid):
    assert between(**changes).invalid == invalid


def test_reasons_add_up_in_a_fixed_order():
    block = between(throttled_periods=9, boottime_s=200.0, ticks=CpuTicks(busy=1100, steal=150))
    assert block.invalid == ("steal", "throttled", "clock-jump")


@pytest.mark.parametrize(("wall_s", "threads"), [(0.0, 2), (1.0, 0), (-1.0, 2)])
def test_cpu_ratio_needs_time_and_threads(wall_s, threads):
    assert between(wall_s=wall_s, threads=threads).cpu_ratio is None


def test_slowness_is_no_reason():
    assert between(process_cpu_s=10.001, wall_s=1000.0).invalid == ()


def test_probe_of_a_tree(tmp_path):
    files = {
        "proc/self/status": "Cpus_allowed_list:\t1\n",
        "proc/stat": "cpu  9 0 0 9 0 0 0 4\ncpu0 4 0 0 9 0 0 0 3\ncpu1 5 0 0 0 0 0 0 1\n",
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/cgroup.controllers": "cpu",
        "sys/fs/cgroup/cpu.stat": "nr_throttled 2\nthrottled_usec 500000\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    probe = read_probe(tmp_path)
    assert probe.cpus == (1,)
    assert probe.ticks == CpuTicks(busy=5, steal=1)
    assert probe.machine == CpuTicks(busy=9, steal=4)
    assert probe.throttled_periods == 2


def test_probe_without_proc(tmp_path):
    probe = read_probe(tmp_path)
    assert (probe.cpus, probe.ticks, probe.machine, probe.throttled_periods) == (None, None, None, None)
    assert probe.process_cpu_s > 0


def test_probes_without_posix(tmp_path, monkeypatch):
    monkeypatch.setattr("sebench.profilers.probes.sys.platform", "win32")
    probe = read_probe(tmp_path)
    assert probe.boottime_s is None


def test_two_probes_of_this_machine():
    before, after = read_probe(), read_probe()
    assert after.monotonic_s >= before.monotonic_s
    assert after.process_cpu_s >= before.process_cpu_s
    assert interference(before, after, wall_s=1.0, threads=1).cpu_ratio >= 0


def test_canary_reads_the_clock_around_the_work():
    clock = itertools.count(start=5.0, step=0.25).__next__
    assert canary(clock=clock, iterations=1) == 0.25


def test_canary_work_is_fixed():
    # x1 = 1664525 + 1013904223; x2 = (x1 * 1664525 + 1013904223) mod 2^32
    assert integer_work(0) == 1
    assert integer_work(1) == 1_015_568_748
    assert integer_work(2) == 1_586_005_467
    assert CANARY_ITERATIONS == 12_500


def test_cpu_time_of_others():
    assert cpu_of_others(BEFORE, later()) == 0.0  # 190 ticks of 10 ms are this process's 1.9 s
    # 285 ticks are 2.85 s, 0.95 s of them not its own: half of 1.9 s
    busier = later(machine=CpuTicks(busy=5285, steal=400))
    assert cpu_of_others(BEFORE, busier) == pytest.approx(0.5)
    assert cpu_of_others(BEFORE, later(machine=None)) is None
    assert cpu_of_others(BEFORE, BEFORE) is None
