"""What is measured when, and how often; the measuring itself is pretended, so no time is measured."""

import math
from itertools import count
from random import Random

import pytest
from msgspec import structs

from sebench.analysis.calibration import noise
from sebench.analysis.unjudged import Unjudged
from sebench.errors import BuildError, DataFileError, Interrupted, UsageError
from sebench.runner.gate import target_run
from sebench.runner.gate.earlier import AttemptStore
from sebench.runner.gate.run import check
from sebench.runner.gate.target import Target
from sebench.runner.gate.target_run import GateContext
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.measuring.context import Host, RunContext
from sebench.schema import (
    CalibrationSession,
    ModelSpec,
    Pair,
    Reason,
    Session,
    TimingPolicy,
    Workload,
    fingerprint,
)
from tests import samples
from tests.samples import ENVIRONMENT, WORKLOAD, block, process

PAIR = Pair(baseline=ModelSpec(model="resnet50"), candidate=ModelSpec(model="resnet50", variant="se"))
NOISE = (0.99, 1.0, 1.01, 0.995, 1.005, 1.0)


class Machine:
    """Stands for `run`: keeps the plans, answers with six processes around the ratio that is set."""

    def __init__(self):
        self.plans, self.ratio, self.numbers = [], 1.0, count()
        self.interrupts, self.processes, self.environment = False, 6, ENVIRONMENT
        self.raises = {}
        """By batch size."""

    def __call__(self, plan, context):
        self.plans.append(plan)
        self.context = context
        (session,) = plan.sessions
        if error := self.raises.get(session.workload.batch_size):
            raise error
        ratios = [self.ratio * noise for noise in NOISE[: self.processes]] if plan.timed else []
        measured = samples.measurement(
            [process([block(0.05, 0.05 * r)] * 2, n) for n, r in enumerate(ratios)]
        )
        yield samples.result(
            structs.replace(measured, workload=session.workload),
            pair=session.pair,
            id=f"{next(self.numbers):04}",
            environment=self.environment,
        )
        if self.interrupts:
            raise Interrupted("interrupted")


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(target_run, "run", machine)
    return machine


def target(*limits, pair=PAIR, kind="ceiling", workload=WORKLOAD, **fields):
    return Target(
        kind=kind,
        session=Session(pair=pair, workload=workload),
        limits=limits or (("latency", 1.05),),
        baseline="plain",
        candidate=pair.candidate.variant,
        **fields,
    )


def gated(**fields):
    """How it is measured on a machine without facts of an accelerator, as long as nothing has been."""
    run = {name: fields.pop(name) for name in ("argv", "trees", "calibrations") if name in fields}
    context = RunContext(host=Host(capture_environment=lambda: ENVIRONMENT), **run)
    values = {"policy": TimingPolicy(budget_s=80.0), "seed": 7, "run": context}
    return GateContext(**{**values, **fields})


def test_nothing_to_check_is_no_check(machine):
    assert check((), gated()) == ()
    assert machine.plans == []


def test_one_look_where_it_decides(machine):
    (found,) = check([target()], gated(argv=("sebench", "check")))
    assert (found.status, found.kind, found.baseline) == ("passed", "ceiling", "plain")
    (plan,) = machine.plans
    assert (plan.seed, plan.timed, plan.memory, plan.policy.budget_s) == (7, True, False, 80.0)
    assert machine.context.argv == ("sebench", "check")


def test_samples_that_cannot_be_kept_do_not_cost_the_verdict(machine, tmp_path):
    class Full(AttemptStore):
        def begin(self, key):
            store = super().begin(key)
            store.add = self.fail
            return store

        def fail(self, result):
            raise DataFileError(f"cannot write {result.id}: No space left on device")

    errors = []
    keeping = {"attempts": Full(tmp_path), "written": (tmp_path,)}
    (found,) = check([target()], gated(**keeping, not_stored=errors.append))
    assert found.status == "passed"
    assert [str(error) for error in errors] == ["cannot write 0000: No space left on device"]
    with pytest.raises(DataFileError):
        check([target()], gated(**keeping))


