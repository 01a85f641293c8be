import re
from pathlib import Path

import msgspec
import pytest

from sebench.profilers.findings import CODES, findings_for
from sebench.schema import Environment

GIB = 2**30
QUIET = {
    "cpu": {
        "quota_cores": 4.0,
        "usable_cores": 4,
        "allowed_physical_cores": 4,
        "shared_cores": 0,
        "logical_cores": 8,
        "numa_nodes": 1,
        "governor": "performance",
        "turbo": False,
    },
    "memory": {
        "total_bytes": 16 * GIB,
        "available_bytes": 12 * GIB,
        "limit_bytes": None,
        "swap_used_bytes": 0,
    },
    "platform": {"virtualization": "none", "container": "none", "aslr": True},
    "load": {
        "load1": 0.5,
        "steal_ratio": 0.0,
        "steal_window": "since boot",
        "psi_cpu_some_avg10": 0.0,
        "psi_memory_some_avg10": 0.0,
        "nr_periods": 1000,
        "nr_throttled": 0,
    },
    "variables": {},
}


def machine(**sections):
    merged = {name: facts | sections.get(name, {}) for name, facts in QUIET.items()}
    return Environment(versions=sections.get("versions", {}), **merged)


def codes(environment, threads=None):
    return [finding.code for finding in findings_for(environment, threads=threads)]


CASES = [
    ({"platform": {"aslr": False}}, None, "aslr-off", "share one memory layout"),
    ({"platform": {"container": "docker"}}, None, "container", "docker"),
    ({"cpu": {"quota_cores": 1.5}}, None, "cpu-quota-fractional", "1.50 cores"),
    ({"load": {"nr_throttled": 11}}, None, "cpu-throttled", "11 of 1000 periods"),
    ({"variables": {"CUDA_LAUNCH_BLOCKING": "1"}}, None, "debug-variables-set", "CUDA_LAUNCH_BLOCKING=1"),
    ({"cpu": {"usable_cores": 1}}, None, "few-cores", "1 core"),
    ({"versions": {"sebench of another project": "0.4.0"}}, None, "foreign-distribution", "'sebench' 0.4.0"),
    ({"cpu": {"governor": "powersave"}}, None, "governor-not-performance", "powersave"),
    ({"cpu": {"governor": "performance,powersave"}}, None, "governor-not-performance", "powersave"),
    ({"variables": {"ATEN_CPU_CAPABILITY": "avx2"}}, None, "isa-capped", "ATEN_CPU_CAPABILITY=avx2"),
    ({"variables": {"LD_PRELOAD": "libjemalloc.so"}}, None, "ld-preload", "libjemalloc.so"),
    ({"load": {"load1": 4.01}}, None, "load-high", "4.01 on 8 CPUs"),
    ({"memory": {"available_bytes": GIB}}, None, "low-memory", "1.00 GiB of 16.0 GiB"),
    ({"memory": {"limit_bytes": GIB // 2}}, None, "low-memory", "512 MiB of 512 MiB"),
    ({"cpu": {"numa_nodes": 2}}, None, "numa-nodes", "2 NUMA nodes"),
    ({"variables": {"OMP_NUM_THREADS": "3"}}, None, "omp-threads-set", "OMP_NUM_THREADS=3"),
    ({"load": {"psi_cpu_some_avg10": 10.1}}, None, "psi-cpu-pressure", "10.1 %"),
    ({"load": {"psi_memory_some_avg10": 1.5}}, None, "psi-memory-pressure", "1.5 %"),
    ({"cpu": {"shared_cores": 2}}, None, "smt-siblings-shared", "2 of the 4 usable cores"),
    ({"load": {"steal_ratio": 0.031}}, None, "steal-high", "3.1% of requested CPU time since boot"),
    ({"memory": {"swap_used_bytes": GIB}}, None, "swap-in-use", "1.00 GiB"),
    ({"cpu": {"quota_cores": None}}, 5, "threads-over-cores", "5 threads share 4"),
    ({"cpu": {"quota_cores": 2.0}}, 3, "threads-over-quota", "3 threads on a quota of 2 cores"),
    ({"cpu": {"turbo": True}}, None, "turbo-on", "turbo is on"),
    ({"platform": {"virtualization": "kvm"}}, None, "virtual-machine", "kvm"),
]


@pytest.mark.parametrize(("sections", "threads", "code", "figure"), CASES)
def test_each_finding_alone_and_with_its_figure(sections, threads, code, figure):
    (finding,) = findings_for(machine(**sections), threads=threads)
    assert finding.code == code
    assert finding.severity == CODES[code]
    assert figure in finding.message


def test_every_code_has_a_case():
    assert {code for _, _, code, _ in CASES} == set(CODES)


def test_a_quiet_machine_has_none():
    assert findings_for(machine(), threads=4) == ()


@pytest.mark.parametrize(
    "sections",
    [
        {"load": {"load1": 4.0}},
        {"load": {"steal_ratio": 0.02}},
        {"load": {"psi_cpu_some_avg10": 10.0, "psi_memory_some_avg10": 1.0}},
        {"load": {"nr_throttled": 10}},
        {"cpu": {"quota_cores": 3.995}},
        {"memory": {"available_bytes": int(1.6 * GIB) + 1, "swap_used_bytes": 64 * 2**20}},
        {"variables": {"CUDA_LAUNCH_BLOCKING": "0", "ONEDNN_VERBOSE": ""}},
    ],
)
def test_the_thresholds_themselves_are_quiet(sections):
    assert codes(machine(**sections)) == []


def test_unknown_facts_cause_no_finding():
    unknown = {name: dict.fromkeys(facts) for name, facts in QUIET.items() if name != "variables"}
    assert codes(machine(**unknown), threads=64) == []
    assert (
        codes(Environment(cpu={}, memory={}, platform={}, load={}, versions={}, variables={}), threads=64)
        == []
    )


def test_threads_are_judged_only_where_known():
    crowded = machine(cpu={"quota_cores": 2.0, "usable_cores": 2})
    assert codes(crowded) == []
    assert codes(crowded, threads=8) == ["threads-over-quota", "threads-over-cores"]
    hints = [finding.hint for finding in findings_for(crowded, threads=8)]
    assert hints == ["use --threads 2", "use --threads 2"]


@pytest.mark.parametrize(
    ("ranks", "threads", "message", "hint"),
    [
        (2, 3, "6 threads (2 ranks x 3) share 4 usable physical cores", "use --threads 2"),
        (8, 1, "8 threads (8 ranks x 1) share 4 usable physical cores", "use --world-size 4"),
    ],
)
def test_the_threads_of_all_ranks_share_the_cores(ranks, threads, message, hint):
    (finding,) = findings_for(machine(cpu={"quota_cores": None}), threads=threads, ranks=ranks)
    assert (finding.code, finding.message, finding.hint) == ("threads-over-cores", message, hint)


def test_a_quota_below_one_core_cannot_be_met_by_fewer_threads():
    (finding,) = findings_for(machine(cpu={"quota_cores": 0.5}), threads=1)[1:]
    assert (finding.code, finding.hint) == ("threads-over-quota", "ask for a quota of at least one core")


def test_findings_do_not_judge_earlier_findings():
    environment = machine(cpu={"turbo": True})
    again = msgspec.structs.replace(environment, findings=findings_for(environment))
    assert findings_for(again) == findings_for(environment)


def test_the_documentation_lists_every_code_with_its_severity():
    page = Path(__file__).parents[3] / "docs" / "findings.md"
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (info|warning|error) \|", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert dict(rows) == CODES
    assert len(rows) == len(CODES)
