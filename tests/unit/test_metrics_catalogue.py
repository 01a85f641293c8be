"""Each metric of the catalogue reaches every consumer: tables, files, trends, limits, the gate, the docs."""

import csv
import io
import json
import math
import re
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from sebench.analysis.change import changes
from sebench.analysis.comparison import compare
from sebench.analysis.gate import answer
from sebench.analysis.question import Question
from sebench.analysis.series import check_metric, select_series
from sebench.analysis.trend import trend
from sebench.api.comparison_result import ComparisonResult
from sebench.configuration import parse_limit
from sebench.configuration.decoding import Place, decode
from sebench.configuration.settings import CheckSettings
from sebench.errors import ConfigurationError, UsageError
from sebench.reporting import (
    change_document,
    comparison_document,
    comparison_json,
    render,
    trend_document,
    trend_json,
)
from sebench.reporting.exports.bencher import bencher_json
from sebench.schema import (
    LIMIT_METRICS,
    METRICS,
    EnergyBlock,
    EnergyMeasurement,
    EnergyRun,
    EnergyWindow,
    LimitMetric,
    MemoryMeasurement,
    MemoryRun,
    SavedBytes,
    SavedForBackward,
    Segment,
    Workload,
    is_printed,
)
from sebench.statistics import look_confidence, median_interval
from tests import samples

EACH = pytest.mark.parametrize("name", METRICS)
TRAINING = Workload(phase="training", batch_size=8, input_shape=(8, 3, 224, 224), threads=2, world_size=2)
INFERENCE = Workload(batch_size=8, input_shape=(8, 3, 224, 224), threads=2)
SIDES = ("baseline", "candidate")
ORDER = ("baseline", "candidate", "candidate", "baseline")
DOCS = Path(__file__).parents[2] / "docs"


def timed(workload):
    """Six processes with enough single steps for every metric; the candidate takes 1.1 times as long."""
    training = workload.phase == "training"

    def segment(side, process):
        step_s = 0.05 * (1.1 if side == "candidate" else 1) * (1 + process / 1000)
        return Segment(
            side=side,
            steps_s=(step_s,) * 250,
            forward_s=(step_s / 3,) * 250 if training else (),
            device_s=0.9 * step_s,
        )

    def process(number):
        segments = tuple(segment(side, number) for side in ORDER)
        run = samples.process([replace(samples.block(1, 1), segments=segments)] * 2, number)
        gradients = {"baseline": 400, "candidate": 440} if training else {}
        return replace(run, steps_per_segment=250, gradient_bytes=gradients)

    return replace(samples.measurement([process(number) for number in range(6)]), workload=workload)


def memory(workload):
    runs = (
        MemoryRun(process=0, side=side, peak_bytes=size, reserved_bytes=2 * size, resident_bytes=3 * size)
        for side, size in zip(SIDES, (1000, 1100), strict=True)
    )
    return MemoryMeasurement(workload=workload, processes=tuple(runs))


def energy(workload):
    windows = tuple(
        EnergyWindow(side=side, steps=10, duration_s=5.0, energy_joules=55.0 if side == "candidate" else 50.0)
        for side in ORDER
    )
    runs = (
        EnergyRun(process=n, idle_w=4.0, blocks=(EnergyBlock(order="ABBA", windows=windows),) * 2)
        for n in range(6)
    )
    return EnergyMeasurement(workload=workload, counter="rapl", processes=tuple(runs))


@cache
def result(phase="training", day=1):
    """All that can be measured in a phase."""
    workload = TRAINING if phase == "training" else INFERENCE
    saved = (SavedBytes(stage="2", site=None, saved_bytes=size) for size in (1000, 1200))
    baseline, candidate = ((each,) for each in saved)
    return samples.result(
        timed(workload),
        id=f"2026010{day}T030405Z-resnet50-plain-se-abcdef",
        created_at=f"2026-01-0{day}T03:04:05+00:00",
        environment=replace(samples.ENVIRONMENT, git={"commit": str(day) * 40}),
        memory=(memory(workload),) if phase == "training" else (),
        energy=(energy(workload),),
        saved=SavedForBackward(workload=workload, baseline=baseline, candidate=candidate)
        if phase == "training"
        else None,
    )


