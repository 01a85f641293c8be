"""sebench as a library. ``import sebench`` offers all of it without loading it."""

from sebench.api.checking import GateResult, check
from sebench.api.comparing import compare
from sebench.api.comparison_result import ComparisonResult, ComparisonResults, load
from sebench.api.count_result import CountResult
from sebench.api.counting import count
from sebench.api.evaluating import AccuracyResult, evaluate
from sebench.api.exciting import ExcitationResult, excite
from sebench.api.module_profile import ModuleProfileResult
from sebench.api.overhead import Judgement, Overhead
from sebench.api.profiling import ProfileResult, profile
from sebench.api.sweeping import SweepResult, sweep
from sebench.api.tables import TableResult, table
from sebench.api.training import TrainingResult, resume_training, train
from sebench.api.tuning import TuningResult, tune
from sebench.runner.progress import Progress
from sebench.statistics import Verdict

__all__ = [
    "AccuracyResult",
    "ComparisonResult",
    "ComparisonResults",
    "CountResult",
    "ExcitationResult",
    "GateResult",
    "Judgement",
    "ModuleProfileResult",
    "Overhead",
    "ProfileResult",
    "Progress",
    "SweepResult",
    "TableResult",
    "TrainingResult",
    "TuningResult",
    "Verdict",
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
