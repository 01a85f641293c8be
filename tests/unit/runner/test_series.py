"""The processes of a session with workers and a clock that are told what to do."""

import pytest
from msgspec import structs

from sebench.runner.measuring.series import ProcessSeries, halved
from sebench.runner.progress import Holder
from sebench.runner.workers.session import OutOfTime, WorkerDied
from sebench.schema import ModelSpec, Pair, Session, TimingPolicy, Workload
from sebench.worker.protocol import Done, Failed, Measured, Ready
from tests import samples

PREPARE_S = 5.0
PAIR = Pair(baseline=ModelSpec(model="toy"), candidate=ModelSpec(model="toy", variant="se"))
TRAINING = Workload(phase="training", batch_size=8, input_shape=(8, 3, 8, 8))
MEMORY = Failed(code="memory", message="out of memory: can't allocate memory")


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


class Worker:
    """Ready after `PREPARE_S`; a block is expected to take 0.7055 s, and takes `block_s`.

    That is two timed steps of each side and 1.5 that are not, (2 + 1.5) 0.2 s, and 0.0055 s around them.

    `fails` is what it says instead of being ready, or raises after `blocks`.
    """

    def __init__(self, clock, *, within_s=None, block_s=1.0, fails=None, blocks=0, compile_s=None):
        self.within_s = within_s
        self.clock, self.block_s, self.fails, self.blocks = clock, block_s, fails, blocks
        self.compile_s = compile_s or {}
        self.go_message = self.limit_s = None
        self.replies = self.talk()

    def talk(self):
        if self.within_s is not None and self.within_s < PREPARE_S:
            self.clock.now_s += self.within_s
            yield OutOfTime("not ready in time")
        self.clock.now_s += PREPARE_S
        if self.fails and not self.blocks:
            yield self.fails
        yield Ready(
            step_s={"baseline": 0.1, "candidate": 0.1}, compile_s=self.compile_s, runtime={"torch": "2"}
        )
        start_s = self.clock.now_s
        for index, order in enumerate(self.go_message.orders):
            go, spent_s = self.go_message, self.clock.now_s - start_s
            if index >= go.at_least and spent_s > go.deadline_s:
                break
            if self.fails and index == self.blocks:
                yield self.fails
            self.clock.now_s += self.block_s
            yield Measured(block=samples.block(0.1, 0.1, order=order))
        yield Done()

    def receive(self):
        reply = next(self.replies)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def go(self, message):
        self.go_message = message

    def allow_silence(self, limit_s):
        self.limit_s = limit_s

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


class Workers:
    """Opens one after the other, the last one for ever."""

    def __init__(self, *asked):
        self.clock, self.asked = Clock(), list(asked) or [{}]
        self.opened, self.requests, self.environs, self.limits_s = [], [], [], []

    def __call__(self, request, *, environ, timeout_s, ready_within_s):
        asked = self.asked.pop(0) if len(self.asked) > 1 else self.asked[0]
        self.requests.append(request)
        self.environs.append(environ)
        self.limits_s.append(timeout_s)
        self.opened.append(Worker(self.clock, within_s=ready_within_s, **asked))
        return self.opened[-1]


def series(workers, *, workload=samples.WORKLOAD, observer=lambda progress: None, **policy):
    asked = TimingPolicy(**{"processes": 6, "min_blocks": 4, "budget_s": 80.0, **policy})
    plan = samples.plan(Session(pair=PAIR, workload=workload), policy=asked, seed=3)
    return ProcessSeries(plan, 0, observer=observer, open_worker=workers, monotonic=workers.clock)


def measured(workers, **asked):
    made = series(workers, **asked)
    made.measure(deadline_s=workers.clock.now_s + asked.get("budget_s", 80.0))
    return made.measurement()


def codes(measurement):
    return [finding.code for finding in measurement.findings]


def counts(measurement):
    return [len(run.blocks) for run in measurement.processes]


def test_processes_fill_the_budget():
    found = measured(Workers({"block_s": 0.7055}))
    # 75 s are left once the first one is ready: (75 - 5 * 5) / (6 * 0.7055) = 11.8
    assert counts(found) == [11] * 6
    assert codes(found) == []
    assert [run.prepare_s for run in found.processes] == pytest.approx([PREPARE_S] * 6)