def test_what_is_open_is_extended_once_with_other_draws(machine):
    machine.ratio = 1.05
    (found,) = check([target()], gated())
    assert found.status == "inconclusive"
    assert found.ratio.processes == 12
    assert found.attempts == 1
    first, second = machine.plans
    assert first.seed == 7 != second.seed
    assert second.seed == Random("7/1").getrandbits(31)
    assert first.policy == second.policy


def test_only_what_is_open_is_extended(machine):
    decided = target(("latency", 2.0))
    still_open = target(workload=structs.replace(WORKLOAD, batch_size=4))
    machine.ratio = 1.05
    found = check([decided, still_open], gated())
    assert [each.status for each in found] == ["passed", "inconclusive"]
    assert [each.ratio.processes for each in found] == [6, 12]
    assert [plan.sessions[0].workload.batch_size for plan in machine.plans] == [1, 4, 4]


def test_checks_keep_the_order_of_the_limits(machine):
    two = target(("latency", 2.0), ("params", 1.0))
    found = check([two, target(("macs", 2.0))], gated())
    assert [(each.metric, each.status) for each in found] == [
        ("latency", "passed"), ("params", "failed"), ("macs", "passed"),
    ]  # fmt: skip


def test_a_hard_budget_is_shared_and_leaves_no_extension(machine):
    machine.ratio = 1.05
    targets = [target(workload=structs.replace(WORKLOAD, batch_size=n)) for n in (1, 2, 3, 4)]
    found = check(targets, gated(policy=TimingPolicy(budget_s=100.0, hard_budget=True)))
    assert {each.status for each in found} == {"inconclusive"}
    budgets = [(plan.policy.budget_s, plan.budget_shares) for plan in machine.plans]
    assert budgets == [(25.0, 4)] * 4  # 100 / 4


def test_what_is_only_counted_takes_no_share_of_a_budget(machine):
    targets = [target(), target(("params", 1.5), workload=structs.replace(WORKLOAD, batch_size=2))]
    check(targets, gated(policy=TimingPolicy(budget_s=100.0, hard_budget=True)))
    assert [plan.policy.budget_s for plan in machine.plans if plan.timed] == [100.0]


def test_a_target_that_fails_does_not_take_the_others_with_it(machine):
    machine.raises[2] = BuildError("nets.py:net cannot be built", hint="mend it")
    targets = [
        target(("latency", 1.05), ("params", 1.5), workload=structs.replace(WORKLOAD, batch_size=n))
        for n in (1, 2, 3)
    ]
    found = check(targets, gated())
    assert [each.status for each in found] == [*["passed"] * 2, *["not_comparable"] * 2, *["passed"] * 2]
    assert {each.reason for each in found[2:4]} == {
        Reason(code="error", message="nets.py:net cannot be built", hint="mend it")
    }
    assert len(machine.plans) == 3


@pytest.mark.parametrize("error", [DataFileError("disk full"), Interrupted("interrupted")])
def test_what_ends_the_command_ends_it(machine, error):
    machine.raises[1] = error
    with pytest.raises(type(error)):
        check([target()], gated())


def test_what_cannot_be_judged_keeps_its_place(machine):
    reason = Reason(code="same-code", message="it is the same")
    unjudged = Unjudged(
        kind="base-ref", model="m", baseline="a", candidate="b", limits=(("macs", 1.0),), reason=reason
    )
    found = check([target(), unjudged, target(("params", 2.0))], gated())
    assert [each.metric for each in found] == ["latency", "macs", "params"]
    assert check([unjudged], gated())[0].reason == reason
    assert len(machine.plans) == 1


