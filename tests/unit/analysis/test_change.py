"""Old results against new ones; the arithmetic is in the comments."""

import math

import pytest
from msgspec.structs import replace
from scipy import stats

from sebench.analysis.change import changes
from sebench.analysis.metric_change import change_verdict
from sebench.errors import DataFileError
from sebench.schema import (
    EnergyBlock,
    EnergyMeasurement,
    EnergyRun,
    EnergyWindow,
    MemoryMeasurement,
    MemoryRun,
    ModelSpec,
    Pair,
    Ratio,
    SavedBytes,
    SavedForBackward,
)
from tests import samples
from tests.history import measured

SPREAD = (0.99, 1.00, 1.01)


def around(level, factors=SPREAD):
    return [level * factor for factor in factors]


def metrics(before, after):
    (change,) = changes([before], [after])
    return {metric.metric: metric for metric in change.metrics}


def test_the_change_of_the_overhead_is_welchs_t_on_the_logarithms():
    latency = metrics(measured(around(1.05)), measured(around(1.155), day=1))["latency"]
    logs = [math.log(factor) for factor in SPREAD]
    # Both sides scatter alike: df = 2 + 2, v1 + v2 = 2 s^2 / 3; 1.155 / 1.05 = 1.1.
    mean = sum(logs) / 3
    s2 = sum((value - mean) ** 2 for value in logs) / 2
    half = 2.7764451 * math.sqrt(2 * s2 / 3)
    assert latency.overhead.estimate == pytest.approx(1.1, rel=1e-12)
    assert latency.overhead.ci_low == pytest.approx(1.1 * math.exp(-half), rel=1e-6)
    assert latency.overhead.ci_high == pytest.approx(1.1 * math.exp(half), rel=1e-6)
    assert latency.degrees_of_freedom == pytest.approx(4)
    assert (latency.overhead.processes, latency.overhead.scope) == (6, "process")
    assert (latency.verdict, latency.reason) == ("slower", None)
    assert latency.before.estimate == pytest.approx(1.05 * math.exp(mean), rel=1e-9)


def test_unequal_sizes_agree_with_scipy():
    old, new = around(1.05, (0.97, 1.0, 1.02, 1.01)), around(1.02)
    latency = metrics(measured(old), measured(new, day=1))["latency"]
    found = stats.ttest_ind([math.log(x) for x in new], [math.log(x) for x in old], equal_var=False)
    low, high = found.confidence_interval(0.95)
    assert (latency.overhead.ci_low, latency.overhead.ci_high) == pytest.approx(
        (math.exp(low), math.exp(high)), rel=1e-9
    )
    assert latency.degrees_of_freedom == pytest.approx(found.df, rel=1e-9)


@pytest.mark.parametrize(
    ("level", "verdict"),
    [(1.2, "slower"), (0.9, "faster"), (1.0, "no change shown"), (1.004, "no change shown")],
)
def test_verdicts_of_times(level, verdict):
    latency = metrics(measured(around(1.05)), measured(around(1.05 * level), day=1))["latency"]
    assert latency.verdict == verdict


def test_verdicts_of_other_units():
    larger = Ratio(estimate=1.2, ci_low=1.1, ci_high=1.3, method="x")
    smaller = Ratio(estimate=0.8, ci_low=0.7, ci_high=0.9, method="x")
    assert change_verdict(larger, "peak_memory", exact=False) == "larger"
    assert change_verdict(smaller, "energy", exact=False) == "smaller"
    assert change_verdict(Ratio(estimate=1.5, method="x"), "latency", exact=False) == "no change shown"
    assert change_verdict(Ratio(estimate=None, method="none"), "latency", exact=False) == "not comparable"


def test_counts_change_exactly():
    after = measured(SPREAD, day=1, candidate_cost=samples.cost(121, 1001))
    found = metrics(measured(SPREAD), after)
    # params: 110 / 100 before, 121 / 100 after
    params = found["params"]
    assert (params.before.estimate, params.after.estimate) == (1.1, 1.21)
    assert params.overhead == Ratio(
        estimate=12100 / 11000, ci_low=12100 / 11000, ci_high=12100 / 11000, method="exact"
    )
    assert (params.exact, params.verdict, params.grade) == (True, "larger", "A")
    assert params.candidate.ratio.estimate == 121 / 110
    assert found["macs"].overhead.estimate == 1.0
    assert (found["macs"].verdict, found["macs"].reason) == ("unchanged", None)


