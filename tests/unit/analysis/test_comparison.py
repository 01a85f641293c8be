"""From raw samples to a comparison; the arithmetic is in the comments."""

import math

import pytest
from msgspec import structs

from sebench.analysis.comparison import compare
from sebench.schema import Block, Finding, Segment
from tests import samples
from tests.samples import block, process


def latency(processes, **policy):
    return latency_of(compare(samples.result(samples.measurement(processes, **policy))))


def latency_of(comparison):
    (metric,) = (metric for metric in comparison.metrics if metric.metric == "latency")
    return metric


def codes(metric):
    return {finding.code for finding in metric.findings}


def test_static_metrics_are_exact_ratios():
    comparison = compare(samples.result(samples.measurement([process([block(0.05, 0.051)] * 2)])))
    by_name = {metric.metric: metric for metric in comparison.metrics}
    params = by_name["params"]
    assert (params.baseline.value, params.candidate.value, params.difference.estimate) == (100, 110, 10)
    assert (params.ratio.estimate, params.ratio.ci_low, params.ratio.method) == (1.1, 1.1, "exact")
    assert (params.exact, params.grade, params.workload) == (True, "A", None)
    # bytes: 4 * params read + 40 written
    assert (by_name["bytes"].baseline.value, by_name["bytes"].candidate.value) == (440, 480)
    assert [metric.metric for metric in comparison.metrics] == [
        "params", "macs", "paper_macs", "flops", "bytes", "latency", "throughput",
    ]  # fmt: skip


def test_a_side_that_was_not_counted_leaves_a_reason_and_the_other_side():
    measured = samples.measurement([process([block(0.05, 0.051)] * 2)])
    reasons = {"baseline": "Net needs real data"}
    comparison = compare(samples.result(measured, baseline_cost=None, not_counted=reasons))
    by_name = {metric.metric: metric for metric in comparison.metrics}
    assert list(by_name) == ["params", "macs", "paper_macs", "flops", "bytes", "latency", "throughput"]
    params = by_name["params"]
    assert (params.status, params.reason, params.exact) == ("unavailable", "Net needs real data", True)
    assert (params.baseline.value, params.candidate.value, params.ratio.estimate) == (None, 110, None)
    assert by_name["latency"].status == "ok"


def test_the_ratio_is_the_t_interval_over_process_estimates():
    # Five processes, each with two equal blocks of its own ratio: the estimates are those ratios.
    ratios = [1.01, 1.02, 1.03, 1.04, 1.05]
    metric = latency([process([block(0.05, 0.05 * r)] * 2, n) for n, r in enumerate(ratios)])
    logs = [math.log(r) for r in ratios]
    mean = sum(logs) / 5
    sd = math.sqrt(sum((value - mean) ** 2 for value in logs) / 4)
    half = 2.7764451 * sd / math.sqrt(5)  # t(0.975, 4)
    assert metric.ratio.estimate == pytest.approx(math.exp(mean), rel=1e-9)
    assert metric.ratio.ci_low == pytest.approx(math.exp(mean - half), rel=1e-6)
    assert metric.ratio.ci_high == pytest.approx(math.exp(mean + half), rel=1e-6)
    assert (metric.ratio.scope, metric.ratio.processes, metric.ratio.blocks) == ("process", 5, 10)
    assert (metric.unit, metric.exact, metric.workload) == ("s", False, samples.WORKLOAD)


def test_quantities_are_medians_of_all_timed_steps():
    metric = latency([process([block(0.05, 0.06), block(0.07, 0.08)])])
    # 2 blocks x 2 segments x 2 steps: 0.05 x 4, 0.07 x 4
    assert (metric.baseline.value, metric.baseline.n) == (pytest.approx(0.06), 8)
    assert (metric.candidate.q1, metric.candidate.q3) == (pytest.approx(0.06), pytest.approx(0.08))
    assert metric.difference.estimate == pytest.approx(0.01)