def test_checks_that_share_a_measurement_share_its_time(machine, monkeypatch):
    monkeypatch.setattr("sebench.runner.gate.run.time.monotonic", lambda: 1000.0 + 12 * len(machine.plans))
    alone = target(workload=structs.replace(WORKLOAD, batch_size=2))
    found = check([target(("latency", 1.05), ("params", 1.5), ("macs", 3.0)), alone], gated())
    # Every measurement takes 12 s: 12 / 3 each, and 12.
    assert [each.duration_s for each in found] == [4.0, 4.0, 4.0, 12.0]


def test_a_pair_of_one_tree_is_measured_in_one_process_whatever_else_is_checked(machine, tmp_path):
    commit = "1" * 40
    pair = Pair(baseline=ModelSpec(model="n:n", commit=commit), candidate=ModelSpec(model="n:n"))
    trees = {commit: tmp_path}
    check([target(pair=pair, kind="base-ref")], gated(trees=trees))
    assert machine.context.trees == trees
    check([target()], gated(trees=trees))
    assert machine.context.trees == {}


def test_too_few_processes_are_not_extended(machine):
    machine.processes = 1
    (found,) = check([target()], gated())
    assert (found.status, found.reason.code) == ("inconclusive", "not-enough-processes")
    assert len(machine.plans) == 1


def test_all_sampled_limits_are_one_family(machine):
    machine.ratio = 1.2
    alone = check([target()], gated())[0]
    two = check([target(), target(("latency", 1.06), ("params", 1.2))], gated())
    assert two[0].p_value == pytest.approx(2 * alone.p_value)
    assert two[2].p_value is None


@pytest.mark.parametrize(
    ("metrics", "timed", "memory", "energy"),
    [
        (("params", "macs", "bytes", "saved_bytes"), False, False, False),
        (("peak_memory",), False, True, False),
        (("params", "backward_latency"), True, False, False),
        (("energy",), True, False, True),
    ],
)
def test_only_what_the_limits_need_is_measured(machine, metrics, timed, memory, energy):
    check([target(*((metric, 1.5) for metric in metrics))], gated())
    (plan,) = machine.plans
    assert (plan.timed, plan.memory, plan.energy) == (timed, memory, energy)


def test_repeating_pools_the_samples_at_a_stricter_level(machine, tmp_path):
    attempts = AttemptStore(tmp_path / "attempts")
    machine.ratio = 1.2
    with_attempts = gated(attempts=attempts)
    first = check([target()], with_attempts)[0]
    machine.ratio = 1.0  # a lucky moment
    second = check([target()], with_attempts)[0]
    assert (first.status, first.attempts, first.ratio.processes) == ("failed", 1, 6)
    assert second.status == "inconclusive"
    # 6 of the first, 6 and the extension's 6 of the second
    assert (second.attempts, second.ratio.processes) == (2, 18)
    assert second.reason.message.startswith("the 99.88 % interval")
    assert check([target()], gated())[0].attempts == 1  # --no-save


def test_exact_figures_are_no_attempts(machine, tmp_path):
    attempts = AttemptStore(tmp_path / "attempts")
    for _ in range(3):
        check([target(("params", 1.2))], gated(attempts=attempts))
    assert not (tmp_path / "attempts").exists()
    assert check([target()], gated(attempts=attempts))[0].attempts == 1


def test_a_measurement_without_samples_is_no_attempt(machine, tmp_path):
    attempts = AttemptStore(tmp_path / "attempts")
    machine.processes = 0
    found = check([target()], gated(attempts=attempts))[0]
    assert found.status == "not_comparable"
    machine.processes = 6
    assert check([target()], gated(attempts=attempts))[0].attempts == 1


