"""From samples and counts to a profile; the arithmetic is in the comments."""

import pytest
from msgspec.structs import replace

from sebench.analysis.profile import conclude_profile
from sebench.schema import (
    Contrast,
    Machine,
    ModelSpec,
    OpCost,
    Pair,
    PartSample,
    ProfileSamples,
    SiteCost,
    StaticCost,
    Workload,
)
from sebench.schema.gates import Gate
from tests.samples import block

PAIR = Pair(baseline=ModelSpec(model="resnet50"), candidate=ModelSpec(model="resnet50", variant="se"))
WORKLOAD = Workload(input_shape=(1, 3, 224, 224))
# 1 GB/s, 1 GFLOP/s, 1 us per operation
MACHINE = Machine(copy_bytes_per_s=1e9, matmul_flops_per_s=1e9, launch_s=1e-6)


GATE = Gate(
    path="site", kind="channel", module=True, channels=8, hidden=(2,), reduction="mean", gate="sigmoid",
    bias=True, dimensions=2, params=42, macs=32, before="add", after="relu", stage="2",
)  # fmt: skip


def op(part, *, flops=0, moved=0, calls=1, macs=0, phase="forward"):
    return OpCost(
        op="aten.mul", module=f"site.{part}", stage="2", site="site", phase=phase, calls=calls, flops=flops,
        bytes_read=moved, macs=macs,
    )  # fmt: skip


def cost(*ops, params=0):
    sites = (SiteCost(path="site", stage="2", params=params),) if ops else ()
    return StaticCost(input_shape=(1, 3, 224, 224), params=0, buffers=0, ops=ops, sites=sites)


def sample(part, *times_s, phase="forward"):
    return PartSample(site="site", part=part, phase=phase, times_s=times_s)


def contrast(name, baseline_s, candidate_s):
    return Contrast(name=name, blocks=(block(baseline_s, candidate_s),) * 12)


def profiled(parts, counted, contrasts=(), profiled_s=0.055, step_s=0.055, workload=WORKLOAD):
    samples = ProfileSamples(
        sites=tuple(site.path for site in counted.sites),
        parts=tuple(parts),
        profiled_steps_s=(profiled_s,),
        steps_s=(step_s,),
        machine=MACHINE,
        contrasts=(contrast("plain", 0.050, 0.055), *contrasts),
    )
    return conclude_profile(PAIR, workload, samples, cost(), counted)


def test_bounds_and_verdicts():
    found = profiled(
        [
            sample("squeeze", 4e-3, 2e-3, 9e-3),
            sample("excite", 1e-3, 1e-3, 1e-3),
            sample("scale", 1e-3, 1e-3, 1e-3),
        ],
        cost(
            op("squeeze", moved=2_000_000),  # 2 ms of memory, 1 us of launching
            op("excite.fc1", moved=1_000, calls=5),  # 1 us of memory, 5 us of launching
            op("scale", flops=3_000_000, moved=1_000_000),  # 3 ms of arithmetic
        ),
    )
    squeeze, excite, scale = found.parts
    assert (squeeze.time_s, squeeze.bound_s, squeeze.verdict) == (4e-3, 2e-3, "bandwidth-bound")
    assert squeeze.achieved_bytes_per_s == pytest.approx(2e6 / 4e-3)
    assert (excite.bound_s, excite.verdict, excite.calls) == (pytest.approx(5e-6), "launch-bound", 5)
    assert (scale.bound_s, scale.verdict) == (3e-3, "compute-bound")


def test_weights_that_are_most_of_the_traffic_name_the_bound():
    # 600 kB of 1 MB are weights: 150,000 parameters of 4 bytes
    found = profiled([sample("excite", 2e-3)], cost(op("excite.fc1", moved=1_000_000), params=150_000))
    assert found.parts[0].verdict == "weight-bound"
    found = profiled([sample("excite", 2e-3)], cost(op("excite.fc1", moved=1_000_000), params=100_000))
    assert found.parts[0].verdict == "bandwidth-bound"


def test_prediction_and_measurement():
    counted = cost(op("squeeze", moved=2_000_000, calls=10), op("scale", moved=1_000_000, calls=5))
    found = profiled([sample("squeeze", 1e-3)], counted)
    # 3 MB at 1 GB/s and 15 launches of 1 us; 55 - 50 ms measured
    assert found.predicted_difference_s == pytest.approx(3e-3 + 15e-6)
    assert found.measured_difference.estimate == pytest.approx(0.005)
    assert found.measured_ratio.estimate == pytest.approx(1.1)
    assert found.blocks == 12


def test_the_profiler_and_the_ablation_agree_or_it_is_said():
    parts = [sample("squeeze", 2e-3), sample("scale", 2e-3), sample("scale", 3e-3, phase="backward")]
    counted = cost(op("squeeze", moved=1), op("scale", moved=1), op("scale", moved=1, phase="backward"))
    found = profiled(
        parts, counted, [contrast("squeeze", 0.048, 0.050), contrast("scale", 0.049, 0.050)], profiled_s=0.066
    )
    squeeze, scale = found.ablations
    assert (squeeze.profiled_s, squeeze.ablated.estimate) == (2e-3, pytest.approx(0.002))
    assert (scale.profiled_s, scale.agrees) == (5e-3, False)  # both passes; leaving it out saves 1 ms
    assert found.inflation_ratio == pytest.approx(1.2)
    assert found.findings[0].code == "profiler-inflates"
    assert any(finding.message.startswith("scale: the profiler shows 5.00 ms") for finding in found.findings)


