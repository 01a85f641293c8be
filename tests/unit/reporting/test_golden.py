"""Whole outputs against ``tests/golden`` (``SEBENCH_UPDATE_GOLDEN=1`` accepts what there is now)."""

import pytest

from sebench.reporting import (
    comparison_document,
    comparison_json,
    count_document,
    count_json,
    environment_document,
    environment_json,
    render,
)
from sebench.schema import Finding, Interval, MetricComparison, Quantity, Ratio, SavedStage

MEASURED_AT = "2026-10-01T12:00:00Z"
EXTENSIONS = {"table": "txt", "markdown": "md", "csv": "csv", "latex": "tex"}
FORMATS = pytest.mark.parametrize("format_", EXTENSIONS)


@FORMATS
def test_one_comparison(make, golden, format_):
    document = comparison_document(
        [make.comparison()], make.environment(), as_published=True, measured_at=MEASURED_AT
    )
    golden(f"comparison.{EXTENSIONS[format_]}", render(document, format_, width=80))


@pytest.mark.parametrize("width", [100, 140])
def test_one_comparison_on_wider_lines(make, golden, width):
    document = comparison_document([make.comparison()], as_published=True)
    golden(f"comparison-{width}.txt", render(document, "table", width=width))


@FORMATS
def test_several_comparisons(make, golden, format_):
    document = comparison_document(
        make.several(), make.environment(), as_published=[True, False, True], measured_at=MEASURED_AT
    )
    golden(f"comparisons.{EXTENSIONS[format_]}", render(document, format_, width=100))


def test_a_training_comparison_with_energy(make, golden):
    """All kinds of rows that a training comparison can have."""
    energy = MetricComparison(
        metric="energy",
        unit="J",
        exact=False,
        workload=make.gpu_training,
        baseline=Quantity(value=61.2, q1=61.0, q3=61.5, n=12),
        candidate=Quantity(value=67.9, q1=67.6, q3=68.3, n=12),
        difference=Interval(estimate=6.7, ci_low=6.1, ci_high=7.3),
        ratio=Ratio(
            estimate=1.109, ci_low=1.098, ci_high=1.121, method="hodges-lehmann/signed-rank",
            scope="within-process", processes=1, blocks=6,
        ),
        grade="B",
        findings=(Finding(code="energy-counter", severity="info", message="read from NVML (board)"),),
    )  # fmt: skip
    saved = (
        SavedStage(stage="stem", baseline_bytes=822_083_584, candidate_bytes=822_083_584),
        SavedStage(stage="2", baseline_bytes=4_831_838_208, candidate_bytes=6_442_450_944),
    )
    metrics = (make.exact("params", "1", 25_557_032, 28_088_024), make.latency(workload=make.gpu_training))
    document = comparison_document([make.comparison(*metrics, energy, saved_by_stage=saved)])
    golden("comparison-training.txt", render(document, "table", width=100))
    golden("comparison-training.csv", render(document, "csv"))


def test_comparison_contract(make, golden):
    golden("comparisons.json", comparison_json(make.several(), make.environment()))


@FORMATS
def test_counts(make, golden, format_):
    models = [make.model_cost(variant="plain"), make.model_cost()]
    document = count_document(models, ("op", "stage", "site"))
    golden(f"counts.{EXTENSIONS[format_]}", render(document, format_, width=100))


def test_training_counts(make, golden):
    document = count_document([make.model_cost(phase="training")], ("op", "stage", "site"))
    golden("counts-training.txt", render(document, "table", width=80))


def test_count_contract(make, golden):
    golden("counts.json", count_json([make.model_cost(variant="plain"), make.model_cost(phase="training")]))


@FORMATS
def test_environment(make, golden, format_):
    golden(
        f"environment.{EXTENSIONS[format_]}",
        render(environment_document(make.environment()), format_, width=80),
    )


def test_environment_contract(make, golden):
    golden("environment.json", environment_json(make.environment()))