def test_one_slow_step_does_not_stand_for_its_segment_and_is_not_dropped():
    slow = samples.block(0.05, 0.05)
    segment = type(slow.segments[0])(side="baseline", steps_s=(0.05, 0.05, 9.0))
    slow = type(slow)(order="ABBA", segments=(segment, *slow.segments[1:]), canary_s=0.004)
    metric = latency([process([slow] * 6)])
    assert metric.ratio.estimate == pytest.approx(1.0)
    assert metric.baseline.n == 6 * (3 + 2)


def test_disturbed_blocks_are_left_out_and_counted():
    good, bad = block(0.05, 0.055), block(0.05, 0.5, invalid=("steal",))
    metric = latency([process([good] * 9 + [bad])])
    assert metric.ratio.estimate == pytest.approx(1.1)
    assert metric.ratio.blocks == 9
    assert "blocks-dropped" in codes(metric)
    # 3 of 9 is more than 20 %: grade C
    metric = latency([process([good] * 6 + [bad] * 3)])
    assert "blocks-dropped-many" in codes(metric)
    assert metric.grade == "C"


def test_a_process_that_failed_does_not_count():
    runs = [process([block(0.05, 0.055)] * 6), process([block(0.05, 0.5)] * 3, 1, error="killed")]
    assert latency(runs).ratio.estimate == pytest.approx(1.1)


def test_nothing_measured_is_unavailable_with_the_reason():
    metric = latency([process([], error="a worker process was killed by SIGKILL")])
    assert (metric.status, metric.reason) == ("unavailable", "a worker process was killed by SIGKILL")
    assert (metric.baseline.value, metric.ratio.estimate, metric.grade) == (None, None, None)
    only_bad = latency([process([block(0.05, 0.05, invalid=("throttled",))] * 2)])
    assert only_bad.reason == "all 2 blocks were disturbed from outside (steal, throttling or clock jumps)"
    assert latency([]).reason == "nothing was measured"


def test_too_few_blocks_give_an_estimate_without_an_interval():
    metric = latency([process([block(0.05, 0.055)] * 4)])
    assert metric.ratio.estimate == pytest.approx(1.1)
    assert (metric.ratio.ci_low, metric.ratio.ci_high) == (None, None)
    assert "95 % interval needs 6 valid blocks" in metric.reason
    assert metric.grade == "C"


def noisy(count, ratio, spread, number=0, **fields):
    """Blocks around a ratio, alternating in order, with a deterministic spread."""
    return process(
        [
            block(
                0.05,
                0.05 * ratio * (1 + spread * ((7 * i + number) % 5 - 2)),
                "ABBA" if i % 2 else "BAAB",
                **fields,
            )
            for i in range(count)
        ],
        number,
    )


def apart(half_width):
    """Six processes whose interval reaches so far to either side of 1.02, within 1 % of it."""
    # -1, -1, -1, 1, 1, 1: s = sqrt(6 / 5) = 1.0954, and t(0.975, 5) / sqrt(6) = 1.0494
    offset = half_width / 1.0954 / 1.0494
    logs = [math.log(1.02) + sign * offset for sign in (-1, 1, -1, 1, -1, 1)]
    return [process([block(0.05, 0.05 * math.exp(log))] * 4, n) for n, log in enumerate(logs)]


@pytest.mark.parametrize(
    ("half_width", "grade"), [(0.0199, "A"), (0.0201, "B"), (0.0495, "B"), (0.0505, "C")]
)
def test_the_width_of_the_interval_grades_it(half_width, grade):
    assert latency(apart(half_width)).grade == grade


def test_one_process_is_not_repeated():
    quiet = [noisy(8, 1.02 + 0.001 * n, 0.001, n) for n in range(6)]
    assert latency(quiet).grade == "A"
    assert latency(quiet[:1]).grade == "B"
    assert "within-process" in codes(latency(quiet[:1]))


