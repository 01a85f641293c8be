"""Measurements of the fewest blocks that their effort allows, whatever time it would fill.

A quick run fills 21 s with blocks, where 12 of them say all that a test looks at. Everything else is real.
How long an effort measures: tests/unit/runner/test_pacing.py. Imports nothing of sebench until it is used.
"""

from __future__ import annotations


def of_first(planned):
    """`Pacing.of_first`, `planned`, where a budget that is no hard limit is spent already."""

    def fewest(policy, first, left_s):
        return planned(policy, first, left_s if policy.hard_budget else 0.0)

    return fewest


def pytest_configure():
    """Measure so from now on; by this name, it is also a plugin of the pytest that measures."""
    from sebench.runner.measuring.schedule import Pacing

    Pacing.of_first = of_first(Pacing.of_first)
