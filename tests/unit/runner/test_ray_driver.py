"""Ray's driver on a pretended cluster: what it starts where, and what it makes of all that can go wrong."""

import os
import threading

import msgspec
import pytest

from sebench.errors import SebenchError
from sebench.runner.sweeping.ray import driver as driver_module
from sebench.runner.sweeping.ray.driver import Driver, Runner
from sebench.runner.sweeping.ray.messages import (
    Began,
    CaseReply,
    Cases,
    Job,
    Joined,
    LeftOut,
    Loaded,
    Lost,
    Over,
    Versions,
)
from sebench.schema import WorkloadRequest
from sebench.schema.sweep import Case, CaseOutcome
from tests.fake_ray import PENDING, FakeRay, RayError, RayTaskError

VERSIONS = {"sebench": "0.1.0", "sources": "ab", "torch": "2.11.0", "python": "3.11"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(driver_module, "POLL_S", 0.001)
    monkeypatch.setattr(driver_module, "NEWS_PERIOD_S", 0.0)


def case(number, **fields):
    request = WorkloadRequest(device=fields.pop("device", "cpu"))
    return Case(id=f"{number:012x}", model="resnet50", variant="se", request=request, **fields)


def node(name, *, alive=True, **resources):
    return {
        "NodeID": name,
        "Alive": alive,
        "NodeManagerHostname": f"host-{name}",
        "Resources": {"CPU": 2.0, **resources},
        "Labels": {},
    }


def described(name, **versions):
    facts = {"host": f"host-{name}", "versions": {**VERSIONS, **versions}, "boot": name, "cpus": [0, 1]}
    return {**facts, "processor": "X", "visible_gpus": []}


def done(_node, case_id, _request):
    outcome = CaseOutcome(id=case_id, status="done", machine="m")
    return 0, msgspec.json.encode(CaseReply(outcome=outcome)) + b"\n", ""


def never_on_a(where, *rest):
    return PENDING if where == "a" else done(where, *rest)


class Listener:
    """The runner as the driver sees it."""

    def __init__(self, cases):
        self.heard, self.has_gone = [], threading.Event()
        self._cases = msgspec.json.encode(Cases(cases=tuple(cases), code={}))

    def read(self):
        return None if self.has_gone.is_set() else self._cases

    def send(self, message):
        self.heard.append(message)

    def of(self, kind):
        return [each for each in self.heard if isinstance(each, kind)]

    @property
    def outcomes(self):
        replies = [msgspec.json.decode(each.reply, type=CaseReply).outcome for each in self.of(Over)]
        return [(int(each.id, 16), each.status, each.reason) for each in replies]

    @property
    def begun(self):
        return [f"{int(each.case, 16)}@{each.host}" for each in self.of(Began)]


def job_of(**fields):
    waits = {"patience_s": 60.0, "pending_s": 60.0, **fields}
    own = msgspec.convert(VERSIONS, Versions)
    return Job(address="auto", own=own, command=("-m", "case"), directory="/", **waits)


def run(ray, cases, **fields):
    listener = Listener(cases)
    Driver(ray, job_of(**fields), listener).run()
    return listener


def test_cases_go_to_all_nodes_and_nothing_is_left_on_them():
    ray = FakeRay([node("a"), node("b"), node("gone", alive=False)], described, done)
    heard = run(ray, [case(number) for number in range(3)])
    assert [facts.host for each in heard.of(Joined) for facts in each.nodes] == ["host-a", "host-b"]
    assert heard.begun[:2] == ["0@host-a", "1@host-b"]
    assert sorted(heard.outcomes) == [(number, "done", "") for number in range(3)]
    assert sorted(ray.killed) == ["a", "b"]


def test_all_that_a_node_has_is_taken_and_ray_repeats_nothing():
    ray = FakeRay([node("a", GPU=4.0)], described, done)
    run(ray, [case(0)])
    (options,) = ray.options
    assert (options["num_cpus"], options["num_gpus"]) == (2.0, 4)
    assert (options["max_restarts"], options["max_task_retries"]) == (0, 0)
    assert options["scheduling_strategy"] == ("a", False)


def test_networks_of_the_cases_that_come_next_on_such_a_device_are_named():
    asked = []

    def measure(where, case_id, request):
        asked.append([each["id"] for each in request["ahead"]])
        return done(where, case_id, request)

    cases = [case(0), case(1, device="cuda"), case(2)]
    run(FakeRay([node("a", GPU=1.0)], described, measure), cases)
    assert asked == [[], [cases[2].id], []]  # the one on the GPU first


def lost_once(ray):
    """A measurement during which the first node dies, once."""

    def measure(where, case_id, request):
        if where == "a" and node("a") in ray.known:
            ray.known[0] = node("a", alive=False)
            return RayError("a died")
        return done(where, case_id, request)

    return measure


def test_the_cases_of_a_lost_node_run_on_another():
    ray = FakeRay([node("a"), node("b")], described, None)
    ray.measure = lost_once(ray)
    heard = run(ray, [case(0), case(1)])
    assert [(each.host, each.cases) for each in heard.of(Lost)] == [("host-a", (case(0).id,))]
    assert sorted(heard.outcomes) == [(0, "done", ""), (1, "done", "")]


def test_a_node_that_ray_knows_to_be_dead_is_not_waited_for():
    ray = FakeRay(
        [node("a"), node("b")],
        described,
        never_on_a,
    )
    ray.idle = lambda: ray.known.__setitem__(0, node("a", alive=False))
    heard = run(ray, [case(0), case(1)])
    assert [each.host for each in heard.of(Lost)] == ["host-a"]
    assert sorted(heard.outcomes) == [(0, "done", ""), (1, "done", "")]


def test_a_case_that_ends_rays_process_every_time_fails():
    ray = FakeRay([node("a")], described, lambda *_: RayError("worker died"))
    heard = run(ray, [case(0)])
    reason = "its node, or Ray's process there, was lost 3 times, at last host-a"
    assert heard.outcomes == [(0, "failed", reason)]
    assert heard.begun == ["0@host-a"] * 3


def test_what_the_seat_itself_raises_is_the_reason():
    ray = FakeRay([node("a")], described, lambda *_: RayTaskError("Traceback ...\nOSError: no space"))
    assert run(ray, [case(0)]).outcomes == [(0, "failed", "host-a: OSError: no space")]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((7, b"", "words"), "its process ended with status 7: words"),
        ((-9, b"", ""), "its process was killed by signal 9"),
        ((130, b"", ""), "its process was interrupted on its node"),
        ((0, b"nonsense\n", ""), "its process sent no answer that can be read"),
    ],
)
def test_a_process_that_ends_without_its_answer(answer, reason):
    assert run(FakeRay([node("a")], described, lambda *_: answer), [case(0)]).outcomes == [
        (0, "failed", reason)
    ]