def test_processes_that_agree_too_well_are_not_grade_a():
    # Blocks 1 % apart allow a process 1 % x 1.05 / 0.9539 x sqrt(pi / 3 / 8) = 0.38 %; they differ by 0.01 %.
    spread = (0.0, 0.01, 0.02, 0.03, 0.03, 0.02, 0.01, 0.0)
    runs = [
        process([block(0.05, 0.05 * math.exp(0.0001 * n + s)) for s in spread], n) for n in (0, 1, 2, 3, 4, 5)
    ]
    metric = latency(runs)
    (found,) = (finding for finding in metric.findings if finding.code == "narrow-by-chance")
    assert (found.severity, metric.grade) == ("info", "B")
    assert "the interval may be too narrow by chance" in found.message


def test_the_canary_is_told_and_grades_nothing():
    steady = [
        process([block(0.05, 0.051 + 0.0001 * n, canary_s=0.004 * (1 + 0.5 * (i % 2))) for i in range(8)], n)
        for n in range(6)
    ]
    metric = latency(steady)
    assert metric.grade == "A"
    (canary,) = (finding for finding in metric.findings if finding.code == "canary-unstable")
    # 4 and 6 ms in turn: s = sqrt(8 / 7) ms about 5
    assert canary.message == "a fixed single-thread task timed between the blocks varied by 21.4 %"
    assert canary.severity == "info"


