import platform
from types import SimpleNamespace

import psutil
import pytest

from sebench.profilers.host import Host
from sebench.profilers.machine import (
    CpuTicks,
    allowed_ticks,
    machine_ticks,
    read_cpu_ticks,
    read_load,
    read_memory,
    read_platform,
)

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


DMI = "sys/class/dmi/id"


def tree(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Host.at(root)


def cpuinfo(flags):
    return {"proc/cpuinfo": f"processor : 0\nflags : {flags}\n"}


def test_memory(tmp_path):
    text = "MemTotal: 1000 kB\nMemAvailable: 400 kB\nSwapTotal: 50 kB\nSwapFree: 20 kB\n"
    assert read_memory(tree(tmp_path, {"proc/meminfo": text})) == {
        "total_bytes": 1_024_000,
        "available_bytes": 409_600,
        "swap_used_bytes": 30_720,  # (50 - 20) * 1024
        "limit_bytes": None,
    }


def test_memory_is_unknown_without_proc(tmp_path):
    assert set(read_memory(Host.at(tmp_path)).values()) == {None}


def test_memory_by_system_call(tmp_path, monkeypatch):
    def refuse():
        raise RuntimeError("no swap statistics here")

    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=8, available=3))
    monkeypatch.setattr(psutil, "swap_memory", refuse)
    memory = read_memory(Host(tmp_path, live=True))
    assert memory == {"total_bytes": 8, "available_bytes": 3, "swap_used_bytes": None, "limit_bytes": None}


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (cpuinfo("fpu avx"), "none"),
        (cpuinfo("fpu hypervisor"), "hypervisor"),
        ({**cpuinfo("hypervisor"), f"{DMI}/sys_vendor": "QEMU"}, "qemu"),
        ({**cpuinfo("hypervisor"), f"{DMI}/product_name": "KVM Virtual Machine"}, "kvm"),
        ({**cpuinfo("hypervisor"), f"{DMI}/sys_vendor": "Amazon EC2"}, "amazon ec2"),
        ({**cpuinfo("fpu"), f"{DMI}/sys_vendor": "Amazon EC2"}, "none"),
        (
            {
                **cpuinfo("hypervisor"),
                f"{DMI}/sys_vendor": "Microsoft Corporation",
                f"{DMI}/product_name": "Virtual Machine",
            },
            "hyper-v",
        ),
        ({"sys/hypervisor/type": "xen"}, "xen"),
        ({"proc/sys/kernel/osrelease": "6.6.1-microsoft-standard-WSL2"}, "wsl"),
        ({}, None),
    ],
)
def test_virtualization(tmp_path, files, kind):
    assert read_platform(tree(tmp_path, files), {})["virtualization"] == kind


@pytest.mark.parametrize(
    ("files", "environ", "kind"),
    [
        ({".dockerenv": ""}, {}, "docker"),
        ({"run/.containerenv": ""}, {}, "podman"),
        ({".dockerenv": ""}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({"proc/1/cgroup": "0::/kubepods/pod1"}, {}, "kubernetes"),
        ({"proc/1/cgroup": "1:cpu:/docker/abc"}, {}, "docker"),
        ({"proc/1/cgroup": "0::/machine/libpod-1"}, {}, "podman"),
        ({}, {"container": "lxc"}, "lxc"),
        ({}, {"container": "private-name"}, "other"),
        ({"proc/1/cgroup": "0::/init.scope"}, {}, "none"),
        ({}, {}, None),
    ],
)
def test_container(tmp_path, files, environ, kind):
    assert read_platform(tree(tmp_path, files), environ)["container"] == kind


@pytest.mark.parametrize(("text", "aslr"), [("0", False), ("1", True), ("2", True)])
def test_address_randomisation(tmp_path, text, aslr):
    host = tree(tmp_path, {"proc/sys/kernel/randomize_va_space": text})
    assert read_platform(host, {})["aslr"] is aslr


def test_the_host_name_is_hashed(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "secret-host")
    facts = read_platform(Host.at(tmp_path), {})
    # printf secret-host | sha256sum
    assert facts["hostname_hash"] == "5de42956b992"
    assert "secret-host" not in str(facts)
    assert facts["aslr"] is None


def test_an_empty_host_name_has_no_hash(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "")
    assert read_platform(Host.at(tmp_path), {})["hostname_hash"] is None


def test_load(tmp_path):
    host = tree(
        tmp_path,
        {
            "proc/loadavg": "1.50 0.75 0.25 3/120 4711\n",
            "proc/stat": "cpu  600 100 150 9000 50 20 30 100 0 0\n",
            "proc/pressure/cpu": "some avg10=12.50 avg60=1 avg300=1 total=5\nfull avg10=0.00 total=0\n",
            "proc/pressure/memory": "some avg10=0.00 avg60=0 avg300=0 total=0\n",
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu",
            "sys/fs/cgroup/cpu.stat": "nr_periods 40\nnr_throttled 4\nthrottled_usec 9\n",
        },
    )
    assert read_load(host) == {
        "load1": 1.5,
        "load5": 0.75,
        "load15": 0.25,
        "runnable": 3,
        # busy = user 600 + nice 100 + system 150 + irq 20 + softirq 30 = 900; 100 / (900 + 100)
        "steal_ratio": 0.1,
        "steal_window": "since boot",
        "psi_cpu_some_avg10": 12.5,
        "psi_memory_some_avg10": 0.0,
        "nr_periods": 40,
        "nr_throttled": 4,
    }


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"proc/loadavg": "x y z", "proc/stat": "cpu 1 2", "proc/pressure/cpu": "some avg10=?"},
        {"proc/loadavg": "0.1", "proc/stat": "intr 5", "proc/pressure/cpu": "some avg10="},
    ],
)
def test_load_is_unknown_where_unreadable(tmp_path, files):
    assert set(read_load(tree(tmp_path, files)).values()) == {None}


def test_load_by_system_call(tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "getloadavg", lambda: (3.0, 2.0, 1.0))
    load = read_load(Host(tmp_path, live=True))
    assert (load["load1"], load["load5"], load["load15"], load["runnable"]) == (3.0, 2.0, 1.0, None)
