"""Histories with known levels: what is pooled, what is found, what is left out."""

import math

import pytest
from msgspec.structs import replace

from sebench.analysis.comparison import compare
from sebench.analysis.series import select_series
from sebench.analysis.trend import trend
from sebench.errors import UsageError
from sebench.schema import METRICS, ModelSpec, Pair, WorkloadRequest, fingerprint
from tests import samples
from tests.history import commit, measured, noisy_history

TRAINING = replace(samples.WORKLOAD, phase="training", batch_size=8)


def follow(results, metric="latency", **options):
    return trend(select_series(results, metric, **options))


def left_out(found):
    return {left.reason: left.results for left in found.left_out}


# --- points ---------------------------------------------------------------------------------------------


def test_results_of_a_commit_are_one_point():
    found = follow(
        [
            measured([1.00, 1.02], commit="b" * 40, day=3),
            measured([1.10, 1.12], commit="a" * 40, day=2),
            measured([1.04], commit="b" * 40, day=1),
        ]
    )
    first, second = found.points
    assert (first.commit, second.commit) == ("b" * 40, "a" * 40)  # by first measurement
    logs = [math.log(ratio) for ratio in (1.00, 1.02, 1.04)]
    mean = sum(logs) / 3
    sd = math.sqrt(sum((value - mean) ** 2 for value in logs) / 2)
    assert first.ratio.estimate == pytest.approx(math.exp(mean), rel=1e-9)
    assert first.standard_error == pytest.approx(sd / math.sqrt(3), rel=1e-9)
    # t(0.975, 2) = 4.302653
    assert first.ratio.ci_high == pytest.approx(math.exp(mean + 4.302653 * sd / math.sqrt(3)), rel=1e-6)
    assert (first.ratio.processes, first.ratio.blocks) == (3, 6)
    assert [result[:8] for result in first.results] == ["20260102", "20260104"]
    assert first.measured_at == "2026-01-02T00:00:00+00:00"


def test_changed_files_are_a_point_of_their_own():
    found = follow([measured([1.0, 1.1]), measured([1.2, 1.3], dirty=True, day=1)])
    assert [point.label for point in found.points] == ["a" * 12, "a" * 12 + "-dirty"]
    assert [finding.code for finding in found.findings] == ["changed-files"]


def test_one_process_is_a_point_without_an_interval_of_processes():
    found = follow([measured([1.05])])
    (point,) = found.points
    assert (point.standard_error, point.ratio.scope, point.ratio.ci_low) == (None, "within-process", None)
    assert (found.reason, found.noise, found.penalty) == ("one commit only", None, None)


def test_results_without_a_commit_are_left_out():
    nowhere = measured([1.05, 1.06], environment=samples.ENVIRONMENT)
    found = follow([measured([1.0, 1.1], day=1), nowhere])
    assert len(found.points) == 1
    assert left_out(found) == {"no commit was recorded": 1}
    assert follow([nowhere]).reason == "no commit"


def test_what_cannot_be_compared_is_counted_and_never_mixed():
    elsewhere = replace(samples.ENVIRONMENT, cpu={"model": "Other"}, git={"commit": "e" * 40})
    small = Pair(
        baseline=ModelSpec(model="resnet50", num_classes=10),
        candidate=ModelSpec(model="resnet50", variant="se", num_classes=10),
    )
    failed = samples.measurement([samples.process([], error="killed")])
    results = [
        measured([1.0, 1.1], day=9),
        measured([2.0, 2.1], day=1, environment=elsewhere),
        measured([2.0, 2.1], day=2, environment=elsewhere),
        measured([2.0, 2.1], day=3, pair=small),
        measured([2.0, 2.1], day=4, workload=TRAINING),
        measured([2.0, 2.1], day=5, measurements=(failed,)),
    ]
    found = follow(results)
    assert len(found.points) == 1
    assert left_out(found) == {
        "another fingerprint": 2,
        "other networks (number of classes, stride)": 1,
        "another workload": 1,
        "no figure for latency": 1,
    }


def test_another_fingerprint_can_be_asked_for():
    elsewhere = replace(samples.ENVIRONMENT, cpu={"model": "Other"}, git={"commit": "e" * 40})
    results = [measured([1.0, 1.1], day=9), measured([2.0, 2.1], day=1, environment=elsewhere)]
    wanted = fingerprint(elsewhere)
    found = follow(results, fingerprint_prefix=wanted[:6].upper())
    assert (found.fingerprint, found.points[0].commit) == (wanted, "e" * 40)
    with pytest.raises(UsageError, match=r"--fingerprint 'zz' fits no result; there are \w{12}, \w{12}"):
        follow(results, fingerprint_prefix="zz")
    with pytest.raises(UsageError, match="--fingerprint '' fits several"):
        follow(results, fingerprint_prefix="")


