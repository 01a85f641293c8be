"""Rows of a module's profile, added up by op, by stage and by site."""

import pytest

from sebench.analysis.module_profile import by_op, by_site, by_stage, conclude_module_profile
from sebench.schema import BESIDE_NETWORK, OpCost, OpPlace, OpSample, StaticCost, Workload

WORKLOAD = Workload(input_shape=(1, 3, 8, 8))


def sample(op, module, *times_s, site=None, stage=None):
    place = OpPlace(op=op, module=module, stage=stage or module[:1], site=site, phase="forward")
    return OpSample(place=place, calls=1, times_s=times_s)


SAMPLES = (
    sample("aten.mul", "a.gate", 0.001, 0.003, 0.002, site="a.gate"),
    sample("aten.mul", "b", 0.004, 0.004, 0.004),
    sample("aten.sort", "b", 0.010, 0.010, 0.010),
)


def cost(op, module, flops, site=None):
    return OpCost(op=op, module=module, stage=module[:1], site=site, flops=flops, bytes_read=8)


COST = StaticCost(
    input_shape=(1, 3, 8, 8),
    params=0,
    buffers=0,
    ops=(cost("aten.mul", "a.gate", 10, site="a.gate"), cost("aten.mul", "b", 20)),
)


def profile(*, samples=SAMPLES, found=COST, reason=None, steps_s=(0.02,)):
    return conclude_module_profile(
        "Net",
        WORKLOAD,
        samples,
        steps_s=steps_s,
        profiled_steps_s=(0.03,),
        cost=found,
        reason=reason,
    )


def figures(rows):
    return [(row.key, row.calls, row.time_s, row.flops, row.bytes_read) for row in rows]


def test_rows_add_up_the_medians_of_their_ops():
    found = profile()
    # the median of 1, 3 and 2 ms is 2 ms
    assert figures(by_op(found)) == [
        ("aten.sort", 1, 0.010, None, None),
        ("aten.mul", 2, pytest.approx(0.006), 30, 16),
    ]
    assert figures(by_stage(found)) == [
        ("a", 1, 0.002, 10, 8),
        ("b", 2, pytest.approx(0.014), None, None),
    ]
    (site,) = by_site(found)
    assert (site.key, site.stage, site.time_s, site.flops) == ("a.gate", "a", 0.002, 10)


def test_by_op_and_by_stage_have_the_same_total():
    found = profile()
    assert sum(row.time_s for row in by_op(found)) == pytest.approx(
        sum(row.time_s for row in by_stage(found))
    )


def test_what_is_not_counted_is_none_with_a_reason():
    (finding,) = profile().findings
    assert finding.message == "no counts of aten.sort: the counter does not have them here"
    found = profile(found=None, reason="its forward reads values")
    assert {row.flops for row in by_stage(found)} == {None}
    assert [finding.message for finding in found.findings] == ["no counts: its forward reads values"]


def test_the_loss_of_a_training_step_is_beside_the_network():
    beside = sample("aten.nll_loss_forward", "", 0.001, stage=BESIDE_NETWORK)
    found = profile(samples=(*SAMPLES[:2], beside))
    assert by_stage(found)[-1].key == BESIDE_NETWORK
    (finding,) = found.findings
    assert "beside the network" in finding.message


def test_ops_that_take_longer_than_the_step_are_said():
    (_, finding) = profile(steps_s=(0.010,)).findings
    # 2 + 4 + 10 ms of a step of 10 ms
    assert finding.message.startswith("as profiled the ops take 1.60 times as long")