def test_a_case_that_no_node_can_take_fails_and_the_rest_goes_on():
    ray = FakeRay([node("a")], described, done)
    heard = run(ray, [case(0, device="cuda"), case(1)], pending_s=0.01)
    assert heard.outcomes == [
        (1, "done", ""),
        (0, "failed", "no node with 1 GPU was there to take it for 0.01 s"),
    ]


def test_where_every_node_is_gone_the_cases_fail():
    ray = FakeRay([node("a")], described, None)
    ray.measure = lost_once(ray)
    heard = run(ray, [case(0)], pending_s=0.01)
    assert heard.outcomes == [(0, "failed", "no node was there to take it for 0.01 s")]


def test_seats_are_told_that_they_are_still_wanted(monkeypatch):
    monkeypatch.setattr(driver_module, "WANTED_PERIOD_S", 0.0)
    ray = FakeRay([node("a")], described, lambda *_: PENDING)

    def idle():
        if ray.wanted:
            ray.running["a"][case(0).id].answer = done("a", case(0).id, {})

    ray.idle = idle
    assert run(ray, [case(0)]).outcomes == [(0, "done", "")]
    assert set(ray.wanted) == {"a"}


def test_a_case_beyond_its_time_limit_is_stopped(monkeypatch):
    monkeypatch.setattr(driver_module, "OVERTIME_S", 0.0)
    ray = FakeRay([node("a")], described, lambda *_: PENDING)

    def idle():
        if ray.stopped:  # as a process ends that is interrupted
            for reference in ray.running["a"].values():
                reference.answer = (130, b"", "")

    ray.idle = idle
    heard = run(ray, [case(0, timeout_s=0.01)])
    assert ray.stopped == [case(0).id]
    assert heard.outcomes == [(0, "failed", "timed out after 0.01 s")]