@cache
def rows(phase="training"):
    return {metric.metric: metric for metric in compare(result(phase)).metrics}


def read_csv(document):
    return list(csv.DictReader(io.StringIO(render(document, "csv"))))


@cache
def compared():
    return compare(result())


@cache
def changed():
    (change,) = changes([result(day=1)], [result(day=2)])
    return change


@cache
def csv_rows():
    return {row["metric"]: row for row in read_csv(comparison_document([compared()]))}


@cache
def table_labels():
    """The second column of the comparison table, without units."""
    lines = render(comparison_document([compared()]), "markdown").splitlines()
    return {re.sub(r" \([^)]*\)$", "", line.split("|")[1].strip()) for line in lines if line.count("|") > 4}


# --- the catalogue itself -------------------------------------------------------------------------------


def test_a_comparison_has_the_metrics_of_the_catalogue_in_its_order():
    assert list(rows()) == list(METRICS)


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_comparison_has_the_metrics_of_its_phase_alone(phase):
    assert set(rows(phase)) == {name for name, metric in METRICS.items() if phase in metric.phases}


@EACH
def test_a_row_is_of_the_kind_and_unit_that_the_catalogue_says(name):
    row, metric = rows()[name], METRICS[name]
    assert (row.unit, row.exact) == (metric.unit, metric.kind == "exact")
    assert (row.ratio.ci_low is None) == (metric.kind == "information")
    assert bool(row.ratio.blocks) == (metric.kind == "sampled")


# --- what people and programs read ----------------------------------------------------------------------


@EACH
def test_the_comparison_table_has_a_row_where_the_catalogue_says_so(name):
    label = "paper kFLOPs" if name == "paper_macs" else METRICS[name].label
    assert (label in table_labels()) == is_printed(name, TRAINING)


def test_what_is_printed():
    single = replace(INFERENCE, batch_size=1, input_shape=(1, 3, 224, 224))
    files_only = {f"latency_p{percent}" for percent in (50, 90, 95, 99)}
    assert {name for name in METRICS if not is_printed(name, TRAINING)} == files_only
    assert {name for name in METRICS if not is_printed(name, single)} == {*files_only, "throughput"}
    assert is_printed("none of them", None)


@EACH
def test_json_has_an_entry(name):
    (comparison,) = json.loads(comparison_json([compared()], None))["comparisons"]
    (entry,) = (entry for entry in comparison["metrics"] if entry["metric"] == name)
    assert (entry["unit"], entry["ratio"]["estimate"]) == (METRICS[name].unit, rows()[name].ratio.estimate)


@EACH
def test_csv_has_a_row(name):
    row = csv_rows()[name]
    assert (row["unit"], float(row["ratio"])) == (METRICS[name].unit, rows()[name].ratio.estimate)


@EACH
def test_a_trend_follows_it(name):
    check_metric(name)
    followed = trend(select_series([result(day=1), result(day=2)], name))
    assert [point.ratio.estimate for point in followed.points] == pytest.approx(
        [rows()[name].ratio.estimate] * 2
    )
    sampled = METRICS[name].kind == "sampled"
    assert [point.standard_error is not None for point in followed.points] == [sampled] * 2
    assert METRICS[name].label in trend_document(followed).title
    assert json.loads(trend_json(followed))["metric"] == name


@EACH
def test_old_results_against_new_ones_have_it(name):
    change = changed()
    (found,) = (metric for metric in change.metrics if metric.metric == name)
    assert found.verdict == ("unchanged" if METRICS[name].kind == "exact" else "no change shown")
    assert found.overhead.estimate == pytest.approx(1)
    assert name in {row["metric"] for row in read_csv(change_document([change]))}


