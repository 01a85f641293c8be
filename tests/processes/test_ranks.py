"""The runner with data-parallel workers of two real ranks, one of which may fail in a chosen way."""

import sys
import time
from functools import partial
from pathlib import Path

import pytest

from sebench.analysis.comparison import compare
from sebench.runner.measuring.series import ProcessSeries
from sebench.runner.workers.child import rank_placement
from sebench.runner.workers.session import WorkerDied, WorkerSession
from sebench.schema import ModelSpec, Pair, Session, TimingPolicy, Workload
from sebench.worker.protocol import MemoryRequest, Request
from tests import samples
from tests.running import assert_gone

RANKS = Path(__file__).parents[1] / "workers" / "ranks.py"
POLICY = TimingPolicy(
    processes=1,
    min_blocks=2,
    budget_s=0.1,
    segment_s=0.001,
    warmup_busy_s=0.01,
    timeout_s=600.0,
    effort="quick",
)
PAIR = Pair(baseline=ModelSpec(model="toy"), candidate=ModelSpec(model="toy", variant="se"))
WORKLOAD = Workload(phase="training", batch_size=8, input_shape=(8, 3, 8, 8), world_size=2)
PLAN = samples.plan(Session(pair=PAIR, workload=WORKLOAD), policy=POLICY, seed=3)
DEADLINE_S = 600.0  # a bound against hanging, which is never measured


@pytest.fixture
def command(tmp_path):
    """Starts ranks with a fault; afterwards none of them is left."""
    marker = tmp_path / "marker"
    yield lambda fault: (sys.executable, str(RANKS), fault, str(marker))
    if marker.exists():
        assert_gone(int(marker.read_text()), within_s=DEADLINE_S)


@pytest.fixture
def measured(command):
    def run(fault):
        open_worker = partial(WorkerSession, command=command(fault))
        series = ProcessSeries(PLAN, 0, observer=lambda progress: None, open_worker=open_worker)
        series.measure(deadline_s=time.monotonic() + POLICY.budget_s)
        return series.measurement()

    return run


@pytest.fixture
def first_reply(command):
    """What a single attempt comes to before it measures."""
    request = Request(
        pair=PAIR,
        workload=WORKLOAD,
        policy=POLICY,
        build_order=("candidate", "baseline"),
        weight_seed=3,
        process_seed=1,
    )

    def run(fault):
        environ = rank_placement(2)
        with WorkerSession(request, command=command(fault), environ=environ, timeout_s=DEADLINE_S) as worker:
            return worker.receive()

    return run


def findings(measurement):
    return {finding.code: finding.message for finding in measurement.findings}


def test_two_ranks_deliver_blocks_split_in_parts_and_their_gradients(measured):
    found = measured("none")
    assert findings(found) == {}
    (run,) = found.processes
    assert run.error is None
    assert run.blocks
    assert all(len(segment.forward_s) == len(segment.steps_s) for segment in run.blocks[0].segments)
    # convolution 4 x 3 x 3 x 3 + 4, classifier 5 x 144 + 5, in float32
    assert run.gradient_bytes == {"baseline": 4 * 837, "candidate": 4 * 837}
    metric = compare(samples.result(found)).metrics[-1]
    assert (metric.metric, metric.exact, metric.workload) == ("gradient_bytes", True, WORKLOAD)
    assert (metric.baseline.value, metric.ratio.estimate) == (3348, 1.0)


def test_a_killed_rank_is_named_and_the_process_started_again(measured):
    found = measured("die-once")
    assert "status 1: rank 1 was killed by SIGKILL" in findings(found)["worker-retried"]
    assert found.processes[-1].error is None
    assert found.processes[-1].blocks


def test_a_rank_that_says_why_it_cannot_go_on_speaks_for_all(first_reply):
    reply = first_reply("nan")
    assert reply.code == "output"
    assert reply.message.startswith("rank 1: toy se returned NaN or infinity in 1 of 1 outputs")


def test_a_parameter_that_no_rank_has_a_gradient_of_is_named(first_reply):
    reply = first_reply("unused")
    assert reply.message == (
        "toy se: unused.weight and 1 more does not contribute to the loss, as DDP requires; "
        "freeze it (requires_grad_(False)), or leave out --world-size"
    )


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("exit", "a worker process ended with status 1: rank 1 ended with status 7: some library said no"),
        # as under NCCL, where a collective waits for the dead for ever
        pytest.param("leader-hangs", "status 1: rank 1 was killed by SIGKILL", marks=pytest.mark.slow),
        ("leader-dies", "a worker process was killed by SIGKILL"),
    ],
)
def test_a_rank_that_dies_takes_the_others_along_and_is_explained(first_reply, fault, message):
    with pytest.raises(WorkerDied, match=message):
        first_reply(fault)


@pytest.mark.slow
def test_a_rank_that_lacks_memory_while_the_leader_is_busy_is_heard(first_reply):
    # as under NCCL, or while rank 0 compiles: nothing tells it
    reply = first_reply("leader-compiles")
    assert reply.code == "memory"
    assert reply.message.startswith("rank 1: out of memory: ")


def test_memory_that_one_rank_lacks_leads_to_micro_batches_on_all(measured):
    found = measured("memory")
    # 8 images are 4 a rank, of which rank 1 takes 2 at once
    assert found.workload.micro_batch_size == 4
    assert findings(found) == {
        "batch-emulated": "a batch of 8 does not fit; both sides accumulate over 4 images"
    }
    assert found.processes[-1].error is None


def test_memory_is_that_of_one_rank_with_the_buckets_of_its_gradients(command):
    request = MemoryRequest(
        spec=PAIR.candidate, workload=WORKLOAD, side="candidate", process=0, weight_seed=3
    )
    with WorkerSession(
        request, command=command("none"), environ=rank_placement(2), timeout_s=DEADLINE_S
    ) as worker:
        run = worker.receive().run
    # 837 parameters, their gradients and the buckets; input 4 x 3 x 8 x 8, convolved 4 x 4 x 6 x 6
    assert run.peak_bytes > 4 * (3 * 837 + 768 + 576)
    assert run.resident_bytes is None


def test_a_single_process_is_bound_and_ranks_are_not(monkeypatch):
    monkeypatch.delenv("OMP_PROC_BIND", raising=False)
    assert "OMP_PLACES" in rank_placement(1)
    assert rank_placement(2) == {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}
