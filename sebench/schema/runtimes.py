"""How steps can be run, in one place: what each runtime is called, and what it can do.

`sebench.profilers.runtimes` has the same names and does the work; this catalogue is what may be known without
loading torch. A new runtime needs an entry here, a file there, and its name in `Runtime`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from sebench.schema.base import Dtype, MemoryFormat, Phase, Quantization, Runtime

OWN_FACTS = "inference_runtimes"
"""Key in an environment's runtime: versions and settings of runtimes other than torch's, by name."""
_EVERY_PHASE: tuple[Phase, ...] = get_args(Phase)
_EVERY_DTYPE: tuple[Dtype, ...] = get_args(Dtype)
_EVERY_DEVICE = ("cpu", "cuda", "xpu", "mps")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeInfo:
    """What a runtime can do, and how long it takes about it."""

    name: Runtime
    help: str
    """What it does with a step, in a few words."""
    verb: str
    """The same as one word that takes a step as its object, e.g. ``capture``."""
    phases: tuple[Phase, ...] = _EVERY_PHASE
    dtypes: tuple[Dtype, ...] = _EVERY_DTYPE
    devices: tuple[str, ...] = _EVERY_DEVICE
    """Kinds, without an index: ``cuda`` stands for every ``cuda:N``."""
    world_sizes: tuple[int, int | None] = (1, None)
    """Fewest and most ranks of a data-parallel step; None is any number."""
    memory_formats: tuple[MemoryFormat, ...] = get_args(MemoryFormat)
    """Layouts of the input; runtimes of their own decide about all others."""
    quantizations: tuple[Quantization, ...] = ("none",)
    needs: tuple[str, ...] = ()
    """Packages that an extra of its name installs."""
    quantizer: str = ""
    """A further package that quantizes for it; an extra of that name installs it."""
    has_own_threads: bool = False
    """Whether it starts threads beside OpenMP's. Where those are bound, they inherit one place."""
    patience: int = 1
    """How many times as long as with eager steps a worker may say nothing."""
    is_exported: bool = False
    """Whether it runs a file that a network is exported to, once for all processes. Its weights and inputs
    are in float32, whatever it computes in."""
    has_graph: bool = False
    """Whether it runs a graph of its own making, which can be read."""
    prepares: bool = True
    """Whether it spends time on a network before the first step that is reported on its own."""

    def runs_on(self, device: str) -> bool:
        """Whether it exists on a device, e.g. ``cuda:1``."""
        return device.partition(":")[0] in self.devices

    def takes_ranks(self, world_size: int) -> bool:
        """Whether so many processes can train together."""
        fewest, most = self.world_sizes
        return fewest <= world_size and (most is None or world_size <= most)


_EXPORTED: dict[str, Any] = {
    "phases": ("inference",),
    "dtypes": ("float32",),
    "devices": ("cpu",),
    "memory_formats": ("contiguous",),
    "world_sizes": (1, 1),
    "quantizations": ("none", "int8"),
    "has_own_threads": True,
    "is_exported": True,
    "has_graph": True,
    "patience": 5,
}
"""What runtimes can do that take an exported network: one image or batch at a time, on the CPU."""

RUNTIMES: tuple[RuntimeInfo, ...] = (
    RuntimeInfo(name="eager", help="op by op", verb="run", prepares=False),
    RuntimeInfo(
        name="cudagraph",
        help="one CUDA graph replayed",
        verb="capture",
        devices=("cuda",),
        world_sizes=(1, 1),
        patience=5,
    ),
    # Compiling a network says nothing for minutes.
    RuntimeInfo(name="compile", help="torch.compile", verb="compile", patience=5, has_graph=True),
    RuntimeInfo(
        name="freezing",
        help="torch.compile with frozen weights",
        verb="compile",
        phases=("inference",),
        dtypes=("float32", "bfloat16", "float16"),
        devices=("cpu",),
        world_sizes=(1, 1),
        patience=5,
    ),
    RuntimeInfo(
        name="onnxruntime",
        help="ONNX Runtime",
        verb="export",
        needs=("onnx", "onnxscript", "onnxruntime"),
        **_EXPORTED,
    ),
    RuntimeInfo(
        name="openvino",
        help="OpenVINO",
        verb="convert",
        needs=("openvino",),
        quantizer="nncf",
        **{**_EXPORTED, "dtypes": ("float32", "bfloat16")},
    ),
    RuntimeInfo(
        name="executorch",
        help="ExecuTorch with XNNPACK",
        verb="export",
        needs=("executorch",),
        **{**_EXPORTED, "quantizations": ("none",), "has_graph": False},
    ),
)
"""One per `Runtime`, in its order."""

_BY_NAME = {info.name: info for info in RUNTIMES}


def runtime_info(name: Runtime) -> RuntimeInfo:
    """The entry of a runtime."""
    return _BY_NAME[name]
