"""Statistics of the paired block design: pure functions on plain numbers (docs/method.md).

A *block* is four segments, ABBA or BAAB (A = baseline, B = candidate), and yields one effect: a log-ratio
or a difference in seconds. Blocks of one process share memory layout and library plans, so the process is
the experimental unit and blocks are repeated looks at it.

Accuracies are shares of images, and of two networks shares of the same images (`proportions`).

Nothing here reads a clock, draws a random number or drops a value for its size.
"""

from sebench.statistics.change_points import (
    MIN_POINTS,
    MIN_SEGMENT,
    change_points,
    penalty,
    series_noise,
)
from sebench.statistics.diagnostics import (
    NEGLIGIBLE_LOG_RATIO,
    NEGLIGIBLE_UNREST,
    CrossChecks,
    OutlierCounts,
    Quartiles,
    Shift,
    agreement,
    block_error,
    coefficient_of_variation,
    cross_checks,
    estimators_disagree,
    half_drift,
    lag1_autocorrelation,
    order_effect,
    outlier_counts,
    quartiles,
    unrest_difference,
)
from sebench.statistics.gate import (
    Evidence,
    Verdict,
    contrast,
    decide,
    evidence,
    holm,
    is_far_beyond,
    look_confidence,
    needed_processes,
    noise_floor,
    process_evidence,
    worst_case,
)
from sebench.statistics.intervals import (
    ConfidenceLimits,
    hodges_lehmann,
    median_interval,
    signed_rank_interval,
    simultaneous_confidence,
    t_interval,
)
from sebench.statistics.paired import (
    MIN_BLOCKS,
    MIN_PROCESSES,
    DifferenceEstimate,
    RatioEstimate,
    block_difference,
    block_log_ratio,
    estimate_difference,
    estimate_ratio,
    process_estimates,
)
from sebench.statistics.percentiles import (
    MIN_STEPS_BEYOND,
    needed_steps,
    percentile,
    percentile_difference,
    percentile_ratio,
)
from sebench.statistics.proportions import mcnemar_exact, tango_interval, wilson_interval
from sebench.statistics.welch import (
    WelchDifference,
    satterthwaite,
    welch_difference,
)

__all__ = [
    "MIN_BLOCKS",
    "MIN_POINTS",
    "MIN_PROCESSES",
    "MIN_SEGMENT",
    "MIN_STEPS_BEYOND",
    "NEGLIGIBLE_LOG_RATIO",
    "NEGLIGIBLE_UNREST",
    "ConfidenceLimits",
    "CrossChecks",
    "DifferenceEstimate",
    "Evidence",
    "OutlierCounts",
    "Quartiles",
    "RatioEstimate",
    "Shift",
    "Verdict",
    "WelchDifference",
    "agreement",
    "block_difference",
    "block_error",
    "block_log_ratio",
    "change_points",
    "coefficient_of_variation",
    "contrast",
    "cross_checks",
    "decide",
    "estimate_difference",
    "estimate_ratio",
    "estimators_disagree",
    "evidence",
    "half_drift",
    "hodges_lehmann",
    "holm",
    "is_far_beyond",
    "lag1_autocorrelation",
    "look_confidence",
    "mcnemar_exact",
    "median_interval",
    "needed_processes",
    "needed_steps",
    "noise_floor",
    "order_effect",
    "outlier_counts",
    "penalty",
    "percentile",
    "percentile_difference",
    "percentile_ratio",
    "process_estimates",
    "process_evidence",
    "quartiles",
    "satterthwaite",
    "series_noise",
    "signed_rank_interval",
    "simultaneous_confidence",
    "t_interval",
    "tango_interval",
    "unrest_difference",
    "welch_difference",
    "wilson_interval",
    "worst_case",
]
