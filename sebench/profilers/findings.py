"""What a reader of a timing should know about the machine; advice only, the machine is never changed.

Each check looks at one fact and stays silent where that fact is unknown; docs/findings.md explains the codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sebench.schema import Environment, Finding, Severity
from sebench.units import format_bytes

CODES: dict[str, Severity] = {
    "aslr-off": "warning",
    "container": "info",
    "cpu-quota-fractional": "warning",
    "cpu-throttled": "warning",
    "debug-variables-set": "warning",
    "few-cores": "warning",
    "governor-not-performance": "warning",
    "isa-capped": "info",
    "ld-preload": "info",
    "load-high": "warning",
    "low-memory": "warning",
    "numa-nodes": "info",
    "omp-threads-set": "info",
    "psi-cpu-pressure": "warning",
    "psi-memory-pressure": "warning",
    "smt-siblings-shared": "warning",
    "steal-high": "warning",
    "swap-in-use": "info",
    "threads-over-cores": "warning",
    "threads-over-quota": "warning",
    "turbo-on": "info",
    "virtual-machine": "info",
}
"""Every code this module can emit, with its severity."""

QUOTA_FRACTION = 0.01
"""Quotas are set in microseconds per period; a hundredth of a core is rounding."""
STEAL_RATIO = 0.02
"""Blocks are dropped above 5 %; a host that lost 2 % on average since boot drops some of them."""
LOAD_PER_CPU = 0.5
"""With half of the CPUs busy, one thread per physical core already meets its neighbours on SMT siblings."""
PSI_CPU_PERCENT = 10.0
"""Tasks waited for a CPU in a tenth of the last 10 s, which is as long as a whole process measures."""
PSI_MEMORY_PERCENT = 1.0
"""Any steady stall on memory means reclaim runs beside the timed code."""
THROTTLED_RATIO = 0.01
"""A quota that stops one period in a hundred stops a block of five periods once in twenty."""
AVAILABLE_RATIO = 0.10
"""Below a tenth, page reclaim starts while the workload allocates its activations."""
AVAILABLE_BYTES = 2**30
"""Torch, two ResNet-152 and their activations at batch 1 need somewhat less than 1 GiB."""
SWAP_USED_BYTES = 64 * 2**20
"""Idle pages of long-lived services; more suggests that memory ran short."""
FEW_CORES = 2
"""With one core the timed threads, their parent process and the kernel take turns on it."""

_THREAD_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_ISA_CAPS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")
_DEBUG_VARIABLES = (
    "CUDA_LAUNCH_BLOCKING",
    "PYTORCH_NO_CUDA_MEMORY_CACHING",
    "TORCH_SHOW_DISPATCH_TRACE",
    "ONEDNN_VERBOSE",
    "DNNL_VERBOSE",
    "MKL_VERBOSE",
    "MALLOC_PERTURB_",
    "MALLOC_CHECK_",
)
_OFF = ("", "0")

Findings = Iterator[Finding]


def findings_for(
    environment: Environment, *, threads: int | None = None, ranks: int = 1
) -> tuple[Finding, ...]:
    """Judges `environment`; pure, in the order of the checks below.

    Args:
        environment: What was captured; its own findings are ignored.
        threads: Threads of the workload; None leaves out what depends on them.
        ranks: Processes with so many threads each.
    """
    found = [finding for check in _CHECKS for finding in check(environment)]
    found += [
        finding for judge in _THREAD_CHECKS if threads for finding in judge(environment, threads, ranks)
    ]
    return tuple(found)


def _finding(code: str, message: str, hint: str | None = None) -> Finding:
    return Finding(code=code, severity=CODES[code], message=message, hint=hint)


# --- cores and threads ---------------------------------------------------------------------------------


def _quota(environment: Environment) -> Findings:
    quota = environment.cpu.get("quota_cores")
    if quota is not None and abs(quota - round(quota)) > QUOTA_FRACTION:
        yield _finding(
            "cpu-quota-fractional",
            f"the cgroup allows {quota:.2f} cores of CPU time, not a whole number",
            "ask for a quota of whole cores, and use no more threads than those",
        )


def _throttled(environment: Environment) -> Findings:
    periods, throttled = environment.load.get("nr_periods"), environment.load.get("nr_throttled")
    if periods and throttled and throttled / periods > THROTTLED_RATIO:
        yield _finding(
            "cpu-throttled",
            f"the CPU quota stopped this cgroup in {throttled} of {periods} periods so far",
            "use fewer threads or raise the quota; throttled blocks are dropped",
        )


def _few_cores(environment: Environment) -> Findings:
    usable = environment.cpu.get("usable_cores")
    if usable is not None and usable < FEW_CORES:
        yield _finding(
            "few-cores",
            f"{usable} core is usable, and the operating system needs it too",
            "expect wide intervals; use --effort rigorous or a machine with two or more cores",
        )


def _shared_cores(environment: Environment) -> Findings:
    shared, allowed = environment.cpu.get("shared_cores"), environment.cpu.get("allowed_physical_cores")
    if shared:
        yield _finding(
            "smt-siblings-shared",
            f"{shared} of the {allowed} usable cores have an SMT sibling outside this process's CPU mask",
            "pin to whole cores (taskset, cpuset) so that no other work runs on the siblings",
        )


def _numa(environment: Environment) -> Findings:
    nodes = environment.cpu.get("numa_nodes")
    if nodes is not None and nodes > 1:
        yield _finding(
            "numa-nodes",
            f"memory is spread over {nodes} NUMA nodes",
            "bind to one node (numactl --cpunodebind=0 --membind=0) for figures that repeat",
        )


def _threads_over_quota(environment: Environment, threads: int, ranks: int) -> Findings:
    quota = environment.cpu.get("quota_cores")
    if quota is not None and threads * ranks > quota:
        yield _finding(
            "threads-over-quota",
            f"{_all_threads(threads, ranks)} on a quota of {quota:g} cores will be throttled",
            _fewer_threads(int(quota), ranks) if quota >= 1 else "ask for a quota of at least one core",
        )


def _threads_over_cores(environment: Environment, threads: int, ranks: int) -> Findings:
    cores = environment.cpu.get("allowed_physical_cores")
    if cores and threads * ranks > cores:
        yield _finding(
            "threads-over-cores",
            f"{_all_threads(threads, ranks)} share {cores} usable physical cores",
            _fewer_threads(environment.cpu.get("usable_cores") or cores, ranks),
        )


def _all_threads(threads: int, ranks: int) -> str:
    return f"{threads} threads" if ranks == 1 else f"{ranks * threads} threads ({ranks} ranks x {threads})"


def _fewer_threads(cores: int, ranks: int) -> str:
    return f"use --threads {cores // ranks}" if cores >= ranks else f"use --world-size {cores}"


def _omp_threads(environment: Environment) -> Findings:
    if found := _assignments(environment, _THREAD_COUNTS):
        yield _finding(
            "omp-threads-set", f"{found} is set", "--threads overrides it; unset it to avoid doubt"
        )


# --- speed of the cores --------------------------------------------------------------------------------


def _governor(environment: Environment) -> Findings:
    governor = environment.cpu.get("governor")
    if governor is not None and governor != "performance":
        yield _finding(
            "governor-not-performance",
            f"the CPU frequency governor is {governor}",
            "an administrator can set it: cpupower frequency-set -g performance",
        )


def _turbo(environment: Environment) -> Findings:
    if environment.cpu.get("turbo"):
        yield _finding(
            "turbo-on",
            "turbo is on: clocks depend on temperature and on how many cores are busy",
            "absolute times vary with it; paired ratios largely do not",
        )


def _isa_capped(environment: Environment) -> Findings:
    if found := _assignments(environment, _ISA_CAPS):
        yield _finding(
            "isa-capped", f"{found} limits the instruction set", "unset it to measure this CPU's own kernels"
        )


# --- neighbours ----------------------------------------------------------------------------------------


def _steal(environment: Environment) -> Findings:
    ratio = environment.load.get("steal_ratio")
    if ratio is not None and ratio > STEAL_RATIO:
        yield _finding(
            "steal-high",
            f"the hypervisor took {ratio:.1%} of the wanted CPU time {environment.load.get('steal_window')}",
            "use a dedicated instance; blocks with more than 5 % steal are dropped",
        )


def _load(environment: Environment) -> Findings:
    load, cpus = environment.load.get("load1"), environment.cpu.get("logical_cores")
    if load is not None and cpus and load > LOAD_PER_CPU * cpus:
        yield _finding(
            "load-high",
            f"the load average of the last minute is {load:.2f} on {cpus} CPUs",
            "stop other work, or wait until it has ended",
        )


def _pressure(environment: Environment) -> Findings:
    for resource, limit, hint in (
        ("cpu", PSI_CPU_PERCENT, "stop other work, or use fewer threads"),
        ("memory", PSI_MEMORY_PERCENT, "free memory, or use a smaller batch"),
    ):
        percent = environment.load.get(f"psi_{resource}_some_avg10")
        if percent is not None and percent > limit:
            message = f"tasks waited for {resource} during {percent:.1f} % of the last 10 s"
            yield _finding(f"psi-{resource}-pressure", message, hint)


def _virtualization(environment: Environment) -> Findings:
    kind = environment.platform.get("virtualization")
    if kind not in (None, "none"):
        yield _finding(
            "virtual-machine",
            f"this is a virtual machine ({kind}): neighbours and clocks of the host cannot be seen",
            "trust paired ratios rather than absolute times",
        )


def _container(environment: Environment) -> Findings:
    kind = environment.platform.get("container")
    if kind not in (None, "none"):
        yield _finding(
            "container", f"this is a container ({kind}): load figures may be those of the whole host"
        )


# --- memory and layout ---------------------------------------------------------------------------------


def _memory(environment: Environment) -> Findings:
    total, available = environment.memory.get("total_bytes"), environment.memory.get("available_bytes")
    if total is None or available is None:
        return
    limit = environment.memory.get("limit_bytes") or total
    total, available = min(total, limit), min(available, limit)
    if available < max(AVAILABLE_RATIO * total, AVAILABLE_BYTES):
        yield _finding(
            "low-memory",
            f"{format_bytes(available)} of {format_bytes(total)} memory is available",
            "free memory, or use a smaller batch",
        )


def _swap(environment: Environment) -> Findings:
    used = environment.memory.get("swap_used_bytes")
    if used is not None and used > SWAP_USED_BYTES:
        yield _finding(
            "swap-in-use", f"{format_bytes(used)} of memory is swapped out", "free memory before measuring"
        )


def _layout(environment: Environment) -> Findings:
    if environment.platform.get("aslr") is False:
        yield _finding(
            "aslr-off",
            "address randomisation is off: processes share one memory layout, so intervals miss its effect",
            "measure with kernel.randomize_va_space=2",
        )


def _preload(environment: Environment) -> Findings:
    if found := _assignments(environment, ("LD_PRELOAD",)):
        yield _finding("ld-preload", f"{found} may replace the memory allocator or OpenMP")


def _debug_variables(environment: Environment) -> Findings:
    if found := _assignments(environment, _DEBUG_VARIABLES):
        yield _finding(
            "debug-variables-set", f"{found} slows down what is measured", "unset before measuring"
        )


def _assignments(environment: Environment, names: tuple[str, ...]) -> str:
    """``A=1, B=2`` for those of `names` that are set to something."""
    values: dict[str, Any] = environment.variables
    return ", ".join(f"{name}={values[name]}" for name in names if values.get(name, "") not in _OFF)


_CHECKS: tuple[Callable[[Environment], Findings], ...] = (
    _quota,
    _throttled,
    _few_cores,
    _shared_cores,
    _numa,
    _omp_threads,
    _governor,
    _turbo,
    _isa_capped,
    _steal,
    _load,
    _pressure,
    _virtualization,
    _container,
    _memory,
    _swap,
    _layout,
    _preload,
    _debug_variables,
)
_THREAD_CHECKS: tuple[Callable[[Environment, int, int], Findings], ...] = (
    _threads_over_quota,
    _threads_over_cores,
)