def test_without_a_hard_budget_a_slow_machine_measures_the_fewest_blocks_of_every_process():
    # More than four times as slow as expected: 11 blocks of 0.7055 s are to begin within 2 * 7.7605 = 15.52 s
    found = measured(Workers({"block_s": 3.0}))
    assert counts(found)[0] == 6  # the last one begins after 15 s
    assert counts(found)[1:] == [4] * 5  # no time is left, and every process says something
    assert codes(found) == []


def test_a_stall_of_one_block_leaves_no_process_without_its_blocks():
    found = measured(Workers({"block_s": 60.0}), processes=1, min_blocks=12, budget_s=21.0)
    assert counts(found) == [12]


def test_a_hard_budget_is_kept():
    workers = Workers({"block_s": 3.28})
    found = measured(workers, hard_budget=True)
    assert workers.clock.now_s <= 80.0
    assert all(count >= 2 for count in counts(found))
    assert len(counts(found)) >= 5


def test_a_hard_budget_that_is_too_short_for_the_effort_is_one_process():
    found = measured(Workers(), hard_budget=True, budget_s=20.0)
    assert len(counts(found)) == 1
    assert codes(found) == ["budget-downgraded"]


def test_a_hard_budget_ends_a_process_that_is_not_ready_in_time():
    workers = Workers()
    found = measured(workers, hard_budget=True, budget_s=4.0)
    assert workers.clock.now_s == 4.0
    assert (counts(found), codes(found)) == ([], ["budget-spent"])
    assert found.findings[0].message == "the first process was not ready within --budget 4"
    # Without the limit it would be ready after 5 s.
    assert len(counts(measured(Workers(), budget_s=4.0))) == 5


def test_a_budget_that_ends_between_processes_is_said():
    # 12 blocks each are planned; from the second process on preparing takes all the time there is
    class Slower(Workers):
        def __call__(self, request, **how):
            if self.opened:
                self.clock.now_s += 70.0
            return super().__call__(request, **how)

    found = measured(Slower(), hard_budget=True)
    assert len(counts(found)) == 1
    (finding,) = found.findings
    assert (finding.code, finding.message) == ("fewer-processes", "1 of 6 processes fit into --budget 80")


def test_a_hard_budget_without_time_for_a_block_says_what_it_would_take():
    found = measured(Workers(), hard_budget=True, processes=1, budget_s=5.5)
    (finding,) = found.findings
    assert finding.code == "budget-spent"
    assert finding.message == ("--budget 5.5 is too small for one block of 0.7 s: preparing took 5.0 s")
    assert finding.hint == "allow at least --budget 8"  # 5 + 4 * 0.7055
    assert found.processes == ()


def test_time_that_earlier_pairs_left_over_was_not_spent():
    made = series(Workers(), hard_budget=True, processes=1, budget_s=0.3)
    made.measure(deadline_s=5.5)  # 0.5 s are left, more than the budget of this pair
    (finding,) = made.measurement().findings
    assert finding.message == "--budget 0.3 is too small for one block of 0.7 s: preparing took 5.0 s"
    assert finding.hint == "allow at least --budget 8"


def test_what_does_not_fit_into_a_share_of_the_budget_says_how_large_that_is():
    sessions = [
        Session(pair=PAIR, workload=structs.replace(samples.WORKLOAD, runtime=runtime, execution=runtime))
        for runtime in ("eager", "onnxruntime")
    ]
    policy = TimingPolicy(processes=1, min_blocks=4, budget_s=5.5, hard_budget=True)
    plan = structs.replace(samples.plan(*sessions, policy=policy, seed=3), budget_shares=2)
    workers, seen = Workers(), []
    made = ProcessSeries(plan, 1, observer=seen.append, open_worker=workers, monotonic=workers.clock)
    made.measure(deadline_s=5.5)
    (finding,) = made.measurement().findings
    assert finding.message == (
        "5.5 s (its share of --budget 11) is too small for one block of 0.7 s: preparing took 5.0 s"
    )
    assert finding.hint == "allow at least --budget 16"  # 2 (5 + 4 * 0.7055) = 15.24
    assert {progress.title for progress in seen} == {f"{PAIR.title}, onnxruntime"}


