"""sebench: what an attention block costs on your hardware, where the cost goes, and whether it changed."""

from __future__ import annotations

import importlib

TYPE_CHECKING = (
    False  # typing is not imported here: `python -m sebench` first looks for it in the current folder
)
if TYPE_CHECKING:
    from sebench.api import (
        AccuracyResult,
        ComparisonResult,
        ComparisonResults,
        CountResult,
        ExcitationResult,
        GateResult,
        ModuleProfileResult,
        Overhead,
        ProfileResult,
        Progress,
        SweepResult,
        TableResult,
        TrainingResult,
        TuningResult,
        check,
        compare,
        count,
        evaluate,
        excite,
        load,
        profile,
        resume_training,
        sweep,
        table,
        train,
        tune,
    )

__version__ = "0.1.0"
__all__ = [
    "AccuracyResult",
    "ComparisonResult",
    "ComparisonResults",
    "CountResult",
    "ExcitationResult",
    "GateResult",
    "ModuleProfileResult",
    "Overhead",
    "ProfileResult",
    "Progress",
    "SweepResult",
    "TableResult",
    "TrainingResult",
    "TuningResult",
    "__version__",
    "check",
    "compare",
    "count",
    "evaluate",
    "excite",
    "load",
    "profile",
    "resume_training",
    "sweep",
    "table",
    "train",
    "tune",
]


def __getattr__(name: str) -> object:
    """The library is loaded when it is first used (PEP 562): ``import sebench`` stays instant."""
    if name in __all__:
        return getattr(importlib.import_module("sebench.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What there is, loaded or not: for completion."""
    return sorted({*globals(), *__all__})
