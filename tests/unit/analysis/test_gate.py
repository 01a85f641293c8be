"""From results to the verdicts of a gate; samples are chosen, so every figure is exact."""

import math

import pytest
from msgspec import structs

from sebench import statistics
from sebench.analysis.gate import answer, decide, gate_status
from sebench.analysis.question import Question
from sebench.schema import (
    EnergyBlock,
    EnergyMeasurement,
    EnergyRun,
    EnergyWindow,
    Finding,
    MemoryMeasurement,
    MemoryRun,
    ModelSpec,
    Pair,
)
from tests import gates, samples
from tests.samples import WORKLOAD, block, process

SIX = (0.99, 1.0, 1.01, 0.995, 1.005, 1.0)


def question(metric="latency", limit=1.05, **fields):
    values = {
        "kind": "ceiling",
        "model": "resnet50",
        "baseline": "plain",
        "candidate": "se",
        "workload": WORKLOAD,
    }
    return Question(metric=metric, limit=limit, **{**values, **fields})


def measured(*ratios, sigma=None, **fields):
    """Processes of two equal blocks, so that each estimate is its ratio."""
    found = samples.measurement([process([block(0.05, 0.05 * r)] * 2, n) for n, r in enumerate(ratios)])
    return samples.result(structs.replace(found, sigma_process=sigma, **fields))


def verdict(results, *questions, attempt=1, look=1, attempts=1):
    asked = questions or (question(),)
    answers = [answer(each, results, attempts=attempts) for each in asked]
    checks = decide(answers, attempt=attempt, look=look)
    return checks if questions else checks[0]


def times(factor, ratios=SIX):
    return [factor * ratio for ratio in ratios]


def test_a_ratio_clearly_within_the_limit_passes():
    check = verdict([measured(*SIX)])
    assert (check.status, check.exact, check.attempts) == ("passed", False, 1)
    assert (check.ratio.processes, check.ratio.blocks, check.ratio.scope) == (6, 12, "process")
    assert check.ratio.estimate == pytest.approx(math.exp(sum(map(math.log, SIX)) / 6))
    assert check.workload == WORKLOAD
    assert check.reason.code == "within-limit"
    assert check.p_value > 0.99


def test_higher_but_within_the_limit_is_said():
    check = verdict([measured(*times(1.02))], question(limit=1.10))[0]
    assert (check.status, check.reason.code) == ("passed", "slower-within-limit")


def test_a_ratio_clearly_beyond_the_limit_fails():
    check = verdict([measured(*times(1.2))])
    assert (check.status, check.reason.code) == ("failed", "over-limit")
    assert check.p_value < 0.001


def test_an_interval_around_the_limit_leaves_it_open_at_the_level_that_decides():
    check = verdict([measured(*times(1.05))])
    assert (check.status, check.reason.code) == ("inconclusive", "interval-contains-limit")
    evidence = statistics.evidence([[math.log(ratio)] * 2 for ratio in times(1.05)])
    limits = evidence.limits(0.9775)  # first look of the first attempt
    low, high = math.exp(limits.low), math.exp(limits.high)
    assert check.reason.message == (
        f"the 97.75 % interval of latency, [{low:.4f}, {high:.4f}], contains the limit of 1.05"
    )
    # The interval that is shown is one of 95 %, and narrower.
    assert low < check.ratio.ci_low < check.ratio.ci_high < high


def test_a_network_that_was_not_counted_is_not_comparable():
    result = structs.replace(
        measured(*SIX), candidate_cost=None, not_counted={"candidate": "Net needs real data"}
    )
    (check,) = verdict([result], question(metric="params", limit=1.5))
    assert (check.status, check.reason.code) == ("not_comparable", "not-measured")
    assert check.reason.message == "Net needs real data"


def test_results_are_pooled_by_process():
    check = verdict([measured(*times(1.05)), measured(*times(1.05))], attempts=2)
    assert (check.ratio.processes, check.ratio.blocks, check.attempts) == (12, 24, 2)