def test_filters_choose_the_workload():
    both = [measured([1.0, 1.1], day=0, workload=TRAINING), measured([1.5, 1.6], day=1, commit="b" * 40)]
    assert follow(both).workload == samples.WORKLOAD
    for wanted in (
        WorkloadRequest(phase="training"),
        WorkloadRequest(batch_size=8),
        WorkloadRequest(device="cpu", phase="training", batch_size=8),
    ):
        assert follow(both, workloads=wanted).workload == TRAINING
    assert select_series(both, "latency", workloads=WorkloadRequest(device="cuda")) is None
    gpu = measured([1.0, 1.1], day=2, workload=replace(TRAINING, device="cuda:1"))
    assert follow([*both, gpu], workloads=WorkloadRequest(device="cuda")).workload.device == "cuda:1"
    # What was counted per image holds for every workload.
    assert len(follow(both, "params", workloads=WorkloadRequest(phase="training")).points) == 2


def test_unknown_and_absent_metrics():
    with pytest.raises(UsageError, match="unknown metric 'latncy'; did you mean 'latency'"):
        select_series([measured([1.0, 1.1])], "latncy")
    with pytest.raises(UsageError, match="unknown metric 'x'; choose from params, macs"):
        select_series([], "x")
    assert select_series([measured([1.0, 1.1])], "energy") is None
    assert select_series([], "latency") is None


def test_every_metric_of_a_comparison_has_a_known_name():
    assert {metric.metric for metric in compare(measured([1.0, 1.1])).metrics} <= set(METRICS)


# --- change points --------------------------------------------------------------------------------------


def test_a_step_of_five_per_cent_is_found_at_its_commit():
    levels = [1.05] * 8 + [1.05 * 1.05] * 7
    found = follow(noisy_history(levels, noise=0.01, seed=4))
    (change,) = found.change_points
    assert (change.index, change.before, change.after) == (8, commit(8)[:12], commit(9)[:12])
    assert (change.points_before, change.points_after, change.verdict) == (8, 7, "slower")
    assert change.change.ci_low < 1.05 < change.change.ci_high
    assert change.change.ci_low > 1.04
    assert change.level_before.ci_low < 1.05 < change.level_before.ci_high
    assert change.level_after.ci_low < 1.1025 < change.level_after.ci_high
    assert found.penalty == pytest.approx(3 * math.log(15) * (1 + 4 / 15))
    # 1 % per process, six of them: 0.41 % per commit.
    assert found.noise == pytest.approx(0.01 / math.sqrt(6), rel=0.5)


def test_there_and_back():
    found = follow(noisy_history([1.05] * 5 + [1.15] * 4 + [1.05] * 6, noise=0.01, seed=8))
    assert [(change.index, change.verdict) for change in found.change_points] == [
        (5, "slower"),
        (9, "faster"),
    ]


def test_pure_noise_has_no_change_points():
    histories = (noisy_history([1.05] * 8, noise=0.01, seed=seed, processes=3) for seed in range(100))
    quiet = sum(not follow(history).change_points for history in histories)
    assert quiet >= 95


@pytest.mark.parametrize(("count", "reason"), [(2, "need 6 commits, there are 2"), (5, "there are 5")])
def test_too_few_commits(count, reason):
    found = follow(noisy_history([1.0, 1.0, 1.0, 2.0, 2.0][:count], noise=0.001, seed=1))
    assert found.change_points == ()
    assert reason in found.reason
    assert found.penalty is None


def test_exact_metrics_change_where_their_value_does():
    costs = [(100, 110), (100, 110), (100, 121), (200, 242)]
    results = [
        measured(
            [1.0, 1.1],
            commit=commit(day + 1),
            day=day,
            baseline_cost=samples.cost(baseline, 1),
            candidate_cost=samples.cost(candidate, 1),
        )
        for day, (baseline, candidate) in enumerate(costs)
    ]
    found = follow(results, "params")
    assert [change.index for change in found.change_points] == [2, 3]
    first, second = found.change_points
    assert (first.level_before.estimate, first.level_after.estimate) == (1.1, 1.21)
    assert (first.verdict, first.change.estimate) == ("larger", pytest.approx(1.1))
    assert (second.verdict, second.change.estimate) == ("unchanged", 1.0)  # both networks doubled
    assert (found.exact, found.noise, found.penalty, found.reason) == (True, None, None, None)
    assert [point.candidate for point in found.points] == [110, 110, 121, 242]
    # Two commits are enough here.
    assert len(follow(results[1:3], "params").change_points) == 1


def test_versions_that_differ_are_named():
    newer = replace(samples.ENVIRONMENT, versions={"torch": "2.11.9"}, git={"commit": "b" * 40})
    found = follow([measured([1.0, 1.1]), measured([1.0, 1.1], day=1, environment=newer, sebench="0.2.0")])
    assert [finding.message for finding in found.findings] == [
        "measured with sebench 0.1.0, 0.2.0",
        "measured with torch 2.11.0, 2.11.9",
    ]
