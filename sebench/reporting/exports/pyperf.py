"""Timed steps as a pyperf suite (pyperf.readthedocs.io, JSON format 1.0): one run per process.

Written by hand, so that reading results does not need pyperf.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sebench.lines import single_line
from sebench.reporting.exports.times import TimedSide, timed_sides
from sebench.schema import Environment, Result, Side

FORMAT_VERSION = "1.0"

Metadata = dict[str, str | int | float]


def pyperf_json(results: Sequence[Result], *, side: Side | None = None) -> str:
    """A suite with one benchmark per side of every measurement.

    With one `side`, its benchmarks carry the name of the pair alone, so that ``pyperf compare_to`` finds the
    baseline's in one file and the candidate's in another.

    Args:
        results: Oldest first.
        side: Only this one; None is both.

    Raises:
        DataFileError: no result holds timed steps.
    """
    timed = timed_sides(results, side)
    suite = {
        "version": FORMAT_VERSION,
        "metadata": {"unit": "second", "loops": 1},
        "benchmarks": [_benchmark(one, alone=side is not None) for one in timed],
    }
    return json.dumps(suite, indent=1, allow_nan=False) + "\n"


def _benchmark(timed: TimedSide, *, alone: bool) -> dict[str, Any]:
    name = timed.series if alone else f"{timed.series}, {timed.side}"
    return {
        "metadata": {"name": single_line(name), **_metadata(timed)},
        "runs": [
            {
                "values": steps_s,
                "metadata": {"process": run.process, "seed": run.seed, "blocks": len(run.blocks)},
            }
            for run, steps_s in timed.processes
        ],
    }


def _metadata(timed: TimedSide) -> Metadata:
    result, environment = timed.result, timed.result.environment
    known = {
        "date": result.created_at,
        "description": f"{timed.side} {timed.variant}; blocks of both sides were interleaved",
        **_machine(environment),
        "torch_version": environment.versions.get("torch"),
        "sebench_version": result.sebench,
        "sebench_result": result.id,
        "sebench_variant": timed.variant,
    }
    return {name: text for name, value in known.items() if (text := _plain(value)) not in (None, "")}


def _machine(environment: Environment) -> Mapping[str, object]:
    cpu, platform = environment.cpu, environment.platform
    facts = [platform.get(key) for key in ("system", "kernel", "machine")]
    return {
        "cpu_model_name": cpu.get("model"),
        "cpu_count": cpu.get("logical_cores"),
        "platform": "-".join(str(fact) for fact in facts if fact),
        "python_implementation": str(platform.get("python") or "").lower(),
        "python_version": environment.versions.get("python"),
        "load_avg_1min": environment.load.get("load1"),
    }


def _plain(value: object) -> str | int | float | None:
    """Metadata values are numbers or single lines."""
    if value is None or isinstance(value, bool):
        return None
    return value if isinstance(value, int | float) else single_line(str(value))
