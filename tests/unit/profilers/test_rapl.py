"""RAPL read from trees that stand for ``/``."""

import re

import pytest

from sebench.errors import DeviceError
from sebench.profilers.device import joules_between
from sebench.profilers.host import Host
from sebench.profilers.processor import read_cpu
from sebench.profilers.rapl import POWERCAP, open_rapl


def machine(root, **zones):
    """Zones by folder: (name, energy_uj, max_energy_range_uj)."""
    for folder, (name, energy, limit) in zones.items():
        path = root / POWERCAP / folder.replace("_", "-", 1).replace("_", ":")
        path.mkdir(parents=True)
        for file, value in (("name", name), ("energy_uj", energy), ("max_energy_range_uj", limit)):
            (path / file).write_text(f"{value}\n")
    return Host.at(root)


INTEL = {
    "intel_rapl": ("", "", ""),  # the control type itself is no zone
    "intel_rapl_0": ("package-0", 1_000_000, 262_143_328_850),
    "intel_rapl_0_0": ("core", 600_000, 262_143_328_850),
    "intel_rapl_0_1": ("uncore", 100_000, 262_143_328_850),
    "intel_rapl_0_2": ("dram", 300_000, 65_712_999_613),
    "intel_rapl_1": ("package-1", 2_000_000, 262_143_328_850),
    "intel_rapl_2": ("psys", 9_000_000, 262_143_328_850),
    "intel_rapl-mmio_0": ("package-0", 1_000_000, 262_143_328_850),
}


def test_packages_and_memory_are_read_and_nothing_twice(tmp_path):
    host = machine(tmp_path, **INTEL)
    counter = open_rapl(host)
    assert [zone.name for zone in counter.zones] == ["package-0", "dram", "package-1"]
    assert counter.read() == (1_000_000, 300_000, 2_000_000)
    assert [zone.range_counts for zone in counter.zones] == [262_143_328_850, 65_712_999_613, 262_143_328_850]
    assert read_cpu(host)["energy_counter"] == "rapl: package-0, dram, package-1"


def test_amd_has_packages_alone(tmp_path):
    host = machine(
        tmp_path, intel_rapl_0=("package-0", 5, 65_532_610_987), intel_rapl_0_0=("core", 4, 65_532_610_987)
    )
    assert [zone.name for zone in open_rapl(host).zones] == ["package-0"]


def test_energy_over_a_wrap(tmp_path):
    counter = open_rapl(machine(tmp_path, intel_rapl_0=("package-0", 65_000_000_000, 65_532_610_987)))
    before = counter.read()
    (tmp_path / POWERCAP / "intel-rapl:0" / "energy_uj").write_text("467389013")
    # 65,532,610,987 - 65,000,000,000 + 467,389,013 = 1,000,000,000 uJ
    assert joules_between(counter.zones, before, counter.read()) == pytest.approx(1000.0, abs=1e-9)


def test_a_counter_that_may_not_be_read_names_file_and_reason(tmp_path):
    host = machine(tmp_path, intel_rapl_0=("package-0", 5, 9))
    file = tmp_path / POWERCAP / "intel-rapl:0" / "energy_uj"
    file.unlink()
    file.mkdir()  # root may read every file, a directory nobody can
    with pytest.raises(DeviceError) as caught:
        open_rapl(host)
    assert str(caught.value) == (
        "the CPU's energy counter cannot be read: "
        "/sys/class/powercap/intel-rapl:0/energy_uj: Is a directory; "
        "let this user read it (as root: chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj), "
        "or measure without --energy"
    )
    assert read_cpu(host)["energy_counter"] is None


def test_a_counter_that_disappears_or_talks_nonsense_is_an_error(tmp_path):
    counter = open_rapl(machine(tmp_path, intel_rapl_0=("package-0", 5, 9)))
    file = tmp_path / POWERCAP / "intel-rapl:0" / "energy_uj"
    file.write_text("many")
    with pytest.raises(DeviceError, match="intel-rapl:0/energy_uj cannot be read: not a number"):
        counter.read()
    file.unlink()
    with pytest.raises(DeviceError, match="No such file or directory; measure without --energy"):
        counter.read()


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "there is no RAPL under /sys/class/powercap"),
        (
            {"proc/cpuinfo": "processor : 0\nflags : hypervisor\n", "sys/class/dmi/id/sys_vendor": "QEMU"},
            "there is no RAPL under /sys/class/powercap, as in most virtual machines (this is one: qemu)",
        ),
        (
            {"proc/cpuinfo": "processor : 0\nflags : fpu\n", ".dockerenv": ""},
            "there is no RAPL under /sys/class/powercap, which containers hide (this is one: docker)",
        ),
    ],
)
def test_a_machine_without_counters_says_why(tmp_path, files, reason):
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    with pytest.raises(DeviceError, match=re.escape(f"no energy counter of the CPU: {reason}; measure")):
        open_rapl(Host.at(tmp_path))
