"""A fresh result against a stored one: times where they may be compared, else ratios, and said so."""

import math

import pytest
from msgspec import structs
from scipy.stats import t, ttest_ind

from sebench.analysis.gate import decide
from sebench.analysis.question import Question
from sebench.analysis.stored import answer_stored
from sebench.schema import Noise
from tests import samples
from tests.samples import ENVIRONMENT, WORKLOAD, block, process

CALIBRATED = Noise(
    bias=0.0,
    bias_low=None,
    bias_high=None,
    sigma_block=0.01,
    sigma_process=0.004,
    sigma_session=0.003,
    sigma_session_time=0.015,
    processes=30,
    blocks=300,
    sessions=5,
)
THEN = (0.99, 1.0, 1.01, 0.995, 1.005, 1.0)


def question(metric="latency", limit=1.10):
    return Question(
        kind="stored",
        model="resnet50",
        baseline="main.json",
        candidate="se",
        metric=metric,
        limit=limit,
        workload=WORKLOAD,
    )


def result(ratios=THEN, *, base_s=0.05, created_at="2026-01-02T03:04:05+00:00", **fields):
    found = samples.measurement([process([block(base_s, base_s * r)] * 2, n) for n, r in enumerate(ratios)])
    return samples.result(found, created_at=created_at, **fields)


def check(now, then, asked=None, noise=CALIBRATED):
    answer = answer_stored(asked or question(), [now], then, noise=noise)
    return decide([answer], attempt=1, look=1)[0]


def codes(found):
    return [finding.code for finding in found.findings]


def test_on_one_calibrated_set_up_times_are_compared():
    # The network became 20 % slower, its baseline as well: only the time shows it.
    found = check(result(base_s=0.06), result(base_s=0.05))
    assert found.ratio.method == "welch-t/times"
    assert found.ratio.estimate == pytest.approx(1.2)
    assert codes(found) == []
    assert (found.ratio.processes, found.ratio.blocks) == (12, 24)


def test_the_interval_is_welchs_widened_by_the_sessions():
    now, then = [1.02 * r for r in THEN], list(THEN)
    found = check(result(now), result(then))
    test = ttest_ind([math.log(r) for r in now], [math.log(r) for r in then], equal_var=False)
    interval = test.confidence_interval(0.95)
    own = (interval.high - interval.low) / 2
    variances = [_variance_of_mean(side) for side in (now, then)]
    assert own == pytest.approx(t.ppf(0.975, test.df) * math.sqrt(sum(variances)))
    # The third error was estimated from five sessions (Satterthwaite).
    errors = [*((variance, 5) for variance in variances), (2 * 0.015**2, 4)]
    variance = sum(each for each, _ in errors)
    freedom = variance**2 / sum(each**2 / df for each, df in errors)
    wide = t.ppf(0.975, freedom) * math.sqrt(variance)
    assert math.log(found.ratio.ci_high) - math.log(found.ratio.estimate) == pytest.approx(wide)


def _variance_of_mean(ratios):
    logs = [math.log(ratio) for ratio in ratios]
    mean = sum(logs) / len(logs)
    return sum((value - mean) ** 2 for value in logs) / (len(logs) - 1) / len(logs)


@pytest.mark.parametrize(
    ("now", "noise", "why"),
    [
        (
            {"environment": structs.replace(ENVIRONMENT, cpu={"model": "New CPU", "usable_cores": 2})},
            CALIBRATED,
            "different set-up: CPU Sample CPU then, New CPU now",
        ),
        (
            {"environment": structs.replace(ENVIRONMENT, versions={"torch": "2.12.1"})},
            CALIBRATED,
            "different set-up: torch 2.11.0 then, 2.12.1 now",
        ),
        (
            {"environment": structs.replace(ENVIRONMENT, variables={"OMP_PLACES": "sockets"})},
            CALIBRATED,
            "different set-up: thread settings or CPU features differ",
        ),
        ({"created_at": "2026-02-03T00:00:00+00:00"}, CALIBRATED, "it is 31 days old, more than 30"),
        ({}, None, "the variation between sessions is not calibrated"),
        ({}, structs.replace(CALIBRATED, sigma_session_time=None), "the variation between sessions is not"),
    ],
)
def test_else_only_the_ratio_to_the_baseline_is(now, noise, why):
    found = check(result(base_s=0.06, **now), result(base_s=0.05), noise=noise)
    assert found.ratio.method == "welch-t/ratios"
    assert found.ratio.estimate == pytest.approx(1.0)
    assert codes(found) == ["downgraded-to-ratio"]
    assert why in found.findings[0].message
    assert "--base-ref" in found.findings[0].hint


def test_a_month_is_not_too_old():
    found = check(result(created_at="2026-02-01T03:04:05+00:00"), result())
    assert found.ratio.method == "welch-t/times"


def test_fewer_than_five_processes_on_either_side_decide_nothing():
    for now, then, least in ((THEN[:4], THEN, 4), (THEN, THEN[:1], 1)):
        found = check(result(now), result(then))
        assert (found.status, found.reason.code) == ("inconclusive", "not-enough-processes")
        assert f"{least} process" in found.reason.message
        assert "calibrate" not in found.reason.hint


