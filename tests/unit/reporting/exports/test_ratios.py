"""Ratios for dashboards: github-action-benchmark and Bencher."""

import json
import math

import pytest
from msgspec.structs import replace

from sebench.errors import DataFileError
from sebench.reporting.exports import action_benchmark_json, bencher_json

CPU = "resnet50: plain -> se, cpu inference 1x3x224x224 float32, 2 threads"


def entries(*comparisons):
    return {entry.pop("name"): entry for entry in json.loads(action_benchmark_json(comparisons))}


def test_github_action_benchmark(make):
    found = entries(make.comparison(make.static()[0], make.latency()))
    assert found == {
        # 28,088,024 / 25,557,032
        f"{CPU}: params": {"unit": "ratio", "value": 28_088_024 / 25_557_032, "extra": "exact"},
        f"{CPU}: latency": {
            "unit": "ratio",
            "value": 1.018,
            "range": "\u00b1 0.006",  # (1.024 - 1.012) / 2
            "extra": "95 % interval [1.012, 1.024]\n6 processes x 8 blocks\ngrade B",
        },
    }


def test_without_an_interval_there_is_no_range(make):
    (entry,) = entries(
        make.comparison(make.latency(ratio=(1.018, None, None), processes=1, blocks=3))
    ).values()
    assert entry == {"unit": "ratio", "value": 1.018, "extra": "no interval\n1 process x 3 blocks\ngrade B"}


def test_more_that_is_better_is_left_out_where_smaller_is_better(make):
    throughput = replace(make.latency(), metric="throughput", unit="images/s")
    comparison = make.comparison(make.latency(), throughput)
    assert list(entries(comparison)) == [f"{CPU}: latency"]
    assert list(json.loads(bencher_json([comparison]))[CPU]) == ["latency-ratio", "throughput-ratio"]


def test_bencher(make):
    content = json.loads(bencher_json([make.comparison(make.static()[1], make.latency())]))
    assert content == {
        CPU: {
            "macs-ratio": {"value": 3_860_488_192 / 3_857_973_248},
            "latency-ratio": {"value": 1.018, "lower_value": 1.012, "upper_value": 1.024},
        }
    }


def test_one_entry_per_workload(make):
    both = make.comparison(make.latency(), make.latency(workload=make.gpu_training))
    assert len(entries(both)) == 2
    assert len(json.loads(bencher_json([both]))) == 2


def test_of_one_series_the_later_counts(make):
    old, new = make.comparison(make.latency()), make.comparison(make.latency(ratio=(1.1, 1.0, 1.2)))
    (entry,) = entries(old, new).values()
    assert entry["value"] == 1.1
    assert json.loads(bencher_json([old, new]))[CPU]["latency-ratio"]["value"] == 1.1


def test_what_is_unknown_is_left_out(make):
    pair = make.comparison(make.static()[0], make.unavailable(), make.latency(ratio=(math.nan, 1.0, 2.0)))
    assert list(entries(pair)) == [f"{CPU}: params"]
    assert list(json.loads(bencher_json([pair]))[CPU]) == ["params-ratio"]


@pytest.mark.parametrize("export", [action_benchmark_json, bencher_json])
def test_nothing_known_is_an_error(make, export):
    for comparisons in ([], [make.comparison(make.unavailable())]):
        with pytest.raises(
            DataFileError, match="nothing to export: no ratio is known; run `sebench compare`"
        ):
            export(comparisons)
