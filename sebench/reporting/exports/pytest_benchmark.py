"""Timed steps in the manner of pytest-benchmark's JSON files; ``pytest-benchmark compare`` reads them.

Both sides of a pair are one group, which is what that tool compares within.
"""

from __future__ import annotations

import json
import statistics as stdlib_statistics
from collections.abc import Sequence
from typing import Any

from sebench.reporting.exports.times import TimedSide, timed_sides
from sebench.schema import Environment, Result, Side
from sebench.statistics import quartiles


def pytest_benchmark_json(results: Sequence[Result], *, side: Side | None = None) -> str:
    """One benchmark per side of every measurement; a round is a step.

    Machine and commit are those of the last result; ``extra_info`` names the result of each benchmark.

    Args:
        results: Oldest first.
        side: Only this one; None is both.

    Raises:
        DataFileError: no result holds timed steps.
    """
    timed = timed_sides(results, side)
    last = timed[-1].result
    content = {
        "machine_info": _machine_info(last.environment),
        "commit_info": _commit_info(last.environment),
        "benchmarks": [_benchmark(one) for one in timed],
        "datetime": last.created_at,
        "version": last.sebench,
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _benchmark(timed: TimedSide) -> dict[str, Any]:
    return {
        "group": timed.series,
        "name": f"{timed.side} {timed.variant}",
        "fullname": f"{timed.series}::{timed.side}",
        "params": None,
        "param": None,
        "extra_info": {
            "sebench_result": timed.result.id,
            "processes": len(timed.processes),
            "seed": timed.result.seed,
        },
        "options": {
            "disable_gc": True,
            "timer": "perf_counter",
            "min_rounds": 1,
            "max_time": timed.measurement.policy.budget_s,
            "min_time": timed.measurement.policy.segment_s,
            "warmup": True,
        },
        "stats": stats(timed.steps_s),
    }


def stats(steps_s: Sequence[float]) -> dict[str, Any]:
    """The fields of pytest-benchmark's statistics, in seconds; quartiles by linear interpolation."""
    ordered = sorted(steps_s)
    found = quartiles(ordered)
    iqr = found.q3 - found.q1
    mean = stdlib_statistics.fmean(ordered)
    stddev = stdlib_statistics.stdev(ordered) if len(ordered) > 1 else 0.0
    fences = found.q1 - 1.5 * iqr, found.q3 + 1.5 * iqr
    inside = [value for value in ordered if fences[0] <= value <= fences[1]]
    beyond_stddev = sum(abs(value - mean) > stddev for value in ordered)
    beyond_fences = len(ordered) - len(inside)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": stddev,
        "rounds": len(ordered),
        "median": found.median,
        "iqr": iqr,
        "q1": found.q1,
        "q3": found.q3,
        "iqr_outliers": beyond_fences,
        "stddev_outliers": beyond_stddev,
        "outliers": f"{beyond_stddev};{beyond_fences}",
        "ld15iqr": inside[0],
        "hd15iqr": inside[-1],
        "ops": 1 / mean,
        "total": sum(ordered),
        "data": list(steps_s),
        "iterations": 1,
    }


def _machine_info(environment: Environment) -> dict[str, Any]:
    cpu, platform, versions = environment.cpu, environment.platform, environment.versions
    return {
        "node": platform.get("hostname_hash"),
        "processor": platform.get("machine"),
        "machine": platform.get("machine"),
        "python_implementation": platform.get("python"),
        "python_version": versions.get("python"),
        "torch_version": versions.get("torch"),
        "system": platform.get("system"),
        "release": platform.get("kernel"),
        "cpu": {
            "brand_raw": cpu.get("model"),
            "vendor_id_raw": cpu.get("vendor"),
            "arch_string_raw": platform.get("machine"),
            "count": cpu.get("logical_cores"),
        },
    }


def _commit_info(environment: Environment) -> dict[str, Any]:
    git = environment.git
    return {
        "id": git.get("commit"),
        "time": None,
        "author_time": None,
        "dirty": git.get("dirty"),
        "project": None,
        "branch": git.get("branch"),
    }