def test_a_machine_that_was_slower_around_the_profiler_is_reported():
    # 0.055 s in the pairs
    (found,) = profiled([], cost(), profiled_s=0.165, step_s=0.165).findings
    assert (found.code, found.severity) == ("pace-changed", "warning")
    assert found.message.startswith("a step took 165.0 ms around the profiler and 55.0 ms in the paired")
    assert not profiled([], cost(), profiled_s=0.06, step_s=0.06).findings


def test_sites_have_their_own_rows():
    second = replace(op("scale", moved=1_000_000, macs=7), site="late", module="late.scale", stage="10")
    counted = replace(
        cost(op("squeeze", moved=2_000_000), op("scale", moved=500_000, macs=5), second),
        sites=(
            SiteCost(path="site", stage="2", params=3),
            SiteCost(path="late", stage="10", params=4),
        ),
    )
    parts = [
        replace(sample("scale", 1e-3, 3e-3, 2e-3), site="late"),
        sample("squeeze", 1e-3, 9e-3, 1e-3),
        sample("scale", 1e-3, 0.0, 1e-3),
    ]
    found = profiled(parts, counted)
    # medians of the steps' sums: 2, 9 and 2 ms
    assert [(row.site, row.stage, row.time_s, row.params, row.macs) for row in found.sites] == [
        ("site", "2", 2e-3, 3, 5), ("late", "10", 2e-3, 4, 7),
    ]  # fmt: skip
    # 2 ms and 0.5 ms of memory traffic, one after the other
    assert [row.bound_s for row in found.sites] == [pytest.approx(2.5e-3), 1e-3]
    # in the order of the network, not of the alphabet
    assert [(row.stage, row.part) for row in found.parts] == [
        ("2", "squeeze"), ("2", "scale"), ("10", "scale"),
    ]  # fmt: skip


def test_parts_of_an_authors_gate_are_those_of_its_ops():
    pair = replace(PAIR, candidate=ModelSpec(model="resnet50", variant="asis"))
    # the author's module is called as a part of SE is
    convolution = replace(op("squeeze", flops=10, moved=100), part="excite")
    counted = replace(
        cost(
            replace(op("", moved=400), part="squeeze"), convolution, replace(op("", moved=800), part="scale")
        ),
        gates=(GATE,),
    )
    samples = ProfileSamples(
        sites=("captured.gate",),  # a graph has other names
        parts=tuple(
            replace(sample(part, time_s), site="captured.gate")
            for part, time_s in (("scale", 3e-3), ("squeeze", 1e-3), ("excite", 2e-3))
        ),
        profiled_steps_s=(0.055,),
        steps_s=(0.055,),
        machine=MACHINE,
        contrasts=(contrast("plain", 0.050, 0.055),),
    )
    found = conclude_profile(pair, WORKLOAD, samples, cost(), counted)
    assert [(row.part, row.time_s, row.bytes, row.flops) for row in found.parts] == [
        ("squeeze", 1e-3, 400, 0), ("excite", 2e-3, 100, 10), ("scale", 3e-3, 800, 0),
    ]  # fmt: skip
    assert [(row.site, row.bytes) for row in found.sites] == [("site", 1300)]


def test_rows_are_in_reading_order():
    parts = [sample("scale", 1e-3, phase="backward"), sample("scale", 1e-3), sample("squeeze", 1e-3)]
    found = profiled(parts, cost(op("scale", moved=1)))
    assert [(row.phase, row.part) for row in found.parts] == [
        ("forward", "squeeze"), ("forward", "scale"), ("backward", "scale"),
    ]  # fmt: skip


def test_under_autocast_only_times_and_flops_are_known():
    workload = Workload(input_shape=(1, 3, 224, 224), dtype="amp-bfloat16")
    counted = cost(op("squeeze", moved=2_000_000, flops=10))
    found = profiled([sample("squeeze", 1e-3)], counted, workload=workload)
    (row,) = found.parts
    assert (row.time_s, row.flops) == (1e-3, 10)
    assert (row.bytes, row.calls, row.achieved_bytes_per_s, row.bound_s, row.verdict) == (None,) * 5
    assert row.reason.startswith("autocast")
    assert found.predicted_difference_s is None
    assert found.measured_difference.estimate == pytest.approx(0.005)


def test_shorter_weights_are_less_traffic():
    # 150,000 parameters of 2 bytes are 300 kB of 1 MB
    counted = replace(cost(op("excite.fc1", moved=1_000_000), params=150_000), dtype="bfloat16")
    assert profiled([sample("excite", 2e-3)], counted).parts[0].verdict == "bandwidth-bound"