def test_equal_quotients_of_other_counts_are_exactly_unchanged():
    # 100 * 1.1 in floats is not 110; crosswise 49 * 330 = 147 * 110 it is.
    before = measured(SPREAD, baseline_cost=samples.cost(49, 10), candidate_cost=samples.cost(110, 10))
    after = measured(SPREAD, day=1, baseline_cost=samples.cost(147, 10), candidate_cost=samples.cost(330, 10))
    params = metrics(before, after)["params"]
    assert (params.overhead.estimate, params.verdict) == (1.0, "unchanged")
    assert params.candidate.ratio.estimate == 3.0


def test_one_process_gives_no_interval_and_says_why():
    latency = metrics(measured([1.05]), measured(around(1.3), day=1))["latency"]
    assert latency.overhead.estimate == pytest.approx(
        math.exp(sum(math.log(1.3 * f) for f in SPREAD) / 3) / 1.05, rel=1e-9
    )
    assert (latency.overhead.ci_low, latency.overhead.scope, latency.degrees_of_freedom) == (None, None, None)
    assert latency.verdict == "no change shown"
    assert "two processes or more before and after" in latency.reason


def test_processes_that_do_not_vary_are_flagged():
    latency = metrics(measured([1.05] * 3), measured([1.10] * 3, day=1))["latency"]
    assert (latency.verdict, latency.degrees_of_freedom) == ("slower", None)
    assert "check the clock" in latency.reason


def test_other_workloads_are_not_compared_and_the_fields_are_named():
    after = measured(SPREAD, day=1, workload=replace(samples.WORKLOAD, threads=4, dtype="bfloat16"))
    latency = metrics(measured(SPREAD), after)["latency"]
    assert (latency.verdict, latency.overhead.estimate) == ("not comparable", None)
    assert {(d.field, d.before, d.after) for d in latency.differences} == {
        ("threads", 2, 4),
        ("dtype", "float32", "bfloat16"),
    }
    assert latency.reason == "measured under another workload"
    assert latency.workload.threads == 4
    assert latency.candidate.status == "unavailable"
    assert latency.before is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device", "cuda"),
        ("phase", "training"),
        ("batch_size", 2),
        ("input_shape", (1, 3, 299, 299)),
        ("memory_format", "channels_last"),
        ("runtime", "compile"),
        ("optimizer", "sgd"),
        ("world_size", 2),
        ("micro_batch_size", 1),
        ("cudnn_benchmark", False),
    ],
)
def test_the_whole_workload_must_agree(field, value):
    after = measured(SPREAD, day=1, workload=replace(samples.WORKLOAD, **{field: value}))
    latency = metrics(measured(SPREAD), after)["latency"]
    assert latency.verdict == "not comparable"
    assert [difference.field for difference in latency.differences] == [field]


def test_counts_for_another_input_are_not_compared():
    wide = replace(samples.cost(110, 1001), input_shape=(1, 3, 299, 299))
    params = metrics(measured(SPREAD), measured(SPREAD, day=1, candidate_cost=wide))["params"]
    assert (params.verdict, params.reason) == ("not comparable", "counted for another input")
    assert [difference.field for difference in params.differences] == ["input_shape"]


def test_each_workload_finds_its_own_and_the_rest_its_nearest():
    base = samples.WORKLOAD
    workloads = {
        "before": [base, replace(base, batch_size=8, threads=1)],
        "after": [replace(base, batch_size=8), base, replace(base, device="cuda", dtype="tf32")],
    }
    before, after = (
        [
            measured(SPREAD, day=day, workload=workload, commit=f"{day}{i}" * 20)
            for i, workload in enumerate(found)
        ]
        for day, found in enumerate(workloads.values())
    )
    (change,) = changes(before, after)
    found = [metric for metric in change.metrics if metric.metric == "latency"]
    by_batch = {(m.workload.batch_size, m.workload.device): m for m in found}
    assert by_batch[1, "cpu"].verdict == "no change shown"
    assert [d.field for d in by_batch[8, "cpu"].differences] == ["threads"]
    assert by_batch[1, "cuda"].reason == "only in the new results"
    assert by_batch[1, "cuda"].before is None