def test_one_that_does_not_stop_is_ended_with_its_seat(monkeypatch):
    monkeypatch.setattr(driver_module, "OVERTIME_S", 0.0)
    monkeypatch.setattr(driver_module, "STOP_S", 0.0)
    ray = FakeRay([node("a")], described, lambda *_: PENDING)
    heard = run(ray, [case(0, timeout_s=0.01)])
    assert heard.outcomes == [(0, "failed", "timed out after 0.01 s")]


# --- nodes ----------------------------------------------------------------------------------------------


def test_a_node_that_comes_later_takes_cases():
    ray = FakeRay([node("a")], described, never_on_a)

    def idle():
        if len(ray.known) == 1:
            ray.known.append(node("b"))
        elif "b" in ray.running:
            ray.running["a"][case(0).id].answer = done("a", case(0).id, {})

    ray.idle = idle
    heard = run(ray, [case(0), case(1)])
    assert [facts.host for each in heard.of(Joined) for facts in each.nodes] == ["host-a", "host-b"]
    assert sorted(heard.outcomes) == [(0, "done", ""), (1, "done", "")]


def test_a_node_that_comes_later_with_another_torch_is_left_out():
    ray = FakeRay(
        [node("a")],
        lambda name: described(name, **({"torch": "2.12.0"} if name == "b" else {})),
        lambda *_: PENDING,
    )

    def idle():
        if len(ray.known) == 1:
            ray.known.append(node("b"))
        elif "b" in ray.killed:
            ray.running["a"][case(0).id].answer = done("a", case(0).id, {})

    ray.idle = idle
    heard = run(ray, [case(0)])
    (left_out,) = heard.of(LeftOut)
    assert left_out.host == "host-b"
    assert "2.12.0 on host-b" in left_out.reason


def test_a_busy_node_is_left_out_and_the_others_measure():
    ray = FakeRay([node("a"), node("b")], lambda name: PENDING if name == "b" else described(name), done)
    heard = run(ray, [case(0)], patience_s=0.01)
    (left_out,) = heard.of(LeftOut)
    assert left_out.reason == "did not answer within 0.01 s: other work may hold its CPUs or GPUs"
    assert heard.outcomes == [(0, "done", "")]


def refusal(ray, **fields):
    with pytest.raises(SebenchError) as caught:
        run(ray, [case(0)], **fields)
    return caught.value.message


def test_where_no_node_takes_cases_each_says_why():
    ray = FakeRay([node("a")], lambda name: RayTaskError("Traceback\nValueError: no"), done)
    assert refusal(ray) == "no node of the Ray cluster takes cases: host-a cannot take cases: ValueError: no"


def test_nodes_that_differ_are_refused_before_anything_is_measured():
    ray = FakeRay(
        [node("a"), node("b")], lambda name: described(name, sebench=None if name == "b" else "0.1.0"), done
    )
    assert refusal(ray) == "sebench is not installed on host-b"
    assert ray.running == {}
    assert sorted(ray.killed) == ["a", "b"]


def test_a_runner_is_heard_and_told_until_it_has_gone():
    (asks, asked), (hears, told) = os.pipe(), os.pipe()
    with os.fdopen(asks, "rb") as requests, os.fdopen(told, "wb", buffering=0) as replies:
        runner = Runner(requests, replies)
        os.write(asked, b"job\n")
        assert runner.read() == b"job\n"
        runner.send(Loaded())
        assert os.read(hears, 100) == b'{"type":"Loaded"}\n'
        os.close(hears)
        os.close(asked)
        assert runner.read() is None
        assert runner.has_gone.is_set()
        runner.send(Loaded())  # nobody hears it


# --- the end --------------------------------------------------------------------------------------------


def test_where_the_runner_goes_cases_are_stopped_and_seats_closed():
    ray = FakeRay([node("a")], described, lambda *_: PENDING)
    listener = Listener([case(0)])
    ray.idle = lambda: listener.has_gone.set() if ray.running else None
    Driver(ray, job_of(), listener).run()
    assert ray.stopped == [None]
    assert ray.killed == ["a"]
    assert listener.outcomes == []


def test_a_runner_that_has_gone_before_it_named_a_case():
    ray = FakeRay([node("a")], described, done)
    listener = Listener([case(0)])
    listener.has_gone.set()
    Driver(ray, job_of(), listener).run()
    assert ray.killed == ["a"]
