import psutil
import pytest

from sebench.profilers.host import Host
from sebench.profilers.processor import read_cpu

CPU = "sys/devices/system/cpu"
X86 = """processor\t: {cpu}
vendor_id\t: GenuineIntel
model name\t: Example Xeon
microcode\t: 0x2b
cpu MHz\t\t: 2100.5
physical id\t: {package}
core id\t\t: {core}
flags\t\t: fpu sse4_2 avx avx2 fma f16c avx512f avx512_bf16 avx512_vnni amx_tile amx_bf16 hypervisor
"""


def tree(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Host.at(root)


def four_cpus_on_two_cores(**files):
    """CPUs 0,2 share one core, 1,3 the other; one socket."""
    blocks = [X86.format(cpu=cpu, package=0, core=cpu % 2) for cpu in range(4)]
    base = {
        "proc/cpuinfo": "\n".join(blocks),
        "proc/self/status": "Name:\tpython\nCpus_allowed:\tf\nCpus_allowed_list:\t0-3\n",
        f"{CPU}/online": "0-3\n",
    }
    for cpu in range(4):
        base[f"{CPU}/cpu{cpu}/topology/core_cpus_list"] = f"{cpu % 2},{cpu % 2 + 2}\n"
        base[f"{CPU}/cpu{cpu}/topology/physical_package_id"] = "0\n"
    return base | files


def allow(cpus):
    return {"proc/self/status": f"Cpus_allowed_list:\t{cpus}\n"}


def quota(text):
    return {
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/cgroup.controllers": "cpu",
        "sys/fs/cgroup/cpu.max": text,
    }


def test_smt_machine(tmp_path):
    cpu = read_cpu(tree(tmp_path, four_cpus_on_two_cores()))
    assert cpu["model"] == "Example Xeon"
    assert cpu["vendor"] == "GenuineIntel"
    assert cpu["microcode"] == "0x2b"
    assert cpu["isa"] == [
        "amx_bf16",
        "amx_tile",
        "avx",
        "avx2",
        "avx512_bf16",
        "avx512_vnni",
        "avx512f",
        "f16c",
        "fma",
        "sse4_2",
    ]
    assert (cpu["sockets"], cpu["physical_cores"], cpu["logical_cores"], cpu["threads_per_core"]) == (
        1,
        2,
        4,
        2,
    )
    assert (cpu["affinity"], cpu["affinity_count"]) == ([0, 1, 2, 3], 4)
    assert (cpu["usable_cores"], cpu["shared_cores"], cpu["quota_cores"]) == (2, 0, None)
    assert cpu["frequency_hz"] == {"min": None, "max": None, "current": 2_100_500_000}


@pytest.mark.parametrize(
    ("allowed", "usable", "shared"),
    [
        ("0-3", 2, 0),
        ("0-1", 2, 2),  # one CPU of each core: both siblings are somebody else's
        ("0,2", 1, 0),  # one whole core
        ("0-2", 2, 1),
        ("3", 1, 1),
        ("0-127", 2, 0),  # the kernel's mask may name CPUs that are not there
    ],
)
def test_usable_cores_are_physical_cores_inside_the_mask(tmp_path, allowed, usable, shared):
    cpu = read_cpu(tree(tmp_path, four_cpus_on_two_cores(**allow(allowed))))
    assert (cpu["usable_cores"], cpu["shared_cores"]) == (usable, shared)


@pytest.mark.parametrize(
    ("limit", "cores", "usable"),
    [
        ("max 100000", None, 2),
        ("150000 100000", 1.5, 1),  # floor(1.5)
        ("50000 100000", 0.5, 1),  # never below one
        ("800000 100000", 8.0, 2),  # the quota exceeds the cores
    ],
)
def test_quota_caps_the_usable_cores(tmp_path, limit, cores, usable):
    cpu = read_cpu(tree(tmp_path, four_cpus_on_two_cores(**quota(limit))))
    assert (cpu["quota_cores"], cpu["usable_cores"]) == (cores, usable)


def test_topology_from_cpuinfo_where_sys_is_hidden(tmp_path):
    files = {path: text for path, text in four_cpus_on_two_cores().items() if not path.startswith("sys/")}
    cpu = read_cpu(tree(tmp_path, files))
    assert (cpu["sockets"], cpu["physical_cores"], cpu["logical_cores"]) == (1, 2, 4)


def test_sibling_list_under_its_old_name(tmp_path):
    files = {
        path.replace("core_cpus_list", "thread_siblings_list"): text
        for path, text in four_cpus_on_two_cores().items()
    }
    files["proc/cpuinfo"] = "processor : 0\n"
    assert read_cpu(tree(tmp_path, files))["physical_cores"] == 2


def test_an_offline_sibling_belongs_to_no_core(tmp_path):
    cpu = read_cpu(tree(tmp_path, four_cpus_on_two_cores(**{f"{CPU}/online": "0-1"}, **allow("0-1"))))
    assert (cpu["physical_cores"], cpu["threads_per_core"], cpu["shared_cores"]) == (2, 1, 0)


def test_two_sockets(tmp_path):
    files = four_cpus_on_two_cores(
        **{f"{CPU}/cpu{cpu}/topology/physical_package_id": str(cpu % 2) for cpu in range(4)}
    )
    assert read_cpu(tree(tmp_path, files))["sockets"] == 2


def test_arm_has_numbers_instead_of_a_name(tmp_path):
    text = "processor\t: 0\nFeatures\t: fp asimd sve crc32\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"
    cpu = read_cpu(tree(tmp_path, {"proc/cpuinfo": text, **allow("0")}))
    assert (cpu["model"], cpu["vendor"]) == ("implementer 0x41 part 0xd40", "0x41")
    assert cpu["isa"] == ["asimd", "sve"]
    assert (cpu["physical_cores"], cpu["usable_cores"]) == (None, 1)


def test_frequency_scaling(tmp_path):
    scaling = {
        f"{CPU}/cpu{cpu}/cpufreq/{name}": text
        for cpu in range(4)
        for name, text in {
            "scaling_governor": "powersave\n",
            "scaling_driver": "intel_pstate\n",
            "cpuinfo_min_freq": "800000\n",
            "cpuinfo_max_freq": "3900000\n",
            "scaling_cur_freq": "1200000\n",
        }.items()
    }
    scaling[f"{CPU}/intel_pstate/no_turbo"] = "0\n"
    cpu = read_cpu(tree(tmp_path, four_cpus_on_two_cores(**scaling)))
    assert (cpu["governor"], cpu["driver"], cpu["turbo"]) == ("powersave", "intel_pstate", True)
    assert cpu["frequency_hz"] == {"min": 800_000_000, "max": 3_900_000_000, "current": 1_200_000_000}


def test_mixed_governors_of_the_allowed_cpus_are_both_named(tmp_path):
    governors = {f"{CPU}/cpu{cpu}/cpufreq/scaling_governor": name for cpu, name in enumerate("xabx")}
    cpu = read_cpu(tree(tmp_path, four_cpus_on_two_cores(**governors, **allow("1-2"))))
    assert cpu["governor"] == "a,b"


@pytest.mark.parametrize(
    ("path", "text", "turbo"),
    [
        ("intel_pstate/no_turbo", "1", False),
        ("intel_pstate/no_turbo", "0", True),
        ("cpufreq/boost", "1", True),
        ("cpufreq/boost", "0", False),
        ("cpufreq/boost", "?", None),
    ],
)
def test_turbo(tmp_path, path, text, turbo):
    assert read_cpu(tree(tmp_path, {f"{CPU}/{path}": text}))["turbo"] is turbo


def test_caches_and_numa_nodes(tmp_path):
    cache = f"{CPU}/cpu0/cache"
    files = {
        f"{cache}/index0/level": "1",
        f"{cache}/index0/type": "Data",
        f"{cache}/index0/size": "48K",
        f"{cache}/index0/shared_cpu_list": "0,2",
        f"{cache}/index1/level": "3",
        f"{cache}/index1/type": "Unified",
        f"{cache}/index1/size": "huge",
        "sys/devices/system/node/online": "0-1",
    }
    cpu = read_cpu(tree(tmp_path, files))
    assert cpu["caches"] == [
        {"level": 1, "type": "Data", "size_bytes": 49152, "shared_cpus": 2},  # 48 * 1024
        {"level": 3, "type": "Unified", "size_bytes": None, "shared_cpus": None},
    ]
    assert cpu["numa_nodes"] == 2


def test_nothing_readable_is_none_and_never_zero(tmp_path):
    cpu = read_cpu(Host.at(tmp_path))
    assert cpu.pop("frequency_hz") == {"min": None, "max": None, "current": None}
    assert set(cpu.values()) == {None}


def test_system_calls_answer_where_there_is_no_proc(tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 8 if logical else 4)
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {5, 1, 3}, raising=False)
    cpu = read_cpu(Host(tmp_path, live=True))
    assert (cpu["logical_cores"], cpu["physical_cores"], cpu["threads_per_core"]) == (8, 4, 2)
    assert (cpu["affinity"], cpu["usable_cores"]) == ([1, 3, 5], 3)


def test_without_affinity_masks_the_physical_cores_are_usable(tmp_path, monkeypatch):
    class Process:
        """As psutil's on macOS: no cpu_affinity."""

    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 8 if logical else 4)
    monkeypatch.setattr(psutil, "Process", Process)
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    cpu = read_cpu(Host(tmp_path, live=True))
    assert (cpu["affinity"], cpu["usable_cores"], cpu["shared_cores"]) == (None, 4, None)