def test_an_attempt_without_time_left_leaves_the_verdict_to_the_earlier_ones():
    spent = structs.replace(measured(), measurements=())
    assert verdict([spent]).status == "not_comparable"
    check = verdict([measured(*times(1.2)), spent], attempts=2)
    assert (check.status, check.ratio.processes, check.attempts) == ("failed", 6, 2)


def test_a_later_attempt_needs_more():
    results = [measured(*times(1.033))]
    assert verdict(results).status == "passed"
    later = verdict(results, attempt=2)
    assert later.status == "inconclusive"
    assert later.reason.message.startswith("the 99.88 % interval")  # 1 - 0.05 x 0.1 / 2 / 2


def test_several_checks_share_the_chance_of_a_false_alarm():
    results = [measured(*times(1.063))]
    alone = verdict(results)
    assert alone.status == "failed"
    # Holm: the smallest of four p-values is taken four times.
    four = verdict(results, *[question()] * 4)
    assert [check.p_value for check in four] == pytest.approx([4 * alone.p_value] * 4)
    assert {check.status for check in four} == {"inconclusive"}
    assert four[0].reason.message.startswith("latency is beyond the limit of 1.05, but not signific")


def test_exact_checks_are_not_of_the_family():
    results = [measured(*times(1.063))]
    checks = verdict(results, question(), question("params", 1.2), question("macs", 1.2))
    assert [check.status for check in checks] == ["failed", "passed", "passed"]
    assert checks[0].p_value == verdict(results).p_value
    assert (checks[1].p_value, checks[1].workload) == (None, None)


@pytest.mark.parametrize(
    ("metric", "limit", "status"),
    [
        # params 110 / 100, MACs 1001 / 1000
        ("params", 1.1, "passed"),
        ("params", 1.0999, "failed"),
        ("macs", 1.001, "passed"),
        ("macs", 1.0, "failed"),
    ],
)
def test_exact_figures_are_held_against_the_limit_as_they_are(metric, limit, status):
    (check,) = verdict([measured()], question(metric, limit))
    assert (check.status, check.exact, check.ratio.method) == (status, True, "exact")


def test_what_was_not_measured_is_not_comparable():
    (check,) = verdict([measured(*SIX)], question("peak_memory"))
    assert (check.status, check.reason.code) == ("not_comparable", "not-measured")
    assert check.ratio.estimate is None
    other = structs.replace(WORKLOAD, batch_size=2)
    (check,) = verdict([measured(*SIX)], question(workload=other))
    assert check.reason.message == "latency was not measured under this workload"


def test_a_worker_that_failed_gives_its_reason():
    (check,) = verdict(
        [samples.result(samples.measurement([process([], error="out of memory")]))], question()
    )
    assert (check.status, check.reason.message) == ("not_comparable", "out of memory")


def test_no_ratio_is_not_comparable():
    result = structs.replace(measured(*SIX), baseline_cost=samples.cost(0, 1000))
    (check,) = verdict([result], question("params"))
    assert (check.status, check.reason.code) == ("not_comparable", "no-ratio")


def test_one_process_decides_nothing_unless_its_noise_is_calibrated():
    # Up and down, so that the ratio does not drift.
    blocks = [block(0.05, 0.05 * (1 + 0.001 * n)) for n in (0, 11, 1, 10, 2, 9, 3, 8, 4, 7, 5, 6)]
    quick = samples.measurement([process(blocks)], effort="quick")
    check = verdict([samples.result(quick)])
    assert (check.status, check.reason.code, check.p_value) == ("inconclusive", "not-enough-processes", None)
    assert "1 process cannot show how much fresh processes differ; 5 are needed" in check.reason.message
    assert "sebench calibrate" in check.reason.hint
    calibrated = samples.result(structs.replace(quick, sigma_process=0.004))
    assert verdict([calibrated]).status == "passed"
    assert verdict([calibrated], question(limit=1.004))[0].status == "inconclusive"
    assert verdict([calibrated], question(limit=0.98))[0].status == "failed"