def test_what_disturbs_one_side_only_is_grade_c():
    # The candidate takes 51 or 61 ms, the baseline 50: its quartiles are ln(61 / 51) = 0.179 further apart.
    one_sided = [
        process([block(0.05, 0.051 + 0.010 * ((i // 2 + n) % 2) + 0.00001 * n) for i in range(16)], n)
        for n in range(6)
    ]
    metric = latency(one_sided)
    (found,) = (finding for finding in metric.findings if finding.code == "one-sided")
    assert found.message == (
        "the steps of the candidate vary more than those of the other side, by 18 points between quartiles: "
        "only one side is disturbed"
    )
    assert metric.grade == "C"
    both = [process([block(0.05 * f, (0.051 + 0.0001 * n) * f) for f in (1.0, 1.2) * 8], n) for n in range(6)]
    assert latency(both).grade == "A"


def test_a_ratio_that_depends_on_the_speed_of_the_machine_is_said():
    # A machine at two speeds: 0.05 s a step and a ratio of 1.4, or 0.1 s and 1.3
    states = [block(0.05, 0.05 * 1.4), block(0.1, 0.1 * 1.3)] * 4
    metric = latency([process(states, n) for n in range(6)])
    (found,) = (finding for finding in metric.findings if finding.code == "speed-dependent")
    # ln(1.3 / 1.4) = -0.0741
    assert found.message == (
        "the candidate costs 7.4 % less while the machine is slow: the ratio is that of both states, in the"
        " shares in which they were met"
    )
    assert found.severity == "info"
    steady = [block(f, f * 1.4) for f in (0.05, 0.1)] * 4
    assert "speed-dependent" not in codes(latency([process(steady, n) for n in range(6)]))


def test_a_wide_interval_says_so_first():
    ratios = [0.9, 1.0, 1.1, 1.2, 1.3]
    metric = latency([process([block(0.05, 0.05 * r)] * 2, n) for n, r in enumerate(ratios)])
    (found,) = (finding for finding in metric.findings if finding.code == "too-noisy")
    # Logs: s = 0.1453; 2.7764 x 0.1453 / sqrt(5) = 0.1804, and sinh(0.1804) = 0.1814
    assert found.message == ("too noisy: the interval reaches 18.1 % to either side of the ratio")
    assert metric.grade == "C"


def test_drift_of_the_ratio_is_grade_c():
    runs = [
        process([block(0.05, 0.05 * (1.0 if i < 6 else 1.1) * (1 + 0.0005 * (i % 3))) for i in range(12)], n)
        for n in range(6)
    ]
    metric = latency(runs)
    assert "not-steady" in codes(metric)
    assert metric.grade == "C"


def test_findings_of_the_measurement_come_first():
    retried = Finding(code="worker-retried", severity="warning", message="again")
    measured = samples.measurement([noisy(8, 1.02, 0.001)])
    measured = type(measured)(
        workload=measured.workload, policy=measured.policy, processes=measured.processes, findings=(retried,)
    )
    assert latency_of(compare(samples.result(measured))).findings[0] == retried


def test_a_warning_about_the_machine_costs_the_grade_a():
    quiet = samples.measurement([noisy(8, 1.02, 0.001, n) for n in range(6)])
    warned = Finding(code="load-high", severity="warning", message="busy")
    environment = structs.replace(samples.ENVIRONMENT, findings=(warned,))
    comparison = compare(samples.result(quiet, environment=environment))
    assert latency_of(comparison).grade == "B"


@pytest.mark.parametrize(
    ("took_s", "said"),
    [
        (
            [{"baseline": 3.0, "candidate": 5.0}, {"baseline": 4.0, "candidate": 7.0}],
            "3.5 s (baseline) and 6.0 s (candidate)",
        ),
        ([{"candidate": 5.0}, {"candidate": 7.0}], "6.0 s (candidate)"),  # the other side compiles nothing
    ],
)
def test_compiling_is_told_of_the_sides_that_do(took_s, said):
    runs = [
        structs.replace(noisy(8, 1.02, 0.001, number), compile_s=each) for number, each in enumerate(took_s)
    ]
    (found,) = (finding for finding in latency(runs).findings if finding.code == "compile-time")
    assert found.message == f"building and compiling took {said}, which none of the times above includes"
    silent = latency([noisy(8, 1.02, 0.001)])
    assert "compile-time" not in codes(silent)


def test_exporting_once_is_told_apart_from_loading_in_each_process():
    run = structs.replace(noisy(8, 1.02, 0.001), compile_s={"baseline": 0.25, "candidate": 0.5})
    measured = structs.replace(samples.measurement([run]), export_s={"baseline": 9.0, "candidate": 11.0})
    found = latency_of(compare(samples.result(measured))).findings
    assert [each.message for each in found if each.code in ("export-time", "compile-time")] == [
        "exporting took 9.0 s (baseline) and 11.0 s (candidate), once for all processes, which no time above"
        " includes",
        "loading and compiling took 0.2 s (baseline) and 0.5 s (candidate), which none of the times above"
        " includes",
    ]


def split_block(order="ABBA"):
    """Steps of 30 and 33 ms, of which the forward passes take 10 and 12 ms, and the device's own view."""
    times = {"A": ("baseline", 0.030, 0.010, 0.029), "B": ("candidate", 0.033, 0.012, 0.031)}
    segments = tuple(
        Segment(side=side, steps_s=(step_s,), forward_s=(forward_s,), device_s=device_s)
        for side, step_s, forward_s, device_s in (times[letter] for letter in order)
    )
    return Block(order=order, segments=segments, canary_s=0.004)


def test_a_training_step_is_split_into_forward_and_backward():
    measured = samples.measurement([process([split_block()] * 6, number) for number in range(6)])
    metrics = {
        metric.metric: metric for metric in compare(samples.result(measured)).metrics if not metric.exact
    }
    assert list(metrics) == [
        *("latency", "forward_latency", "backward_latency", "device_latency", "throughput"),
    ]
    # 33/30; 12/10; (33 - 12)/(30 - 10); 31/29
    expected = {"latency": 1.1, "forward_latency": 1.2, "backward_latency": 1.05, "device_latency": 31 / 29}
    for name, ratio in expected.items():
        assert metrics[name].ratio.estimate == pytest.approx(ratio, rel=1e-12)
        assert metrics[name].grade == metrics["latency"].grade
    assert metrics["backward_latency"].difference.estimate == pytest.approx(0.001, rel=1e-9)
    assert metrics["forward_latency"].findings == ()


def test_a_part_that_one_segment_lacks_is_not_shown():
    whole = split_block()
    last = structs.replace(whole.segments[3], forward_s=())
    partial = structs.replace(whole, segments=(*whole.segments[:3], last))
    measured = samples.measurement([process([whole, partial] * 6)])
    names = [metric.metric for metric in compare(samples.result(measured)).metrics if not metric.exact]
    assert names == ["latency", "device_latency", "throughput"]
