"""What tells set-ups and workloads apart: fingerprints and names; and how a workload is put in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from msgspec import NODEFAULT
from msgspec.structs import asdict

from sebench.schema.measurements import Environment
from sebench.schema.options import ASKED_OPTIONS, COLUMN_OPTIONS, WORKLOAD_OPTIONS, Fact, WorkloadOption
from sebench.schema.request import ModelSpec, Workload, WorkloadRequest
from sebench.schema.runtimes import OWN_FACTS

# Variables that change how many threads run, where, or which kernels they pick.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OMP_PROC_BIND",
    "OMP_PLACES",
    "OMP_SCHEDULE",
    "OMP_WAIT_POLICY",
    "OMP_DYNAMIC",
    "GOMP_CPU_AFFINITY",
    "GOMP_SPINCOUNT",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "KMP_HW_SUBSET",
    "MKL_NUM_THREADS",
    "MKL_DYNAMIC",
    "MKL_ENABLE_INSTRUCTIONS",
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
)
_CPU_FACTS = ("model", "isa", "usable_cores", "quota_cores")
_DEVICE_FACTS = ("name", "power_limit_w", "mig", "cuda", "cudnn")


def fingerprint(environment: Environment) -> str:
    """SHA-256 (hex) of the facts that must agree before times of two results may be compared.

    Only what stays the same between two runs on one set-up: no load, no frequencies, no memory in use. The
    workload (threads, precision, batch ...) is compared on its own.
    """
    return hashlib.sha256(json.dumps(_stable(environment), sort_keys=True).encode()).hexdigest()


def fingerprint_facts(environment: Environment) -> dict[str, Any]:
    """What `fingerprint` is made of, by name, e.g. ``cpu.model`` or ``variables.OMP_NUM_THREADS``."""
    facts: dict[str, Any] = {}
    for group, value in _stable(environment).items():
        inner = value if isinstance(value, dict) else {"": value}
        facts |= {f"{group}.{name}".rstrip("."): fact for name, fact in inner.items()}
    return facts


def _stable(environment: Environment) -> dict[str, Any]:
    cpu, torch = environment.cpu, environment.versions.get("torch")
    stable = {
        "cpu": {key: cpu.get(key) for key in _CPU_FACTS},
        "machine": environment.platform.get("machine"),
        "torch": ".".join(torch.split(".")[:2]) if torch else None,
        "variables": {name: environment.variables.get(name) for name in _THREAD_VARIABLES},
    }
    device = environment.device
    if device:
        driver = str(device.get("driver") or "").partition(".")[0]
        stable["device"] = {"driver": driver, **{key: device.get(key) for key in _DEVICE_FACTS}}
    own = environment.runtime.get(OWN_FACTS)
    if own:  # how far outputs were from eager's is a finding, not a setting
        stable["runtimes"] = {
            name: {key: fact for key, fact in facts.items() if not key.startswith("difference")}
            for name, facts in own.items()
        }
    return stable


def workload_values(workload: Workload | None) -> tuple[Fact, ...]:
    """One value per column; None throughout where there is no workload."""
    options = COLUMN_OPTIONS.values()
    return tuple(None if workload is None else option.value(workload) for option in options)


def said(request: WorkloadRequest) -> Iterator[tuple[WorkloadOption, object]]:
    """What was said, with its option, in the order of the catalogue."""
    for option in ASKED_OPTIONS:
        value = getattr(request, option.parameter)
        if value is not None:
            yield option, value


def allows(request: WorkloadRequest, workload: Workload) -> bool:
    """Whether a workload is in everything as was said."""
    return all(option.allows(value, workload) for option, value in said(request))


def workload_identity(
    workload: Workload, options: Sequence[WorkloadOption] = WORKLOAD_OPTIONS
) -> dict[str, object]:
    """What names and keys are made of; the same as ever for the same workload.

    Args:
        workload: what the name is for.
        options: the catalogue.

    Returns:
        Its fields by their names in the first stored files, in the order of those; what came later only
        where it is not as usual.
    """
    left_out = {
        option.field for option in options if option.former or (option.later and option.is_usual(workload))
    }
    return {name: value for name, value in asdict(workload).items() if name not in left_out}


def spec_identity(spec: ModelSpec) -> dict[str, object]:
    """What keys of stored files are made of; the same as ever for the same network.

    Args:
        spec: resolved; the tree that it comes from is left out.

    Returns:
        Its fields as the first stored files had them; what came later only where it was said.
    """
    fields = asdict(spec)
    first = {name: fields.pop(name) for name in ("model", "variant", "num_classes", "stride_in", "commit")}
    first["commit"] = None
    return first | {name: value for name, value in fields.items() if value}


def workload_words(workload: Workload, *, without: Collection[str] = ()) -> Iterator[str]:
    """What a title says: what is always stated, and whatever else is not as usual.

    Args:
        workload: what it is about.
        without: fields that are said elsewhere.
    """
    for option in WORKLOAD_OPTIONS:
        if option.field in without or (option.is_usual(workload) and not option.always):
            continue
        if words := option.words(workload):
            yield words


def unusual_words(workload: Workload) -> tuple[str, ...]:
    """What a sentence has to add to device, phase and batch: precision, runtime and the like."""
    left_out = [
        option.field for option in WORKLOAD_OPTIONS if option.usual is NODEFAULT or option.is_usual(workload)
    ]
    return tuple(workload_words(workload, without=left_out))
