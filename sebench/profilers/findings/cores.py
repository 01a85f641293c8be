"""Cores that a process may use, and the threads that are to run on them."""

from __future__ import annotations

from sebench.profilers.findings.finding import Check, Findings, ThreadCheck, assignments, finding
from sebench.schema import Environment

QUOTA_FRACTION = 0.01
"""Quotas are set in microseconds per period; a hundredth of a core is rounding."""
THROTTLED_RATIO = 0.01
"""A quota that stops one period in a hundred stops a block of five periods once in twenty."""
FEW_CORES = 2
"""With one core the timed threads, their parent process and the kernel take turns on it."""

_THREAD_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def _quota(environment: Environment) -> Findings:
    quota = environment.cpu.get("quota_cores")
    if quota is not None and abs(quota - round(quota)) > QUOTA_FRACTION:
        yield finding(
            "cpu-quota-fractional",
            f"the cgroup allows {quota:.2f} cores of CPU time, not a whole number",
            "ask for a quota of whole cores, and use no more threads than those",
        )


def _throttled(environment: Environment) -> Findings:
    periods, throttled = environment.load.get("nr_periods"), environment.load.get("nr_throttled")
    if periods and throttled and throttled / periods > THROTTLED_RATIO:
        yield finding(
            "cpu-throttled",
            f"the CPU quota stopped this cgroup in {throttled} of {periods} periods so far",
            "use fewer threads or raise the quota; throttled blocks are dropped",
        )


def _few_cores(environment: Environment) -> Findings:
    usable = environment.cpu.get("usable_cores")
    if usable is not None and usable < FEW_CORES:
        yield finding(
            "few-cores",
            f"{usable} core is usable, and the operating system needs it too",
            "expect wide intervals; use --effort rigorous or a machine with two or more cores",
        )


def _shared_cores(environment: Environment) -> Findings:
    shared, allowed = environment.cpu.get("shared_cores"), environment.cpu.get("allowed_physical_cores")
    if shared:
        yield finding(
            "smt-siblings-shared",
            f"{shared} of the {allowed} usable cores have an SMT sibling outside this process's CPU mask",
            "pin to whole cores (taskset, cpuset) so that no other work runs on the siblings",
        )


def _numa(environment: Environment) -> Findings:
    nodes = environment.cpu.get("numa_nodes")
    if nodes is not None and nodes > 1:
        yield finding(
            "numa-nodes",
            f"memory is spread over {nodes} NUMA nodes",
            "bind to one node (numactl --cpunodebind=0 --membind=0) for figures that repeat",
        )


def _threads_over_quota(environment: Environment, threads: int, ranks: int) -> Findings:
    quota = environment.cpu.get("quota_cores")
    if quota is not None and threads * ranks > quota:
        yield finding(
            "threads-over-quota",
            f"{_all_threads(threads, ranks)} on a quota of {quota:g} cores will be throttled",
            _fewer_threads(int(quota), ranks) if quota >= 1 else "ask for a quota of at least one core",
        )


def _threads_over_cores(environment: Environment, threads: int, ranks: int) -> Findings:
    cores = environment.cpu.get("allowed_physical_cores")
    if cores and threads * ranks > cores:
        yield finding(
            "threads-over-cores",
            f"{_all_threads(threads, ranks)} share {cores} usable physical cores",
            _fewer_threads(environment.cpu.get("usable_cores") or cores, ranks),
        )


def _all_threads(threads: int, ranks: int) -> str:
    return f"{threads} threads" if ranks == 1 else f"{ranks * threads} threads ({ranks} ranks x {threads})"


def _fewer_threads(cores: int, ranks: int) -> str:
    return f"use --threads {cores // ranks}" if cores >= ranks else f"use --world-size {cores}"


def _omp_threads(environment: Environment) -> Findings:
    if found := assignments(environment, _THREAD_COUNTS):
        yield finding("omp-threads-set", f"{found} is set", "--threads overrides it; unset it to be sure")


CHECKS: tuple[Check, ...] = (_quota, _throttled, _few_cores, _shared_cores, _numa, _omp_threads)
THREAD_CHECKS: tuple[ThreadCheck, ...] = (_threads_over_quota, _threads_over_cores)
