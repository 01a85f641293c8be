"""sebench as a library: `compare` and `count`. ``import sebench`` offers them without loading them."""

from sebench.api.comparing import compare, count
from sebench.api.comparison_result import ComparisonResult
from sebench.api.overhead import Judgement, Overhead, Verdict
from sebench.runner.progress import Progress

__all__ = ["ComparisonResult", "Judgement", "Overhead", "Progress", "Verdict", "compare", "count"]