def test_a_budget_that_was_spent_before_starts_no_worker():
    workers = Workers()
    made = series(workers, hard_budget=True)
    made.measure(deadline_s=-1.0)
    assert codes(made.measurement()) == ["budget-spent"]
    assert workers.opened == []


def test_a_death_is_retried_once_with_a_new_seed_and_recorded():
    workers = Workers({"fails": WorkerDied("gone"), "blocks": 2}, {})
    found = measured(workers, processes=1)
    died, second = found.processes
    assert (died.attempt, died.error, len(died.blocks)) == (1, "gone", 2)
    assert (second.attempt, second.error) == (2, None)
    assert died.seed != second.seed
    assert workers.requests[0].process_seed == died.seed
    assert codes(found) == ["worker-retried"]
    assert found.findings[0].message == "gone; process 1 was started again"


def test_a_second_death_ends_the_series():
    found = measured(Workers({"fails": WorkerDied("gone")}))
    assert codes(found) == ["worker-retried", "worker-failed"]
    assert [run.error for run in found.processes] == ["gone", "gone"]


def test_one_that_dies_before_it_is_ready_is_not_recorded_with_the_figures_of_another():
    workers = Workers({"compile_s": {"baseline": 7.0}}, {"fails": WorkerDied("gone")}, {})
    first, died, *_ = measured(workers).processes
    assert (first.prepare_s, first.compile_s) == (PREPARE_S, {"baseline": 7.0})
    assert (died.error, died.prepare_s, died.compile_s) == ("gone", 0.0, {})
    assert died.gradient_bytes == {}
    assert died.steps_per_segment == 0


def test_what_would_fail_again_is_not_retried():
    workers = Workers({"fails": Failed(code="build", message="no such layer")})
    found = measured(workers)
    assert codes(found) == ["worker-failed"]
    assert len(workers.opened) == 1


def test_a_batch_that_does_not_fit_is_halved_until_it_does():
    found = measured(Workers({"fails": MEMORY}, {"fails": MEMORY}, {}), workload=TRAINING, processes=1)
    assert found.workload.micro_batch_size == 2
    assert codes(found) == ["batch-emulated"]
    assert [run.error for run in found.processes] == [None]


def test_memory_that_runs_out_later_is_a_failure():
    found = measured(Workers({}, {"fails": MEMORY}), workload=TRAINING)
    assert codes(found) == ["worker-failed"]
    assert found.workload.micro_batch_size is None
    assert [bool(run.blocks) for run in found.processes] == [True, False]


def test_halves_are_of_every_rank():
    assert halved(TRAINING).micro_batch_size == 4
    two = Workload(phase="training", batch_size=6, input_shape=(6, 3, 8, 8), world_size=2)
    assert halved(two).micro_batch_size == 2  # 3 images a rank, of which 1 at once
    assert halved(halved(two)) is None
    assert halved(samples.WORKLOAD) is None


def test_an_interruption_keeps_what_was_measured():
    made = series(Workers({"fails": KeyboardInterrupt(), "blocks": 3}))
    with pytest.raises(KeyboardInterrupt):
        made.measure(deadline_s=80.0)
    assert counts(made.measurement()) == [3]


def test_silence_is_allowed_in_proportion_to_what_a_block_takes():
    workers = Workers({"block_s": 20.0})
    measured(workers, processes=2)
    assert workers.limits_s[0] == 120.0
    assert workers.opened[0].limit_s == 120.0  # 12 blocks of 0.7055 s are less
    assert workers.opened[1].limit_s == pytest.approx(200.0)  # of 20 s


def test_the_same_seed_draws_the_same_processes():
    one, other = Workers(), Workers()
    first, second = measured(one), measured(other)
    assert one.requests == other.requests
    assert one.environs == other.environs
    assert first == second
    assert len({environ["SEBENCH_PADDING"] for environ in one.environs}) > 1
    assert len({request.build_order for request in one.requests}) == 2


