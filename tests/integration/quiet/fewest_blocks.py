"""Measurements of the fewest and shortest blocks that their effort allows, whatever time it would fill.

A quick run fills 21 s with blocks, where 12 of them say all that a test looks at, however short they are.
Everything else is real. How long an effort measures: tests/unit/runner/test_pacing.py. Imports nothing of
sebench until it is used.
"""

from __future__ import annotations

WARMUP_S = 0.05
SEGMENT_S = 0.002


def of_first(planned):
    """`Pacing.of_first`, `planned`, where a budget that is no hard limit is spent already."""

    def fewest(policy, first, left_s, **workload):
        return planned(policy, first, left_s if policy.hard_budget else 0.0, **workload)

    return fewest


def timing_policy(planned):
    """`timing_policy`, `planned`, with little time for warming up and for each segment."""
    from msgspec.structs import replace

    def shortest(*args, **settings):
        return replace(planned(*args, **settings), warmup_busy_s=WARMUP_S, segment_s=SEGMENT_S)

    return shortest


def pytest_configure():
    """Measure so from now on; by this name, it is also a plugin of the pytest that measures."""
    from sebench.runner.measuring.schedule import Pacing
    from sebench.runner.planning import plan

    Pacing.of_first = of_first(Pacing.of_first)
    plan.timing_policy = timing_policy(plan.timing_policy)
