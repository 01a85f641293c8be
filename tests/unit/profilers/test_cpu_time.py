import pytest

from sebench.profilers.cpu_time import CpuTicks, allowed_ticks, machine_ticks, read_cpu_ticks
from sebench.profilers.host import Host

STAT = """cpu  30 4 6 1000 9 2 1 7 3 0
cpu0 10 4 2 500 9 2 1 5 3 0
cpu1 20 0 4 500 0 0 0 2 0 0
intr 12345 1 2 3
cpu2 1 1 1 1 1 1 1 1 1 1
"""


@pytest.fixture
def table(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/stat").write_text(STAT)
    return read_cpu_ticks(Host.at(tmp_path))


def test_busy_is_neither_idle_nor_waiting_nor_counted_twice(table):
    # user 10 + nice 4 + system 2 + irq 2 + softirq 1; idle 500, iowait 9 and guest 3 (within user) stay out
    assert table["cpu0"] == CpuTicks(busy=19, steal=5)
    assert machine_ticks(table) == CpuTicks(busy=43, steal=7)
    assert set(table) == {"cpu", "cpu0", "cpu1"}


def test_allowed_cpus_are_summed(table):
    assert allowed_ticks(table, (1,)) == CpuTicks(busy=24, steal=2)
    assert allowed_ticks(table, (0, 1)) == CpuTicks(busy=43, steal=7)


def test_cpus_that_are_not_online_add_nothing(table):
    assert allowed_ticks(table, range(128)) == CpuTicks(busy=43, steal=7)
    assert allowed_ticks(table, (9,)) is None


def test_an_unknown_mask_is_unknown(table):
    assert allowed_ticks(table, None) is None
    assert allowed_ticks(table, ()) is None


def test_steal_ratio_is_of_the_wanted_time():
    assert CpuTicks(busy=75, steal=25).steal_ratio == 0.25
    assert CpuTicks(busy=0, steal=0).steal_ratio is None


@pytest.mark.parametrize("text", ["", "cpu 1 2 3\n", "cpu a b c d e f g h i j\n"])
def test_kernels_without_steal_and_damage(tmp_path, text):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/stat").write_text(text)
    assert read_cpu_ticks(Host.at(tmp_path)) == {}


def test_no_proc(tmp_path):
    assert machine_ticks(read_cpu_ticks(Host.at(tmp_path))) is None