def test_pairs_on_one_side_are_listed():
    other = Pair(baseline=ModelSpec(model="vgg16_bn"), candidate=ModelSpec(model="vgg16_bn", variant="se"))
    old, new = measured(SPREAD), measured(SPREAD, day=1, pair=other)
    found = changes([old], [new])
    assert [(change.pair, change.only_in) for change in found] == [(other, "after"), (old.pair, "before")]
    assert all(change.metrics == () for change in found)
    assert found[0].after[0].id == new.id
    assert changes([], []) == ()


def test_two_networks_are_a_pair():
    nets = Pair(baseline=ModelSpec(model="n.py:old"), candidate=ModelSpec(model="n.py:new"))
    found = changes([measured(SPREAD, pair=nets)], [measured(SPREAD, pair=nets, day=1)])
    assert [(change.pair, change.only_in) for change in found] == [(nets, None)]


def test_the_class_count_is_part_of_the_pair():
    small = Pair(
        baseline=ModelSpec(model="resnet50", num_classes=10),
        candidate=ModelSpec(model="resnet50", variant="se", num_classes=10),
    )
    assert len(changes([measured(SPREAD)], [measured(SPREAD, day=1, pair=small)])) == 2


def test_of_several_results_the_newest_counts():
    old = [measured(around(1.30), day=0), measured(around(1.05), day=2), measured(around(1.20), day=1)]
    (change,) = changes(old, [measured(around(1.05), day=3)])
    latency = {metric.metric: metric for metric in change.metrics}["latency"]
    assert latency.overhead.estimate == pytest.approx(1.0)
    assert [origin.created_at for origin in change.before] == ["2026-01-03T00:00:00+00:00"]


def test_results_of_other_workloads_are_kept_beside_the_newest():
    training = replace(samples.WORKLOAD, phase="training")
    both = [measured(around(1.05), day=0), measured(around(1.2), day=1, workload=training)]
    (change,) = changes(both, both)
    assert len([metric for metric in change.metrics if metric.metric == "latency"]) == 2
    assert len([metric for metric in change.metrics if metric.metric == "params"]) == 1
    assert len(change.before) == 2


def test_a_result_without_figures_says_why():
    failed = samples.measurement([samples.process([], error="killed by SIGKILL")])
    latency = metrics(measured(SPREAD), measured(SPREAD, day=1, measurements=(failed,)))["latency"]
    assert latency.verdict == "not comparable"
    assert latency.reason == "no ratio in the new result: killed by SIGKILL"


def test_an_unreadable_date_is_refused():
    with pytest.raises(DataFileError, match="no readable date: 'yesterday'"):
        changes([measured(SPREAD, created_at="yesterday")], [])


# --- the candidate alone --------------------------------------------------------------------------------


def test_the_candidates_own_time_is_marked_as_not_interleaved():
    before = measured(around(1.1), baseline_s=0.05)
    after = measured(around(1.1), baseline_s=0.06, day=1)
    latency = metrics(before, after)["latency"]
    # The overhead is the same; everything takes 20 % longer.
    assert latency.overhead.estimate == pytest.approx(1.0)
    assert latency.candidate.ratio.estimate == pytest.approx(1.2)
    assert latency.candidate.ratio.ci_low < 1.2 < latency.candidate.ratio.ci_high
    assert latency.candidate.reason == "between sessions: not interleaved"


@pytest.mark.parametrize(
    ("changed", "fact", "before", "after"),
    [
        ({"cpu": {"model": "Other CPU", "usable_cores": 2}}, "cpu.model", "Sample CPU", "Other CPU"),
        ({"cpu": {"model": "Sample CPU", "usable_cores": 8}}, "cpu.usable_cores", 2, 8),
        ({"versions": {"torch": "2.12.1"}}, "torch", "2.11", "2.12"),
        ({"variables": {"OMP_NUM_THREADS": "1"}}, "variables.OMP_NUM_THREADS", None, "1"),
        ({"device": {"name": "GPU X"}}, "device.name", None, "GPU X"),
    ],
)
def test_another_set_up_forbids_comparing_times_and_is_named(changed, fact, before, after):
    moved = replace(samples.ENVIRONMENT, **changed)
    latency = metrics(measured(SPREAD), measured(SPREAD, day=1, environment=moved))["latency"]
    assert (latency.candidate.status, latency.candidate.reason) == ("unavailable", "fingerprint")
    assert latency.candidate.ratio.estimate is None
    facts = {d.field: (d.before, d.after) for d in latency.candidate.differences}
    assert facts[fact] == (before, after)
    # The ratio of the overheads still says something.
    assert latency.verdict == "no change shown"