def test_two_trees_cannot_be_calibrated():
    quick = samples.measurement([process([block(0.05, 0.05)] * 12)])
    (check,) = verdict([samples.result(quick)], question(kind="base-ref"))
    assert "calibrate" not in check.reason.hint


def test_emulated_batches_answer_but_are_not_pooled_with_native_ones():
    emulated = structs.replace(WORKLOAD, micro_batch_size=1)
    native, halved = measured(*times(1.2)), measured(*SIX, workload=emulated)
    check = verdict([native, halved])
    assert (check.status, check.ratio.processes) == ("passed", 6)
    assert check.workload == emulated
    assert verdict([halved, native]).status == "failed"


def spent(workload=WORKLOAD):
    """What is recorded where the budget was spent before anything could be measured."""
    noted = Finding(code="budget-spent", severity="error", message="the budget was spent")
    return samples.result(structs.replace(samples.measurement([]), workload=workload, findings=(noted,)))


def test_an_attempt_without_time_left_does_not_drop_emulated_samples():
    # Nothing ran out of memory, so the workload it records is the native one.
    emulated = structs.replace(WORKLOAD, micro_batch_size=1)
    check = verdict([measured(*times(1.2), workload=emulated), spent()], attempts=2)
    assert (check.status, check.ratio.processes, check.workload) == ("failed", 6, emulated)


def test_noise_that_was_calibrated_since_is_known_to_an_attempt_without_samples():
    quick = samples.measurement([process([block(0.05, 0.05)] * 12)])
    later = structs.replace(spent().measurements[0], sigma_process=0.004)
    check = verdict([samples.result(quick), samples.result(later)])
    assert check.status == "passed"


def restless(*ratios, **fields):
    """As `measured`, on a machine that runs every other block 1.5 times as long, which moves no ratio."""
    runs = [
        process([block(0.05 * slow, 0.05 * slow * r) for slow in (1.0, 1.5)], n) for n, r in enumerate(ratios)
    ]
    return samples.result(samples.measurement(runs), **fields)


# Logs -0.1054, 0, 0.0953, -0.0513, 0.0488, 0: s = 0.0710, x 2.5706 / sqrt(6) = 7.5 %, which is grade C.
WIDE = (0.9, 1.0, 1.1, 0.95, 1.05, 1.0)


def test_samples_of_grade_c_fail_nothing_that_noise_could_explain_and_pass_all_the_same():
    check = verdict([restless(*times(1.3, WIDE))])
    assert (check.status, check.grade, check.reason.code) == ("inconclusive", "C", "grade-c")
    assert check.reason.message == (
        "latency exceeds the limit of 1.05, but the measurement has grade C (too noisy: the interval "
        "reaches 7.5 % to either side of the ratio)"
    )
    assert "sebench env" in check.reason.hint
    assert check.p_value < 0.001
    passed = verdict([restless(*times(0.8, WIDE))])
    assert (passed.status, passed.grade) == ("passed", "C")


def test_samples_of_grade_c_fail_what_no_noise_explains():
    check = verdict([restless(*times(2.3, WIDE))])
    assert (check.status, check.grade, check.reason.code) == ("failed", "C", "far-over-limit")
    # Segments of either side: 1, 1, 1.5, 1.5 times its own. The lowest process: 0.9 x 2.3 / 1.5 = 1.38.
    assert check.reason.message == (
        "latency exceeds the limit of 1.05, but the measurement has grade C (too noisy: the interval "
        "reaches 7.5 % to either side of the ratio); even so, noise does not explain it: in 6 of 6 processes "
        "the candidate's fastest segment is at least 1.38 times the baseline's upper quartile"
    )
    assert check.reason.hint is None