def test_the_observer_hears_every_block():
    seen = []
    found = measured(Workers({"block_s": 0.7055}), processes=1, budget_s=21.0, observer=seen.append)
    (count,) = counts(found)
    first, *measuring, last = seen
    assert (first.stage, last.stage) == ("preparing", "measured")
    assert {progress.stage for progress in measuring} == {"measuring"}
    assert [progress.block for progress in measuring] == list(range(count + 1))
    assert first.ratio is None
    assert seen[-1].ratio.blocks == count
    assert {progress.blocks for progress in seen[1:]} == {count}


def test_the_observer_hears_what_is_left():
    seen = []
    measured(Workers({"block_s": 0.7055}), observer=seen.append)
    # 80 s are aimed at; once the first process is ready: 6 x 11 blocks of 0.7055 s and 5 x 5 s = 71.563 s
    assert [(p.stage, p.elapsed_s, p.left_s) for p in seen[:2]] == [
        ("preparing", 0.0, 80.0),
        ("measuring", 5.0, pytest.approx(71.563)),
    ]
    ended = [p for p in seen if p.stage == "measured"]
    assert [p.process for p in ended] == [0, 1, 2, 3, 4, 5]
    assert [p.left_s for p in ended] == pytest.approx([12.7605 * number for number in (5, 4, 3, 2, 1, 0)])
    assert [p.elapsed_s for p in ended] == pytest.approx([12.7605 * number for number in range(1, 7)])
    assert [p.completed for p in ended] == pytest.approx([number / 6 for number in range(1, 7)])
    assert {p.aim_s for p in seen} == {80.0}


def test_a_slow_network_is_known_to_take_longer_before_a_block_is_timed():
    class Slow(Worker):
        """A step takes 2 s: a block is (2 + 1.5) (2 + 2) = 14 s, and 0.0055 s around its steps."""

        def talk(self):
            self.clock.now_s += PREPARE_S
            yield Ready(step_s={"baseline": 2.0, "candidate": 2.0}, runtime={})
            for order in self.go_message.orders:
                self.clock.now_s += 14.0055
                yield Measured(block=samples.block(2, 2, order=order))
            yield Done()

    class SlowWorkers(Workers):
        def __call__(self, request, *, environ, timeout_s, ready_within_s):
            self.opened.append(Slow(self.clock))
            return self.opened[-1]

    seen = []
    found = measured(SlowWorkers(), processes=1, min_blocks=12, budget_s=21.0, observer=seen.append)
    assert counts(found) == [12]
    assert (seen[1].block, seen[1].left_s) == (0, pytest.approx(12 * 14.0055))


def test_what_is_left_never_exceeds_a_hard_budget():
    seen = []
    measured(Workers({"block_s": 3.28}), hard_budget=True, observer=seen.append)
    assert all(p.elapsed_s + p.left_s <= 80.0 + 1e-9 for p in seen)


def test_sessions_to_come_are_left_as_well():
    seen, workers = [], Workers({"block_s": 0.7055})
    policy = TimingPolicy(processes=6, min_blocks=4, budget_s=80.0)
    session = Session(pair=PAIR, workload=samples.WORKLOAD)
    plan = samples.plan(session, session, session, policy=policy, seed=3)
    made = ProcessSeries(plan, 1, observer=seen.append, open_worker=workers, monotonic=workers.clock)
    made.announce_waiting(Holder(7, "sebench compare"))
    workers.clock.now_s += 100.0
    made.leave_out(100.0)  # of another run
    made.measure(deadline_s=180.0)
    assert [(p.stage, p.elapsed_s, p.left_s) for p in seen[:3]] == [
        ("waiting", 0.0, 160.0),
        ("preparing", 0.0, 160.0),
        ("measuring", 5.0, pytest.approx(71.563 + 80.0)),
    ]
    assert seen[0].holder == Holder(7, "sebench compare")
    assert {p.aim_s for p in seen} == {240.0}
    made.announce("memory")
    assert (seen[-1].stage, seen[-1].left_s) == ("memory", None)