@pytest.mark.parametrize(
    ("now", "code"),
    [
        ({"environment": structs.replace(ENVIRONMENT, cpu={"model": "New CPU"})}, "another-set-up"),
        ({"created_at": "2026-02-03T00:00:00+00:00"}, "stored-too-old"),
    ],
)
def test_a_ratio_from_elsewhere_passes_but_never_fails(now, code):
    assert check(result(**now), result()).status == "passed"
    failed = check(result([1.5 * r for r in THEN], **now), result())
    assert (failed.status, failed.reason.code) == ("inconclusive", code)
    assert failed.reason.message.startswith("latency exceeds the limit of 1.1, but only its ratio to the ")
    assert "--base-ref" in failed.reason.hint
    assert failed.ratio.estimate == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("noise", "sessions"), [(None, 0), (structs.replace(CALIBRATED, sigma_session=None, sessions=4), 4)]
)
@pytest.mark.parametrize("ratios", [THEN, [1.5 * r for r in THEN]])
def test_without_the_variation_between_sessions_nothing_is_decided(noise, sessions, ratios):
    noise = noise and structs.replace(noise, sigma_session_time=None)
    found = check(result(ratios), result(), noise=noise)
    assert (found.status, found.reason.code, found.p_value) == (
        "inconclusive", "sessions-not-calibrated", None,
    )  # fmt: skip
    assert f"not calibrated here: {sessions} of 5 sessions" in found.reason.message
    assert "`sebench calibrate`" in found.reason.hint
    assert "--base-ref" in found.reason.hint
    assert found.ratio.ci_low is not None


def test_the_lower_grade_of_the_two_counts():
    # The baseline differs by 10 % between processes, its candidate does not: +- 7.5 % about a ratio of 1.
    bases_s = (0.045, 0.05, 0.055, 0.0475, 0.0525, 0.05)
    wide = structs.replace(
        result(),
        measurements=(
            samples.measurement([process([block(s, 0.05)] * 2, n) for n, s in enumerate(bases_s)]),
        ),
    )
    found = check(result(base_s=0.07), wide)
    # However far beyond: the two were not measured together.
    assert (found.status, found.grade, found.reason.code) == ("inconclusive", "C", "grade-c")
    assert check(result(base_s=0.2), wide).reason.code == "grade-c"
    assert check(result(), result()).grade == "A"


def test_a_result_without_samples_does_not_say_what_the_set_up_is():
    nowhere = structs.replace(result(()), environment=structs.replace(ENVIRONMENT, cpu={"model": "?"}))
    answer = answer_stored(question(), [result(base_s=0.07), nowhere], result(), noise=CALIBRATED)
    (found,) = decide([answer], attempt=1, look=1)
    assert (found.status, found.ratio.method) == ("failed", "welch-t/times")


def test_the_verdicts_are_those_of_every_gate():
    # sqrt(2) x 1.5 % between five sessions: at 97.75 % and 4.2 degrees of freedom +- 7.4 %
    assert check(result(), result()).status == "passed"
    assert check(result(base_s=0.055), result(base_s=0.05)).status == "inconclusive"
    assert check(result(base_s=0.07), result(base_s=0.05)).status == "failed"
    assert check(result(base_s=0.07), result(base_s=0.05)).grade == "A"


def test_exact_figures_are_the_candidates_own():
    now = structs.replace(result(), candidate_cost=samples.cost(121, 1001))
    found = check(now, result(), question("params", 1.1))
    assert (found.status, found.exact, found.ratio.estimate) == ("passed", True, pytest.approx(1.1))
    assert check(now, result(), question("params", 1.09)).status == "failed"


def test_exact_figures_that_depend_on_torch_need_the_same_one():
    newer = result(environment=structs.replace(ENVIRONMENT, versions={"torch": "2.12.0"}))
    assert check(newer, result(), question("macs", 1.0)).status == "passed"
    found = check(newer, result(), question("flops", 1.0))
    assert (found.status, found.reason.code) == ("not_comparable", "another-torch")
    assert found.reason.message == "flops depends on torch: 2.11 in main.json, 2.12 now"
    patch = result(environment=structs.replace(ENVIRONMENT, versions={"torch": "2.11.3"}))
    assert check(patch, result(), question("flops", 1.0)).status == "passed"


def test_what_one_of_them_lacks_is_not_comparable():
    missing = check(result(), result(()))
    assert (missing.status, missing.reason.message) == (
        "not_comparable", "latency was not measured in main.json",
    )  # fmt: skip
    assert check(result(()), result()).reason.message == "latency was not measured now"
    found = check(result(), result(), question("peak_memory"))
    assert (found.status, found.reason.code) == ("not_comparable", "not-measured")


def test_another_workload_is_another_measurement():
    bigger = structs.replace(WORKLOAD, batch_size=8)
    then = result()
    moved = structs.replace(then.measurements[0], workload=bigger)
    found = check(result(), structs.replace(then, measurements=(moved,)))
    assert found.reason.message == "latency was not measured in main.json"
