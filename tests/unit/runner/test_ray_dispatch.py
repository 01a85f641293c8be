"""Which node takes which case: nothing beside a measurement, every case once, none lost with a node."""

import pytest

from sebench.runner.sweeping.ray.dispatch import MOST_LOSSES, Dispatcher, Need, need_of
from sebench.runner.sweeping.ray.messages import NodeFacts, Versions
from sebench.schema import WorkloadRequest
from sebench.schema.sweep import Case

VERSIONS = Versions(sebench="0.1.0", sources="ab", torch="2.11.0", python="3.11")


def case(number, **request):
    return Case(id=f"{number:012x}", model="resnet50", variant="se", request=WorkloadRequest(**request))


def node(name, *, boot=None, cpus=(0, 1), gpus=0, visible=None):
    visible = tuple(map(str, range(gpus))) if visible is None else visible
    return NodeFacts(
        node=name,
        host=f"host-{name}",
        versions=VERSIONS,
        boot=name if boot is None else boot,
        cpus=cpus,
        gpus=gpus,
        visible_gpus=visible,
    )


def dispatcher(cases, *nodes):
    made = Dispatcher(cases)
    for each in nodes:
        made.join(each)
    return made


def started(made):
    """``case@node/gpu`` of all that starts now."""
    return [
        f"{int(start.case.id, 16)}@{start.place.facts.node}{'' if start.gpu is None else f'/{start.gpu}'}"
        for start in made.starts()
    ]


def test_one_case_at_a_time_on_each_machine():
    cases = [case(number) for number in range(5)]
    made = dispatcher(cases, node("a"), node("b"))
    assert started(made) == ["0@a", "1@b"]
    assert started(made) == []
    assert made.finish(cases[1].id)
    assert started(made) == ["2@b"]


def test_two_nodes_on_one_machine_take_turns():
    cases = [case(number) for number in range(3)]
    made = dispatcher(cases, node("a", boot="m"), node("b", boot="m"))
    assert started(made) == ["0@a"]
    made.finish(cases[0].id)
    assert started(made) == ["1@b"]  # the one that has had fewer


def test_two_nodes_on_processors_of_their_own_run_side_by_side():
    cases = [case(number) for number in range(2)]
    made = dispatcher(cases, node("a", boot="m", cpus=(0, 1)), node("b", boot="m", cpus=(2, 3)))
    assert started(made) == ["0@a", "1@b"]


def test_where_processors_are_not_known_two_nodes_of_one_host_are_one_machine():
    cases = [case(number) for number in range(2)]
    made = dispatcher(cases, node("a", boot="m", cpus=()), node("b", boot="m"))
    assert started(made) == ["0@a"]


@pytest.mark.parametrize(
    ("request_", "need"),
    [
        ({}, Need(gpus=0, whole=True)),
        ({"device": "auto"}, Need(gpus=0, whole=True)),
        ({"device": "cpu", "world_size": 2}, Need(gpus=0, whole=True)),
        ({"device": "cuda"}, Need(gpus=1, whole=False)),
        ({"device": "cuda:0"}, Need(gpus=1, whole=False)),
        ({"device": "cuda:2"}, Need(gpus=3, whole=True)),  # the third one is there where three are seen
        ({"device": "cuda", "world_size": 2}, Need(gpus=2, whole=True)),
    ],
)
def test_what_a_case_takes(request_, need):
    assert need_of(case(1, **request_)) == need


def test_cuda_goes_only_to_nodes_with_gpus_one_case_on_each():
    cases = [case(number, device="cuda") for number in range(3)]
    made = dispatcher(cases, node("a"), node("b", gpus=2))
    assert started(made) == ["0@b/0", "1@b/1"]
    made.finish(cases[0].id)
    assert started(made) == ["2@b/0"]


def test_what_needs_the_whole_machine_waits_until_it_is_idle():
    cases = [case(0, device="cuda"), case(1, device="cpu"), case(2, device="cuda")]
    made = dispatcher(cases, node("a", gpus=2))
    assert started(made) == ["0@a/0", "2@a/1"]
    made.finish(cases[0].id)
    assert started(made) == []
    made.finish(cases[2].id)
    assert started(made) == ["1@a"]
    made.finish(cases[1].id)
    assert made.is_over


def test_a_gpu_node_leaves_to_others_what_they_can_do():
    cases = [case(0, device="cpu"), case(1, device="cuda")]
    made = dispatcher(cases, node("a", gpus=1), node("b"))
    assert started(made) == ["1@a/0", "0@b"]


def test_where_gpus_cannot_be_told_apart_a_case_has_them_all():
    cases = [case(number, device="cuda") for number in range(2)]
    made = dispatcher(cases, node("a", gpus=2, visible=()))
    assert started(made) == ["0@a"]


# --- nodes that go --------------------------------------------------------------------------------------


def test_the_cases_of_a_lost_node_come_first_on_another():
    cases = [case(number) for number in range(4)]
    made = dispatcher(cases, node("a"), node("b"))
    assert started(made) == ["0@a", "1@b"]
    assert made.leave("b") == ([cases[1]], [])
    made.finish(cases[0].id)
    assert started(made) == ["1@a"]


def test_a_case_that_takes_every_node_with_it_is_given_up():
    made = dispatcher([case(0)])
    for number in range(MOST_LOSSES):
        made.join(node(str(number)))
        assert started(made) == [f"0@{number}"]
        again, given_up = made.leave(str(number))
    assert (again, given_up) == ([], [case(0)])
    assert made.is_over


def test_a_case_is_over_once():
    cases = [case(0)]
    made = dispatcher(cases, node("a"), node("b"))
    started(made)
    made.leave("a")  # out of sight, and still measuring
    assert started(made) == ["0@b"]
    assert made.finish(cases[0].id)
    assert not made.finish(cases[0].id)
    assert made.leave("b") == ([], [])
    assert made.is_over


def test_what_was_said_of_a_case_while_it_waits_ends_the_waiting():
    cases = [case(0)]
    made = dispatcher(cases, node("a"))
    started(made)
    made.leave("a")
    assert made.finish(cases[0].id)
    made.join(node("b"))
    assert started(made) == []


def test_a_node_that_is_not_known_can_be_lost():
    assert dispatcher([case(0)]).leave("a") == ([], [])


def test_what_no_node_could_take():
    cases = [case(0, device="cpu"), case(1, device="cuda"), case(2, device="cuda:1")]
    assert dispatcher(cases).without_place() == cases
    assert dispatcher(cases, node("a")).without_place() == cases[1:]
    made = dispatcher(cases, node("a", gpus=1))
    assert made.without_place() == [cases[2]]
    started(made)  # what is busy may be idle again
    assert made.without_place() == [cases[2]]
