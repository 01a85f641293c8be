"""Timed steps for pyperf and pytest-benchmark, read back by pyperf itself."""

import json

import pyperf
import pytest
from msgspec.structs import replace

from sebench.errors import DataFileError
from sebench.reporting.exports import pyperf_json, pytest_benchmark_json
from sebench.reporting.exports.pytest_benchmark import stats
from tests import samples

SERIES = "resnet50 plain -> resnet50 se, cpu inference 1x3x224x224 float32, 2 threads"
ENVIRONMENT = replace(
    samples.ENVIRONMENT,
    cpu={"model": "Sample\nCPU", "logical_cores": 4, "vendor": ""},
    platform={"system": "Linux", "kernel": "6.1.0", "machine": "x86_64", "python": "CPython"},
    load={"load1": 0.25},
    versions={"python": "3.11.7", "torch": "2.11.0"},
    git={"commit": "0123abc", "dirty": False, "branch": "main"},
)


def result(**fields):
    """Two processes that count, with two blocks and one block; one block and one process do not."""
    disturbed = samples.block(9, 9, invalid=("steal",))
    measured = samples.measurement(
        [
            samples.process([samples.block(1.0, 1.5), samples.block(1.1, 1.6), disturbed], 0),
            samples.process([samples.block(9, 9)], 1, error="out of memory"),
            samples.process([samples.block(1.2, 1.7, "BAAB")], 2),
        ]
    )
    return samples.result(measured, environment=ENVIRONMENT, **fields)


def suite_of(text):
    suite = pyperf.BenchmarkSuite.loads(text)
    return {benchmark.get_name(): benchmark for benchmark in suite.get_benchmarks()}


def values(benchmark):
    return [run.values for run in benchmark.get_runs()]


def test_pyperf_reads_a_run_per_process():
    suite = suite_of(pyperf_json([result()]))
    assert list(suite) == [f"{SERIES}, baseline", f"{SERIES}, candidate"]
    # Two steps a segment, two segments a side and block; what was disturbed or failed is left out.
    assert values(suite[f"{SERIES}, baseline"]) == [(1.0,) * 4 + (1.1,) * 4, (1.2,) * 4]
    assert values(suite[f"{SERIES}, candidate"]) == [(1.5,) * 4 + (1.6,) * 4, (1.7,) * 4]
    metadata = suite[f"{SERIES}, candidate"].get_metadata()
    assert metadata["cpu_model_name"] == "Sample CPU"
    assert metadata["cpu_count"] == 4
    assert metadata["platform"] == "Linux-6.1.0-x86_64"
    assert metadata["python_implementation"] == "cpython"
    assert metadata["sebench_variant"] == "se"
    assert metadata["unit"] == "second"
    assert [run.get_metadata()["process"] for run in suite[f"{SERIES}, candidate"].get_runs()] == [0, 2]


def test_one_side_goes_by_the_name_of_the_pair():
    for side, first in (("baseline", 1.0), ("candidate", 1.5)):
        (name, benchmark), *rest = suite_of(pyperf_json([result()], side=side)).items()
        assert (name, benchmark.get_values()[0], rest) == (SERIES, first, [])


def test_unknown_facts_are_left_out():
    bare = replace(ENVIRONMENT, cpu={}, platform={}, load={}, versions={})
    suite = suite_of(pyperf_json([replace(result(), environment=bare)]))
    metadata = suite[f"{SERIES}, baseline"].get_metadata()
    assert not {"cpu_model_name", "platform", "python_version", "python_implementation"} & set(metadata)


def test_hostile_names_are_one_line():
    pair = result().pair
    spec = replace(pair.candidate, model="a\nb\x1b")
    (name, *_) = suite_of(pyperf_json([result(pair=replace(pair, candidate=spec))], side="candidate"))
    assert name.startswith("resnet50 plain -> a b\\x1b se, ")


def test_of_one_series_the_later_result_counts():
    measured = samples.measurement([samples.process([samples.block(2.0, 3.0)])])
    newer = samples.result(measured, environment=ENVIRONMENT)
    suite = suite_of(pyperf_json([result(), newer]))
    assert values(suite[f"{SERIES}, baseline"]) == [(2.0,) * 4]


@pytest.mark.parametrize("export", [pyperf_json, pytest_benchmark_json])
def test_nothing_timed_is_an_error(export):
    untimed = samples.result(samples.measurement([samples.process([], error="x")]))
    for results in ([], [untimed]):
        with pytest.raises(DataFileError, match="nothing to export: no result holds timed steps"):
            export(results)


def test_pytest_benchmark_groups_the_pair():
    content = json.loads(pytest_benchmark_json([result()]))
    assert set(content) == {"machine_info", "commit_info", "benchmarks", "datetime", "version"}
    assert content["machine_info"]["cpu"]["brand_raw"] == "Sample\nCPU"
    assert content["commit_info"] == {
        "id": "0123abc",
        "time": None,
        "author_time": None,
        "dirty": False,
        "project": None,
        "branch": "main",
    }
    names = [(one["group"], one["name"], one["fullname"]) for one in content["benchmarks"]]
    assert names == [
        (SERIES, "baseline plain", f"{SERIES}::baseline"),
        (SERIES, "candidate se", f"{SERIES}::candidate"),
    ]
    assert content["benchmarks"][1]["stats"]["data"] == [1.5] * 4 + [1.6] * 4 + [1.7] * 4
    assert content["benchmarks"][1]["extra_info"]["processes"] == 2
    (candidate,) = json.loads(pytest_benchmark_json([result()], side="candidate"))["benchmarks"]
    assert candidate["name"] == "candidate se"


def test_statistics():
    found = stats([4.0, 1.0, 2.0, 3.0, 100.0])
    # mean 110 / 5; quartiles by linear interpolation; deviations -18, -21, -20, -19, 78
    assert (found["min"], found["max"], found["mean"], found["rounds"]) == (1.0, 100.0, 22.0, 5)
    assert (found["q1"], found["median"], found["q3"], found["iqr"]) == (2.0, 3.0, 4.0, 2.0)
    assert found["stddev"] == pytest.approx(((324 + 441 + 400 + 361 + 6084) / 4) ** 0.5)
    # Fences at 2 - 3 = -1 and 4 + 3 = 7: only 100 is beyond them, and beyond one standard deviation (43.6).
    assert (found["ld15iqr"], found["hd15iqr"], found["outliers"]) == (1.0, 4.0, "1;1")
    assert (found["ops"], found["total"], found["iterations"]) == (1 / 22, 110.0, 1)
    assert found["data"] == [4.0, 1.0, 2.0, 3.0, 100.0]


def test_statistics_of_one_step():
    found = stats([2.0])
    assert (found["stddev"], found["iqr"], found["outliers"], found["hd15iqr"]) == (0.0, 0.0, "0;0", 2.0)