def test_one_process_in_ten_may_be_within_the_limit():
    # 0.7 x 2.3 / 1.5 = 1.07; 0.6 x 2.3 / 1.5 = 0.92
    assert verdict([restless(*times(2.3, (0.7, *WIDE[1:])))]).status == "failed"
    assert verdict([restless(*times(2.3, (0.6, *WIDE[1:])))]).reason.code == "grade-c"
    ten = (*WIDE[1:], *WIDE[1:])
    assert verdict([restless(*times(2.3, (0.6, *ten[1:])))]).reason.message.count("in 9 of 10 processes") == 1
    assert verdict([restless(*times(2.3, (0.6, 0.6, *ten[2:])))]).reason.code == "grade-c"


def test_few_processes_of_grade_c_fail_nothing():
    blocks = [block(0.05, 0.05 * r) for r in (1.5, 3.0) * 8]
    quick = structs.replace(samples.measurement([process(blocks)], effort="quick"), sigma_process=0.004)
    check = verdict([samples.result(quick)])
    # One process: the signed-rank interval of its blocks reaches from 1.5 to 3.
    assert (check.grade, check.status, check.reason.code) == ("C", "inconclusive", "grade-c")


def test_a_canary_alone_keeps_nothing_from_failing():
    runs = [
        process([block(0.05, 0.06 * r, canary_s=canary_s) for canary_s in (0.004, 0.005)], n)
        for n, r in enumerate(SIX)
    ]
    check = verdict([samples.result(samples.measurement(runs))])
    # 4 and 5 ms are 15.7 % about 4.5.
    assert "canary-unstable" in [finding.code for finding in check.findings]
    assert (check.status, check.grade) == ("failed", "A")


def test_the_grade_is_that_of_all_samples_together():
    assert verdict([measured(*times(1.2))]).grade == "A"
    # 7.5 % to either side alone, which is grade C; of 18 processes together 1.9 %.
    three = [measured(*times(1.2)), restless(*times(1.2, WIDE)), measured(*times(1.2))]
    assert (verdict(three).status, verdict(three).grade) == ("failed", "A")
    alone = verdict([restless(*times(1.3, WIDE))])
    assert (alone.status, alone.grade) == ("inconclusive", "C")


def test_what_the_machine_was_found_to_be_counts_for_the_grade():
    busy = Finding(code="load-high", severity="warning", message="others run here")
    environment = structs.replace(samples.ENVIRONMENT, findings=(busy,))
    check = verdict([structs.replace(measured(*times(1.2)), environment=environment), measured(*times(1.2))])
    assert (check.status, check.grade) == ("failed", "B")


def test_exact_figures_have_no_grade():
    (check,) = verdict([restless(*SIX)], question("params", 1.0))
    assert (check.status, check.grade) == ("failed", None)


def joules(*ratios, blocks=3, others=None, **fields):
    """Energy of fresh processes, 50 J a window of the baseline; `measured` beside it."""

    def window(side, energy_joules):
        return EnergyWindow(side=side, steps=10, duration_s=5.0, energy_joules=energy_joules)

    runs = tuple(
        EnergyRun(
            process=number,
            idle_w=1.0,
            other_cpu_ratio=others,
            blocks=(
                EnergyBlock(
                    order="ABBA",
                    windows=tuple(
                        window(side, 50.0 * (ratio if side == "candidate" else 1.0))
                        for side in ("baseline", "candidate", "candidate", "baseline")
                    ),
                ),
            )
            * blocks,
        )
        for number, ratio in enumerate(ratios)
    )
    energy = EnergyMeasurement(workload=WORKLOAD, counter="rapl", processes=runs, **fields)
    return structs.replace(measured(*SIX), energy=(energy,))


def test_one_process_does_not_decide_on_energy():
    for ratio in (0.5, 2.0):
        (check,) = verdict([joules(ratio, blocks=6)], question("energy", 1.05))
        assert (check.status, check.reason.code) == ("inconclusive", "not-enough-processes")
        assert check.p_value is None
        assert "calibrate" not in check.reason.hint  # which knows times only
    assert check.ratio.estimate == pytest.approx(2.0)