@EACH
def test_exports_and_the_library_have_its_ratio(name):
    (measures,) = json.loads(bencher_json([compared()])).values()
    ratio = rows()[name].ratio.estimate
    assert measures[f"{name.replace('_', '-')}-ratio"]["value"] == ratio
    overhead = ComparisonResult(compared(), result()).overhead(name)
    assert float(overhead) == ratio
    assert f"{name} overhead" in repr(overhead)


# --- limits ---------------------------------------------------------------------------------------------


def test_the_type_of_limits_lists_those_of_the_catalogue():
    assert get_args(LimitMetric) == LIMIT_METRICS
    assert set(LIMIT_METRICS) == {name for name, metric in METRICS.items() if metric.gate}


def no_limit(name):
    """What is said where a metric takes none: the reason, if the catalogue has one, and those that do."""
    reason = METRICS[name].no_limit
    return re.escape(f"{name} takes no limit{f': {reason}' if reason else ''}; choose from latency, ")


def test_six_processes_show_no_percentile_at_the_level_that_decides():
    # the lowest and the highest of 6 miss the median with 2 / 2^6 = 3.1 %, and 2.25 % are allowed
    level = look_confidence(1, 1)
    assert level == pytest.approx(0.9775)
    assert median_interval(range(6), level) is None
    assert median_interval(range(6), 1 - 2 / 2**6) is not None
    assert median_interval(range(12), level) is not None  # with the extension
    assert "96.9 %, and a gate decides at 97.75 %" in METRICS["latency_p90"].no_limit


@EACH
def test_a_limit_is_taken_where_the_catalogue_says_so(name):
    if METRICS[name].gate:
        assert parse_limit(f"{name}:1.05") == (name, 1.05)
    else:
        with pytest.raises(UsageError, match=f"limit '{name}:1.05': {no_limit(name)}"):
            parse_limit(f"{name}:1.05")


@EACH
def test_a_configuration_takes_the_same_limits(name):
    table = {"ceiling": [{"model": "resnet50", "max-overhead": {name: 1.05}}]}
    place = Place("pyproject.toml", "tool.sebench", "check")
    if METRICS[name].gate:
        assert decode(table, CheckSettings, place).ceiling[0].max_overhead == {name: 1.05}
    else:
        with pytest.raises(ConfigurationError, match=rf"\[.*ceiling #1\] max-overhead: {no_limit(name)}"):
            decode(table, CheckSettings, place)


@pytest.mark.parametrize("name", LIMIT_METRICS)
def test_a_gate_decides_on_it(name):
    question = Question(
        kind="ceiling",
        model="resnet50",
        baseline="plain",
        candidate="se",
        metric=name,
        limit=1.5,
        workload=TRAINING,
    )
    found = answer(question, [result()])
    assert found.exact == (METRICS[name].kind == "exact")
    assert (found.evidence is not None) == (METRICS[name].kind == "sampled")
    assert found.ratio.estimate == pytest.approx(rows()[name].ratio.estimate)
    if found.evidence is not None:
        assert found.evidence.center == pytest.approx(math.log(1.1))


# --- documentation --------------------------------------------------------------------------------------


def docs_row(metric):
    gate = {"exact": "exact", "sampled": "by its interval"}[metric.kind] if metric.gate else "-"
    cells = (
        f"`{metric.name}`",
        metric.label,
        metric.meaning,
        metric.unit,
        metric.kind,
        ", ".join(sorted(metric.phases)),
        gate,
        metric.better,
    )
    return f"| {' | '.join(cells)} |"


def test_the_documentation_lists_the_catalogue():
    lines = (DOCS / "metrics.md").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if line.startswith("| `")]
    assert listed == [docs_row(metric) for metric in METRICS.values()]