def test_an_interrupted_attempt_counts(machine, tmp_path):
    attempts = AttemptStore(tmp_path / "attempts")
    machine.interrupts, machine.ratio = True, 1.2
    with pytest.raises(Interrupted, match=f"interrupted; what was measured is kept in {tmp_path}"):
        check([target()], gated(attempts=attempts))
    with pytest.raises(Interrupted, match="^interrupted$"):
        check([target()], gated())
    machine.interrupts, machine.ratio = False, 1.0
    found = check([target()], gated(attempts=attempts))[0]
    assert (found.attempts, found.ratio.processes) == (2, 18)


def test_another_accelerator_is_another_question(machine, tmp_path):
    asked = target(workload=structs.replace(WORKLOAD, device="cuda:0"))
    for name, expected in (("one GPU", 1), ("one GPU", 2), ("another GPU", 1), ("another GPU", 2)):
        machine.environment = structs.replace(ENVIRONMENT, device={"name": name})
        found = check([asked], gated(attempts=AttemptStore(tmp_path / "attempts")))[0]
        assert (name, found.attempts, found.ratio.processes) == (name, expected, 6 * expected)


def calibrations(tmp_path, *, sigma=0.01, environment=ENVIRONMENT, workload=WORKLOAD, spec=PAIR.candidate):
    # Two processes +- s / sqrt(2) apart have a standard deviation of s.
    offset = sigma / math.sqrt(2)
    session = CalibrationSession(
        created_at="2026-01-02T03:04:05+00:00",
        seed=1,
        log_ratios=((-offset,) * 2, (offset,) * 2),
        log_times=((0.0, 0.0), (0.0, 0.0)),
    )
    known = Calibrations(tmp_path / "calibrations")
    assert noise(known.add(fingerprint(environment), spec, workload, session)).sigma_process == (
        pytest.approx(sigma)
    )
    return known


def test_a_margin_below_the_noise_floor_is_refused_before_anything_is_measured(machine, tmp_path):
    known = calibrations(tmp_path)
    asked = target(("params", 1.0), ("latency", 1.01), kind="base-ref")
    # 2 x 2.5706 x 0.01 / sqrt(6) = 0.02099, exp = 1.0212; ln 1.01 = 0.00995:
    # 2 x 2.1098 x 0.01 / sqrt(18) = 0.009946 <= 0.00995
    expected = (
        "--margin latency:1.01 is below the noise floor of this machine: 6 processes can hold 1.0212, "
        "18 processes would be needed; allow a wider margin"
    )
    with pytest.raises(UsageError) as caught:
        check([asked], gated(calibrations=known))
    assert str(caught.value) == expected
    assert machine.plans == []


def test_rigorous_effort_is_named_where_it_would_do(machine, tmp_path):
    asked = target(("latency", 1.015), kind="factories")
    with pytest.raises(UsageError, match="or --effort rigorous$"):
        check([asked], gated(calibrations=calibrations(tmp_path)))
    policy = TimingPolicy(processes=12)
    check([asked], gated(calibrations=calibrations(tmp_path), policy=policy))


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        (target(("latency", 1.03), kind="base-ref"), {}),
        (target(("latency", 0.99), kind="base-ref"), {}),  # faster is asked for
        (target(("latency", 1.01)), {}),  # a ceiling says what is allowed, not what has changed
        (target(("latency", 1.01), kind="base-ref"), {"policy": TimingPolicy(processes=1)}),
        (
            target(("latency", 1.01), kind="base-ref", workload=Workload(input_shape=(9, 3, 8, 8))),
            {},
        ),  # not calibrated
    ],
)
def test_other_margins_are_not(machine, tmp_path, asked, fields):
    check([asked], gated(calibrations=calibrations(tmp_path), **fields))
    assert machine.plans


def test_on_an_accelerator_the_floor_is_known_after_the_first_measurement(machine, tmp_path):
    workload = structs.replace(WORKLOAD, device="cuda:0")
    on_device = structs.replace(ENVIRONMENT, device={"name": "a GPU"})
    known = calibrations(tmp_path, environment=on_device, workload=workload)
    machine.environment = on_device
    with pytest.raises(UsageError, match="below the noise floor"):
        check([target(("latency", 1.01), kind="base-ref", workload=workload)], gated(calibrations=known))


