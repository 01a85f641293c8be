"""The whole path from a plan for a GPU to its comparison, on a GPU whose costs are set."""

import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from sebench.analysis.comparison import compare
from sebench.reporting import comparison_document, render
from sebench.runner.measuring.context import Host, RunContext
from sebench.runner.measuring.run import run as run_plan
from sebench.runner.planning.workloads import workloads
from sebench.schema import ModelSpec, Pair, Session, StaticCost, TimingPolicy, WorkloadRequest
from tests import samples

WORKER = Path(__file__).parents[1] / "workers" / "fake_gpu.py"
# A budget that is soon spent: six processes with little more than their fewest blocks.
POLICY = TimingPolicy(processes=6, min_blocks=4, budget_s=10.0, timeout_s=600.0)
PAIR = Pair(baseline=ModelSpec(model="toy"), candidate=ModelSpec(model="toy", variant="se"))
COST = StaticCost(input_shape=(1, 3, 2, 2), params=1, buffers=0)


@pytest.fixture
def measured():
    def run(condition, *, phase="training", batch_size=8, processes=POLICY.processes, **asked):
        conditions = WorkloadRequest(device="cuda:0", phase=phase, batch_size=batch_size, **asked)
        sessions = tuple(Session(pair=PAIR, workload=w) for w in workloads(conditions, (3, 2, 2)))
        plan = samples.plan(*sessions, policy=replace(POLICY, processes=processes), seed=5)
        host = Host(
            command=(sys.executable, str(WORKER), condition), open_counter=samples.SameCounts(COST).open
        )
        (result,) = run_plan(plan, RunContext(host=host))
        return result

    return run


def latency(result):
    return next(metric for metric in compare(result).metrics if metric.metric == "latency")


def codes(result):
    return {finding.code for finding in latency(result).findings}


def test_the_ratio_of_the_costs_is_found_under_drift_and_noise(measured):
    result = measured("calm")
    metric = latency(result)
    assert metric.ratio.ci_low < 1.1 < metric.ratio.ci_high
    assert metric.ratio.ci_high - metric.ratio.ci_low < 0.02
    assert metric.ratio.scope == "process"
    assert metric.ratio.processes >= 5
    names = [m.metric for m in compare(result).metrics if not m.exact]
    # Without percentiles: an accelerator's steps are not timed one by one.
    assert names == ["latency", "forward_latency", "backward_latency", "device_latency", "throughput"]
    assert result.environment.device == {"name": "Fake GPU", "type": "cuda"}
    assert result.measurements[0].processes[0].blocks[0].device_states[0].sm_clock_hz == 1.98e9
    shown = render(comparison_document([compare(result)], result.environment), "markdown")
    assert "on this GPU in training at batch 8" in shown


def test_other_processes_are_said_and_cost_the_grade(measured):
    result = measured("shared")
    assert "device-shared" in codes(result)
    assert latency(result).grade != "A"


def test_blocks_under_a_thermal_slowdown_do_not_count(measured):
    result = measured("hot")
    invalid = [b.invalid for run in result.measurements[0].processes for b in run.blocks if b.invalid]
    assert invalid
    # The device is pretended, the machine is not: its hypervisor may take time as well.
    assert {reason for each in invalid for reason in each} - {"steal", "throttled"} == {"hw-thermal"}
    assert codes(result) & {"blocks-dropped", "blocks-dropped-many"}


def test_a_batch_that_does_not_fit_is_emulated_for_both_sides(measured):
    result = measured("full", batch_size=16)
    workload = result.measurements[0].workload
    assert (workload.batch_size, workload.micro_batch_size) == (16, 4)  # 8 does not fit either
    finding = next(f for f in latency(result).findings if f.code == "batch-emulated")
    assert finding.message == "a batch of 16 does not fit; both sides accumulate over 4 images"
    assert latency(result).ratio.estimate == pytest.approx(1.1, rel=0.02)
    shown = render(comparison_document([compare(result)]), "markdown")
    assert "cuda:0 training, batch 16, 2x2, float32, 1 thread, emulated by 4" in shown


def test_inputs_that_change_within_a_segment_are_a_warning(measured):
    finding = next(f for f in latency(measured("writes", processes=1)).findings if f.code == "writes-input")
    assert (finding.severity, finding.message) == (
        "warning",
        "toy and toy se write to their inputs; both inputs are restored before each segment, "
        "and change within it",
    )


def test_inference_is_never_emulated(measured):
    result = measured("full", phase="inference", batch_size=16)  # only training runs out of room here
    assert result.measurements[0].workload.micro_batch_size is None


def test_of_two_gpus_the_slower_one_sets_the_time(measured):
    result = measured("uneven", processes=1, world_size=2)
    metric = latency(result)
    assert metric.baseline.value == pytest.approx(2 * 0.1, rel=0.1)  # within the noise and the drift
    assert metric.ratio.estimate == pytest.approx(1.1, rel=0.02)
    assert metric.workload.world_size == 2
    shown = render(comparison_document([compare(result)], result.environment), "markdown")
    assert "on this GPU in training at batch 8 (world size 2)" in shown
    assert "cuda:0 training, batch 8, 2x2, float32, 1 thread per rank, world size 2" in shown
    # 12 x 5 weights and 5 biases in float32; 2 (2 - 1) / 2 = 1
    assert "| gradients (B)" in shown
    assert "gradients: averaged over 2 ranks" in shown
    assert "2(N-1)/N = 1 times as many bytes from each rank" in shown
