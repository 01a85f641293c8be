"""Which nodes a sweep takes: labels, and versions that have to agree."""

import pytest
from msgspec.structs import replace

from sebench.errors import SebenchError, UsageError
from sebench.runner.sweeping.ray.messages import NodeFacts, Versions
from sebench.runner.sweeping.ray.nodes import require_nodes, require_same_versions, set_ups

OWN = Versions(sebench="0.1.0", sources="ab", torch="2.11.0", python="3.11")


def known(name, *, alive=True, cpus=2.0, **labels):
    """As ``ray.nodes()`` has it."""
    resources = {"CPU": cpus} if cpus else {}
    return {
        "NodeID": name,
        "Alive": alive,
        "Resources": resources,
        "Labels": {"ray.io/node-id": name, **labels},
    }


def names(nodes):
    return [node["NodeID"] for node in nodes]


NODES = [known("a", zone="x", disk="ssd"), known("b", zone="y"), known("c", alive=False, zone="x")]


@pytest.mark.parametrize(
    ("labels", "taken"),
    [
        ({}, ["a", "b"]),
        ({"zone": ("x",)}, ["a"]),
        ({"zone": ("x", "y")}, ["a", "b"]),
        ({"zone": ("x", "y"), "disk": ("ssd",)}, ["a"]),
    ],
)
def test_nodes_that_live_and_have_one_value_of_every_label(labels, taken):
    assert names(require_nodes(NODES, labels)) == taken


def test_a_node_without_processors_for_ray_takes_nothing():
    assert names(require_nodes([known("head", cpus=0), known("a")], {})) == ["a"]
    with pytest.raises(
        SebenchError, match=r"^no node of the Ray cluster has CPUs for cases; see 'ray status'$"
    ):
        require_nodes([known("head", cpus=0)], {})


def test_a_label_that_no_node_has_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError) as caught:
        require_nodes(NODES, {"zone": ("z",)})
    assert str(caught.value) == (
        "no node of the Ray cluster has --on zone=z; there are disk=ssd, zone=x, zone=y"
    )


def test_a_label_where_there_are_none():
    with pytest.raises(UsageError, match=r"no node has a label \(ray start --labels\)$"):
        require_nodes([known("a")], {"zone": ("z",)})


# --- versions -------------------------------------------------------------------------------------------


def node(host, **versions):
    return NodeFacts(node=host, host=host, versions=replace(OWN, **versions))


def refusal(*nodes):
    with pytest.raises(SebenchError) as caught:
        require_same_versions(nodes, OWN)
    return caught.value.message


def test_nodes_that_agree_are_taken():
    require_same_versions([node("a"), node("b")], OWN)


def test_another_build_of_one_release_is_the_same():
    require_same_versions([node("a", torch="2.11.0+cpu"), node("b", torch="2.11.0+cu128")], OWN)


def test_this_machine_may_have_another_torch():
    require_same_versions([node("a", torch="2.12.0"), node("b", torch="2.12.0")], OWN)


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ({"sebench": None, "sources": None}, "sebench is not installed on b"),
        ({"torch": None}, "torch is not installed on b"),
        (
            {"sebench": "0.2.0"},
            "nodes have different versions of sebench: 0.1.0 on this machine, a; 0.2.0 on b",
        ),
        ({"sources": "cd"}, "b: sebench 0.1.0 has other sources there than on this machine"),
        ({"torch": "2.12.0"}, "nodes have different versions of torch: 2.11.0 on a; 2.12.0 on b"),
        ({"python": "3.12"}, "nodes have different versions of Python: 3.11 on a; 3.12 on b"),
    ],
)
def test_nodes_that_differ_are_named_with_what_they_have(versions, message):
    assert refusal(node("a"), node("b", **versions)) == message


def test_many_nodes_are_not_all_named():
    nodes = [node("a"), *(node(f"n{number}", torch="2.12.0") for number in range(7))]
    assert refusal(*nodes) == (
        "nodes have different versions of torch: 2.11.0 on a; 2.12.0 on n0, n1, n2, n3, n4 and 2 more"
    )


def test_machines_that_are_alike_are_told_together():
    cpu, gpu = replace(node("a"), processor="X", cpus=(0, 1)), replace(node("g"), processor="Y", gpus=2)
    nodes = [cpu, gpu, replace(cpu, host="b")]
    assert list(set_ups(nodes)) == ["2 nodes (X, 2 CPUs): a, b", "1 node (Y, CPUs and 2 GPUs): g"]
