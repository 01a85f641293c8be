"""The runner with real worker processes whose networks are tiny and whose faults are chosen."""

import re
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock
from msgspec.structs import replace

from sebench.analysis.comparison import compare
from sebench.profilers.environment import usable_places
from sebench.runner.counting.pair import PairCosts
from sebench.runner.measuring.context import Host, RunContext
from sebench.runner.measuring.device_lock import lock_file
from sebench.runner.measuring.result import ResultBuilder
from sebench.runner.measuring.run import _Clock, run
from sebench.runner.measuring.series import ProcessSeries
from sebench.runner.workers.child import thread_placement, worker_environ
from sebench.runner.workers.session import WorkerSession
from sebench.schema import ModelSpec, Pair, Session, TimingPolicy, Workload
from tests import samples

FAULTY = Path(__file__).parents[1] / "workers" / "faulty.py"
POLICY = TimingPolicy(
    processes=2,
    min_blocks=2,
    budget_s=8.0,
    segment_s=0.001,
    warmup_busy_s=0.01,
    timeout_s=600.0,
    effort="quick",
)
PAIR = Pair(baseline=ModelSpec(model="toy"), candidate=ModelSpec(model="toy", variant="se"))
PLAN = samples.plan(
    Session(pair=PAIR, workload=Workload(input_shape=(1, 3, 16, 16), threads=1)),
    policy=POLICY,
    seed=3,
)


@pytest.fixture
def series(tmp_path):
    def start(fault, plan=PLAN, seen=None):
        command = (sys.executable, str(FAULTY), fault, str(tmp_path / "marker"))
        observer = seen.append if seen is not None else lambda progress: None
        return ProcessSeries(plan, 0, observer=observer, open_worker=partial(WorkerSession, command=command))

    return start


def measured(series, left_s=0.1):
    """Its measurement: where the budget is soft, the least there is."""
    series.measure(deadline_s=time.monotonic() + left_s)
    return series.measurement()


def with_policy(**fields):
    policy = TimingPolicy(**{**{name: getattr(POLICY, name) for name in POLICY.__struct_fields__}, **fields})
    return samples.plan(*PLAN.sessions, policy=policy, seed=PLAN.seed)


def codes(measurement):
    return [finding.code for finding in measurement.findings]


def test_fresh_processes_deliver_whole_blocks(series):
    seen = []
    found = measured(series("none", with_policy(processes=1), seen))
    assert codes(found) == []
    (run,) = found.processes
    assert (run.error, run.attempt, run.process) == (None, 1, 0)
    assert len(run.blocks) == 2
    first = run.blocks[0]
    assert [s.side for s in first.segments] == [
        {"A": "baseline", "B": "candidate"}[letter] for letter in first.order
    ]
    assert all(len(segment.steps_s) == run.steps_per_segment for segment in first.segments)
    assert seen[0].ratio is None
    assert seen[-1].ratio.blocks == 2


def test_the_same_seed_draws_the_same_plan(series):
    first, second = (measured(series("none", with_policy(processes=1))) for _ in range(2))
    drawn, again = (
        [(run.seed, run.build_order, [b.order for b in run.blocks]) for run in found.processes]
        for found in (first, second)
    )
    assert len(drawn[0][2]) == 2
    assert drawn == again


def test_a_killed_worker_is_retried_once_with_a_new_seed_and_counted(series):
    found = measured(series("die-once", with_policy(processes=1)))
    assert codes(found)[0] == "worker-retried"
    assert "killed by SIGKILL" in found.findings[0].message
    died, second = found.processes
    assert (died.attempt, second.attempt, second.error) == (1, 2, None)
    assert died.seed != second.seed
    assert "SIGKILL" in died.error
    assert len(second.blocks) == 2


def test_a_worker_that_dies_again_is_reported(series):
    found = measured(series("die", with_policy(processes=1)))
    assert codes(found) == ["worker-retried", "worker-failed"]
    metric = compare(samples.result(found)).metrics[-1]
    assert metric.status == "unavailable"
    assert "SIGKILL" in metric.reason


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("nan", "toy (plain|se) returned NaN or infinity in 1568 of 1568 outputs"),  # 8 x 14 x 14
        ("memory", "out of memory: .*can't allocate memory"),
        ("shape", "the network does not run on this input: mat1 and mat2"),
        ("type", r"the network does not run on this input: TypeError: no such step \(.*faulty.py:\d+\)"),
        ("text", "returned str without a tensor in it"),
    ],
)
def test_what_would_fail_again_is_not_retried(series, fault, reason):
    found = measured(series(fault))
    assert codes(found) == ["worker-failed"]
    assert len(found.processes) == 1
    metric = compare(samples.result(found)).metrics[-1]
    assert metric.status == "unavailable"
    assert re.search(reason, metric.reason)


def test_an_exit_is_explained_with_the_last_words(series):
    found = measured(series("exit"))
    assert "ended with status 7: some library said no" in found.findings[-1].message


def test_what_a_network_prints_is_not_taken_for_a_reply(series):
    found = measured(series("chatty", with_policy(processes=1)))
    assert codes(found) == []
    assert len(found.processes) == 1


def test_networks_that_write_to_their_inputs_are_measured_and_said(series):
    found = measured(series("writes", with_policy(processes=1)))
    assert [(finding.code, finding.severity) for finding in found.findings] == [("writes-input", "info")]
    assert found.findings[0].message == (
        "toy and toy se write to their inputs; both inputs are restored before each step"
    )
    assert [(run.error, len(run.blocks)) for run in found.processes] == [(None, 2)]