def test_counts_do_not_depend_on_the_machine():
    moved = replace(samples.ENVIRONMENT, cpu={"model": "Other CPU"})
    params = metrics(measured(SPREAD), measured(SPREAD, day=1, environment=moved))["params"]
    assert params.candidate.ratio.estimate == 1.0


def test_a_torch_patch_release_is_the_same_set_up():
    patched = replace(samples.ENVIRONMENT, versions={"torch": "2.11.3"})
    latency = metrics(measured(SPREAD), measured(SPREAD, day=1, environment=patched))["latency"]
    assert latency.candidate.status == "ok"


# --- memory ---------------------------------------------------------------------------------------------


def memory(peak, resident=None):
    training = replace(samples.WORKLOAD, phase="training")
    runs = tuple(
        MemoryRun(process=number, side=side, peak_bytes=value, resident_bytes=resident and value + number)
        for number in range(2)
        for side, value in zip(("baseline", "candidate"), peak, strict=True)
    )
    return (MemoryMeasurement(workload=training, processes=runs),)


def test_memory_that_repeats_is_exact_and_the_rest_information():
    found = metrics(
        measured(SPREAD, memory=memory((1000, 1200), resident=True)),
        measured(SPREAD, day=1, memory=memory((1000, 1500), resident=True)),
    )
    # 1500/1000 over 1200/1000
    assert found["peak_memory"].overhead.estimate == 1.25
    assert found["peak_memory"].verdict == "larger"
    resident = found["resident_memory"]
    assert (resident.overhead.ci_low, resident.verdict) == (None, "no change shown")
    assert resident.reason == "no interval: information only"


# --- energy ---------------------------------------------------------------------------------------------


def energy(ratios):
    """One process of two equal blocks per ratio: 10 J a step, against as much times the ratio."""
    sides = {"A": ("baseline", 1.0), "B": ("candidate", None)}

    def block(ratio):
        windows = tuple(
            EnergyWindow(
                side=sides[x][0], steps=10, duration_s=5.0, energy_joules=100 * (sides[x][1] or ratio)
            )
            for x in "ABBA"
        )
        return EnergyBlock(order="ABBA", windows=windows)

    runs = tuple(
        EnergyRun(process=number, blocks=(block(ratio), block(ratio))) for number, ratio in enumerate(ratios)
    )
    return (EnergyMeasurement(workload=samples.WORKLOAD, counter="nvml", processes=runs),)


def test_energy_is_compared_over_its_own_processes():
    found = metrics(
        measured(SPREAD, energy=energy(around(1.05))), measured(SPREAD, day=1, energy=energy(around(1.155)))
    )
    joules, latency = (
        found["energy"],
        metrics(measured(around(1.05)), measured(around(1.155), day=1))["latency"],
    )
    assert joules.verdict == "larger"
    for field in ("estimate", "ci_low", "ci_high"):  # the same ratios as in seconds
        assert getattr(joules.overhead, field) == pytest.approx(getattr(latency.overhead, field))
    assert found["energy_per_image"].overhead.ci_low == pytest.approx(joules.overhead.ci_low)
    # The candidate's joules rose by a tenth; without an interval, and not interleaved.
    assert joules.candidate.ratio.estimate == pytest.approx(1.1)
    assert joules.candidate.ratio.ci_low is None


def test_saved_bytes_belong_to_their_batch():
    def saved(batch_size):
        return SavedForBackward(
            workload=replace(samples.WORKLOAD, phase="training", batch_size=batch_size),
            baseline=(SavedBytes(stage="2", site=None, saved_bytes=100),),
            candidate=(SavedBytes(stage="2", site=None, saved_bytes=150),),
        )

    same = metrics(measured(SPREAD, saved=saved(8)), measured(SPREAD, day=1, saved=saved(8)))
    assert same["saved_bytes"].verdict == "unchanged"
    other = metrics(measured(SPREAD, saved=saved(8)), measured(SPREAD, day=1, saved=saved(16)))
    assert [d.field for d in other["saved_bytes"].differences] == ["batch_size"]
    # A metric that only one side has.
    lone = metrics(measured(SPREAD, saved=saved(8)), measured(SPREAD, day=1))
    assert lone["saved_bytes"].reason == "only in the old results"
    assert (lone["saved_bytes"].after, lone["saved_bytes"].grade) == (None, None)