def test_energy_is_pooled_and_of_the_family():
    (check,) = verdict([joules(*times(1.2)[:5])], question("energy", 1.05))
    assert (check.status, check.grade, check.ratio.processes) == ("failed", "A", 5)
    assert [finding.code for finding in check.findings] == ["energy-counter"]
    results = [joules(*times(1.2)[:5]), joules(*times(1.2)[:3]), joules(reason="the step could not be timed")]
    energy, latency = verdict(results, question("energy", 1.05), question(), attempts=3)
    assert (energy.ratio.processes, energy.attempts, latency.status) == (8, 3, "passed")
    alone = verdict(results, question("energy", 1.05))[0]
    assert energy.p_value == pytest.approx(2 * alone.p_value)


def test_repeating_does_not_turn_a_verdict_on_energy():
    first = joules(*times(1.2)[:5])
    lucky = joules(*SIX[:5])
    (check,) = verdict([first, lucky], question("energy", 1.05), attempt=2, attempts=2)
    assert (check.status, check.ratio.processes) == ("inconclusive", 10)


def test_energy_that_others_used_too_fails_nothing():
    (check,) = verdict([joules(*times(1.2)[:5], others=0.3)], question("energy", 1.05))
    assert (check.status, check.reason.code, check.grade) == ("inconclusive", "grade-c", "C")
    assert "other processes used 30 % of this one's CPU time" in check.reason.message


def test_energy_that_cannot_be_had_says_why():
    (check,) = verdict([joules(reason="the GPU is shared")], question("energy", 1.05))
    assert (check.status, check.reason.message) == ("not_comparable", "the GPU is shared")


def test_only_blocks_with_the_metric_count():
    (check,) = verdict([measured(*SIX)], question("forward_latency"))
    assert check.status == "not_comparable"


def memory(candidate, repeated=None):
    runs = [
        MemoryRun(process=n, side=side, peak_bytes=value)
        for n, pair in enumerate([(1000, candidate), (1000, repeated or candidate)])
        for side, value in zip(("baseline", "candidate"), pair, strict=True)
    ]
    return structs.replace(measured(), memory=(MemoryMeasurement(workload=WORKLOAD, processes=tuple(runs)),))


def test_memory_that_repeats_is_exact_and_what_does_not_cannot_be_gated():
    (check,) = verdict([memory(1100)], question("peak_memory", 1.10))
    assert (check.status, check.exact) == ("passed", True)
    (check,) = verdict([memory(1100, 1120)], question("peak_memory", 1.20))
    assert (check.status, check.reason.code) == ("inconclusive", "no-interval")
    assert check.p_value is None


def test_a_figure_that_is_not_pooled_is_not_forgotten_either():
    (check,) = verdict([memory(1100, 1120), memory(1300, 1400)], question("peak_memory", 1.10), attempts=2)
    assert (check.status, check.attempts) == ("inconclusive", 2)


def test_findings_come_along():
    found = samples.measurement([process([block(0.05, 0.05)] * 2, n) for n in range(5)])
    noted = Finding(code="batch-emulated", severity="warning", message="halved")
    check = verdict([samples.result(structs.replace(found, findings=(noted,)))])
    assert noted in check.findings


def test_names_are_those_of_the_question():
    pair = Pair(baseline=ModelSpec(model="nets.py:net", commit="1" * 40), candidate=ModelSpec(model="n:n"))
    result = structs.replace(measured(*SIX), pair=pair)
    asked = question(kind="base-ref", model="nets.py:net", baseline="main (111)", candidate="this tree")
    (check,) = verdict([result], asked)
    assert (check.kind, check.model, check.baseline, check.candidate) == (
        "base-ref", "nets.py:net", "main (111)", "this tree",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ((), "not_comparable"),
        ((gates.passed(),), "passed"),
        ((gates.passed(), gates.inconclusive()), "inconclusive"),
        ((gates.inconclusive(), gates.not_comparable()), "not_comparable"),
        ((gates.not_comparable(), gates.check(), gates.passed()), "failed"),
    ],
)
def test_the_worst_check_is_the_status(checks, status):
    assert gate_status(checks) == status
