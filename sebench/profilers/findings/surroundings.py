"""What else moves a timing: clocks, neighbours, memory, and what the variables of the environment do."""

from __future__ import annotations

from sebench.installation import DISTRIBUTION, NAMESAKE
from sebench.profilers.findings.finding import Check, Findings, assignments, finding
from sebench.schema import Environment
from sebench.units import format_bytes

STEAL_RATIO = 0.02
"""Blocks are dropped above 5 %; a host that lost 2 % on average since boot drops some of them."""
LOAD_PER_CPU = 0.5
"""With half of the CPUs busy, one thread per physical core already meets its neighbours on SMT siblings."""
PSI_CPU_PERCENT = 10.0
"""Tasks waited for a CPU in a tenth of the last 10 s, which is as long as a whole process measures."""
PSI_MEMORY_PERCENT = 1.0
"""Any steady stall on memory means reclaim runs beside the timed code."""
AVAILABLE_RATIO = 0.10
"""Below a tenth, page reclaim starts while the workload allocates its activations."""
AVAILABLE_BYTES = 2**30
"""Torch, two ResNet-152 and their activations at batch 1 need somewhat less than 1 GiB."""
SWAP_USED_BYTES = 64 * 2**20
"""Idle pages of long-lived services; more suggests that memory ran short."""

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


def _governor(environment: Environment) -> Findings:
    governor = environment.cpu.get("governor")
    if governor is not None and governor != "performance":
        yield finding(
            "governor-not-performance",
            f"the CPU frequency governor is {governor}",
            "an administrator can set it: cpupower frequency-set -g performance",
        )


def _turbo(environment: Environment) -> Findings:
    if environment.cpu.get("turbo"):
        yield finding(
            "turbo-on",
            "turbo is on: clocks depend on temperature and on how many cores are busy",
            "absolute times vary with it; paired ratios largely do not",
        )


def _isa_capped(environment: Environment) -> Findings:
    if found := assignments(environment, _ISA_CAPS):
        yield finding(
            "isa-capped", f"{found} limits the instruction set", "unset it to measure this CPU's own kernels"
        )


def _steal(environment: Environment) -> Findings:
    ratio = environment.load.get("steal_ratio")
    if ratio is not None and ratio > STEAL_RATIO:
        yield finding(
            "steal-high",
            f"the hypervisor took {ratio:.1%} of requested CPU time {environment.load.get('steal_window')}",
            "use a dedicated instance; blocks with more than 5 % steal are dropped",
        )


def _load(environment: Environment) -> Findings:
    load, cpus = environment.load.get("load1"), environment.cpu.get("logical_cores")
    if load is not None and cpus and load > LOAD_PER_CPU * cpus:
        yield finding(
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
            yield finding(f"psi-{resource}-pressure", message, hint)


def _virtualization(environment: Environment) -> Findings:
    kind = environment.platform.get("virtualization")
    if kind not in (None, "none"):
        yield finding(
            "virtual-machine",
            f"this is a virtual machine ({kind}): neighbours and clocks of the host cannot be seen",
            "trust paired ratios rather than absolute times",
        )


def _container(environment: Environment) -> Findings:
    kind = environment.platform.get("container")
    if kind not in (None, "none"):
        yield finding(
            "container", f"this is a container ({kind}): load figures may be those of the whole host"
        )


def _memory(environment: Environment) -> Findings:
    total, available = environment.memory.get("total_bytes"), environment.memory.get("available_bytes")
    if total is None or available is None:
        return
    limit = environment.memory.get("limit_bytes") or total
    total, available = min(total, limit), min(available, limit)
    if available < max(AVAILABLE_RATIO * total, AVAILABLE_BYTES):
        yield finding(
            "low-memory",
            f"{format_bytes(available)} of {format_bytes(total)} memory is available",
            "free memory, or use a smaller batch",
        )


def _swap(environment: Environment) -> Findings:
    used = environment.memory.get("swap_used_bytes")
    if used is not None and used > SWAP_USED_BYTES:
        yield finding(
            "swap-in-use", f"{format_bytes(used)} of memory is swapped out", "free memory before measuring"
        )


def _layout(environment: Environment) -> Findings:
    if environment.platform.get("aslr") is False:
        yield finding(
            "aslr-off",
            "address randomisation is off: processes share one memory layout, so intervals miss its effect",
            "measure with kernel.randomize_va_space=2",
        )


def _preload(environment: Environment) -> Findings:
    if found := assignments(environment, ("LD_PRELOAD",)):
        yield finding("ld-preload", f"{found} may replace the memory allocator or OpenMP")


def _debug_variables(environment: Environment) -> Findings:
    if found := assignments(environment, _DEBUG_VARIABLES):
        yield finding("debug-variables-set", f"{found} slows down measured code", "unset before measuring")


def _namesake(environment: Environment) -> Findings:
    version = environment.versions.get(NAMESAKE)
    if version is not None:
        yield finding(
            "foreign-distribution",
            f"the distribution 'sebench' {version} is installed, which is another project",
            f"pip uninstall sebench, then install {DISTRIBUTION} again",
        )


CHECKS: tuple[Check, ...] = (
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
    _namesake,
)