def test_a_budget_that_is_gone_before_the_first_block_leaves_a_metric_without_a_figure(series):
    found = measured(series("none", with_policy(hard_budget=True, budget_s=0.1)), left_s=0.1)
    assert codes(found) == ["budget-spent"]
    metric = compare(samples.result(found)).metrics[-1]
    assert (metric.status, metric.ratio.estimate) == ("unavailable", None)
    assert metric.reason == ("the first process was not ready within --budget 0.1; allow a larger --budget")


def test_a_budget_that_earlier_pairs_have_spent_starts_no_worker(series):
    found = measured(series("die", with_policy(hard_budget=True, budget_s=0.1)), left_s=-1.0)
    assert codes(found) == ["budget-spent"]
    assert found.processes == ()


def test_threads_are_placed_unless_the_user_has_placed_them():
    assert thread_placement({}) == {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}
    assert thread_placement({}, ("{0,2}", "{1,3}"), 3)["OMP_PLACES"] == "{1,3},{0,2}"  # 3 mod 2 = 1
    assert thread_placement({}, ("{0}", "{1}", "{2}"), 1)["OMP_PLACES"] == "{1},{2},{0}"
    assert thread_placement({}, (), 3)["OMP_PLACES"] == "cores"
    assert thread_placement({"OMP_PLACES": "sockets"}, ("{0}", "{1}"), 1) == {}
    assert thread_placement({"GOMP_CPU_AFFINITY": "0"}) == {}


def test_what_is_only_counted_waits_for_nobody(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pair = Pair(
        baseline=ModelSpec(model="cifar_resnet110"),
        candidate=ModelSpec(model="cifar_resnet110", variant="se"),
    )
    session = Session(pair=pair, workload=Workload(input_shape=(1, 3, 32, 32), threads=1))

    def observe(progress):
        assert progress.stage != "waiting"

    with FileLock(lock_file("cpu")):  # as of another run
        (found,) = run(
            samples.plan(session, policy=POLICY, seed=3, timed=False), RunContext(observer=observe)
        )
    assert found.measurements[0].processes == ()
    assert found.candidate_cost.params > found.baseline_cost.params


def test_a_network_that_cannot_be_counted_leaves_the_other_and_the_reason(monkeypatch, tmp_path):
    (tmp_path / "nets_of_mine.py").write_text(
        "from torch import nn\n"
        "class Choosy(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x if x.sum() > 0 else -x\n"
        "def plain():\n"
        "    return nn.Conv2d(3, 4, 3)\n"
    )
    monkeypatch.chdir(tmp_path)
    names = ("nets_of_mine.py:plain", "nets_of_mine.py:Choosy")
    pair = Pair(
        **dict(zip(("baseline", "candidate"), (ModelSpec(model=name) for name in names), strict=True))
    )
    for phase in ("inference", "training"):
        workload = Workload(input_shape=(1, 3, 16, 16), threads=1, phase=phase)
        plan = samples.plan(Session(pair=pair, workload=workload), policy=POLICY, seed=3, timed=False)
        (found,) = run(plan)
        assert (found.baseline_cost.params, found.candidate_cost, found.saved) == (3 * 4 * 9 + 4, None, None)
        assert list(found.not_counted) == ["candidate"]
        assert found.not_counted["candidate"].startswith("Choosy needs real data: ")


def test_sessions_whose_workers_did_not_start_leave_the_facts_of_the_others(series):
    cost = samples.cost(1, 1)
    started, other = series("none"), series("none")
    started.runtime = {"device": {"name": "a GPU"}, "num_threads": 1}
    builder = ResultBuilder(
        pair=PAIR,
        seed=3,
        environment=samples.ENVIRONMENT,
        costs=PairCosts({"baseline": cost, "candidate": cost}, {}),
        series=[started, other],
    )
    environment = builder.build(RunContext(), interrupted=True).environment
    assert (environment.device, environment.runtime) == ({"name": "a GPU"}, {"num_threads": 1})


def test_runtimes_with_threads_of_their_own_are_not_bound_to_one_core(monkeypatch):
    for name in ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"):
        monkeypatch.delenv(name, raising=False)
    eager = Workload(input_shape=(1, 3, 8, 8), threads=2)
    net = ModelSpec(model="resnet50")
    pair = Pair(baseline=net, candidate=ModelSpec(model="resnet50", runtime="openvino"))
    environs = [
        worker_environ(eager, Pair(baseline=net, candidate=net)),
        worker_environ(replace(eager, runtime="onnxruntime", execution="onnxruntime")),
        worker_environ(eager, pair),  # one side is enough
    ]
    assert [environ.get("OMP_PLACES") for environ in environs] == [
        ",".join(usable_places()) or "cores",
        None,
        None,
    ]
    assert {environ["OMP_NUM_THREADS"] for environ in environs} == {"2"}


def test_counting_takes_nothing_of_a_budget():
    class Slow(samples.SameCounts):
        def __call__(self, *args, **kwargs):
            time.sleep(0.1)  # twice, which is all of the budget
            return self.cost

    policy = with_policy(hard_budget=True, budget_s=0.2).policy
    host = Host(
        # It never says anything: no worker is ready within any budget.
        command=(sys.executable, "-c", "import sys; sys.stdin.read()"),
        open_counter=Slow(samples.cost(1, 1)).open,
    )
    (found,) = run(replace(PLAN, policy=policy), RunContext(host=host))
    (finding,) = found.measurements[0].findings
    assert finding.message == "the first process was not ready within --budget 0.2"


def test_what_a_session_leaves_over_goes_to_the_next():
    clock = _Clock(TimingPolicy(budget_s=30.0, hard_budget=True), 0.0)
    assert clock.allowance_s(0) == 30.0
    clock.timed_s = 20.0
    assert clock.allowance_s(1) == 40.0  # 2 * 30 - 20
    assert _Clock(TimingPolicy(budget_s=30.0), 0.0, timed_s=20.0).allowance_s(1) == 30.0  # each its own
