"""Values in the formats of other tools. Every function is pure: a value in, the text of a file out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from sebench.reporting.exports.action_benchmark import action_benchmark_json
from sebench.reporting.exports.bencher import bencher_json
from sebench.reporting.exports.github import github_annotations, github_summary
from sebench.reporting.exports.junit import junit_xml
from sebench.reporting.exports.pyperf import pyperf_json
from sebench.reporting.exports.pytest_benchmark import pytest_benchmark_json

Takes = Literal["gate", "comparisons", "results"]


@dataclass(frozen=True, slots=True)
class Export:
    """A format of another tool."""

    name: str
    takes: Takes
    """What `render` is given: one `Gate`, or `Comparison` or `Result` values, oldest first. Those that take
    results also take ``side``: ``baseline``, ``candidate`` or None for both."""
    filename: str
    """What such a file is usually called."""
    render: Callable[..., str]


EXPORTS: Mapping[str, Export] = {
    export.name: export
    for export in (
        Export("junit", "gate", "sebench.xml", junit_xml),
        Export("github-annotations", "gate", "annotations.txt", github_annotations),
        Export("github-summary", "gate", "summary.md", github_summary),
        Export("github-action-benchmark", "comparisons", "benchmark.json", action_benchmark_json),
        Export("bencher", "comparisons", "bmf.json", bencher_json),
        Export("pyperf", "results", "pyperf.json", pyperf_json),
        Export("pytest-benchmark", "results", "pytest-benchmark.json", pytest_benchmark_json),
    )
}
"""By name, as `sebench export` and `sebench check` know them."""

__all__ = [
    "EXPORTS",
    "Export",
    "Takes",
    "action_benchmark_json",
    "bencher_json",
    "github_annotations",
    "github_summary",
    "junit_xml",
    "pyperf_json",
    "pytest_benchmark_json",
]