def test_a_stored_result_is_held_against_what_is_measured_now(machine):
    then = samples.result(
        samples.measurement([process([block(0.05, 0.05 * r)] * 2, n) for n, r in enumerate(NOISE)])
    )
    machine.ratio = 1.3
    (found,) = check([target(kind="stored", stored=then)], gated())
    assert (found.status, found.ratio.method) == ("inconclusive", "welch-t/ratios")
    assert found.reason.code == "sessions-not-calibrated"
    assert found.findings[0].code == "downgraded-to-ratio"
    assert len(machine.plans) == 1  # more samples would not help


def test_targets_of_one_session_share_a_measurement_and_count_it_once(machine, tmp_path):
    then = samples.result(
        samples.measurement([process([block(0.05, 0.05 * r)] * 2, n) for n, r in enumerate(NOISE)])
    )
    other = target(workload=structs.replace(WORKLOAD, batch_size=4))
    asked = [
        target(("latency", 2.0)),
        other,
        target(("latency", 1.05), ("params", 1.2), kind="stored", stored=then),
        target(("energy", 2.0)),
    ]
    kept = gated(attempts=AttemptStore(tmp_path / "attempts"))
    found = check(asked, kept)
    assert [(each.kind, each.metric, each.limit) for each in found] == [
        ("ceiling", "latency", 2.0),
        ("ceiling", "latency", 1.05),
        ("stored", "latency", 1.05),
        ("stored", "params", 1.2),
        ("ceiling", "energy", 2.0),
    ]
    shared, alone = machine.plans
    assert (shared.timed, shared.energy, shared.sessions[0]) == (True, True, asked[0].session)
    assert (alone.energy, alone.sessions[0]) == (False, other.session)
    assert {each.attempts for each in found} == {1}
    assert [each.ratio.processes for each in found[:2]] == [6, 6]
    again = check(asked, kept)
    assert [each.attempts for each in again if not each.exact and each.metric == "latency"] == [2, 2, 2]
    assert again[0].ratio.processes == 12


@pytest.mark.parametrize(("effort", "repeated"), [("quick", False), ("standard", True), ("rigorous", True)])
def test_energy_is_measured_in_as_many_processes_as_a_gate_needs(machine, effort, repeated):
    check([target(("energy", 1.5))], gated(policy=TimingPolicy(effort=effort)))
    assert machine.plans[0].repeat_energy is repeated


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_an_attempt_whose_workers_did_not_start_leaves_the_verdict_to_the_earlier_ones(
    machine, tmp_path, device
):
    asked = target(workload=structs.replace(WORKLOAD, device=device))
    kept = gated(attempts=AttemptStore(tmp_path / "attempts"))
    machine.environment = structs.replace(ENVIRONMENT, device={} if device == "cpu" else {"name": "a GPU"})
    machine.ratio = 1.2
    assert check([asked], kept)[0].status == "failed"
    # No worker has named its accelerator.
    machine.environment, machine.processes = ENVIRONMENT, 0
    (found,) = check([asked], kept)
    assert (found.status, found.attempts, found.ratio.processes) == ("failed", 2, 6)


def test_without_samples_of_its_own_an_attempt_is_on_the_set_up_of_the_latest(machine, tmp_path):
    asked = target(workload=structs.replace(WORKLOAD, device="cuda:0"))
    kept = gated(attempts=AttemptStore(tmp_path / "attempts"))
    for name, machine.ratio in (("one GPU", 1.2), ("another GPU", 1.0)):
        machine.environment = structs.replace(ENVIRONMENT, device={"name": name})
        check([asked], kept)
    machine.environment, machine.processes = ENVIRONMENT, 0
    (found,) = check([asked], kept)
    assert (found.status, found.attempts, found.ratio.processes) == ("passed", 2, 6)
