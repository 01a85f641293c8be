"""Which nodes of a cluster a sweep takes: by their labels and their versions. It knows nothing of Ray."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sebench.errors import SebenchError, UsageError
from sebench.runner.sweeping.ray.messages import NodeFacts, Versions

_OF_ONE_NODE = "ray.io/node-id"
_NAMES = {"sebench": "sebench", "torch": "torch", "python": "Python"}


def chosen(
    nodes: Sequence[Mapping[str, Any]], labels: Mapping[str, tuple[str, ...]]
) -> tuple[Mapping[str, Any], ...]:
    """The nodes that are alive, have processors for Ray, and one of the values of every label.

    Args:
        nodes: as ``ray.nodes()`` has them.
        labels: values by name; none takes every node.
    """
    return tuple(
        node
        for node in nodes
        if node["Alive"]
        and node["Resources"].get("CPU", 0) > 0
        and all(node.get("Labels", {}).get(name) in values for name, values in labels.items())
    )


def require_nodes(
    nodes: Sequence[Mapping[str, Any]], labels: Mapping[str, tuple[str, ...]]
) -> tuple[Mapping[str, Any], ...]:
    """As `chosen`; there is at least one.

    Raises:
        UsageError: no node has the labels.
        SebenchError: no node has processors for Ray.
    """
    found = chosen(nodes, labels)
    if found:
        return found
    usable = chosen(nodes, {})
    if not usable:
        raise SebenchError("no node of the Ray cluster has CPUs for cases", hint="see 'ray status'")
    asked = " ".join(f"--on {name}={value}" for name, values in labels.items() for value in values)
    known = sorted(
        {
            f"{name}={value}"
            for node in usable
            for name, value in node.get("Labels", {}).items()
            if name != _OF_ONE_NODE
        }
    )
    there = f"there are {', '.join(known)}" if known else "no node has a label (ray start --labels)"
    raise UsageError(f"no node of the Ray cluster has {asked}", hint=there)


def require_same_versions(nodes: Sequence[NodeFacts], own: Versions) -> None:
    """All nodes have sebench as it is here, and one torch and one Python.

    Args:
        nodes: that are to take cases.
        own: of this machine, which reads the results.

    Raises:
        SebenchError: they have not; it names nodes and versions.
    """
    for name in ("sebench", "torch"):
        without = [facts.host for facts in nodes if getattr(facts.versions, name) is None]
        if without:
            raise SebenchError(f"{name} is not installed on {_listed(without)}", hint=_INSTALL)
    everywhere = [("this machine", own), *((facts.host, facts.versions) for facts in nodes)]
    _require_same("sebench", ((host, str(each.sebench)) for host, each in everywhere))
    other = [host for host, each in everywhere if each.sources != own.sources]
    if other:
        raise SebenchError(
            f"{_listed(other)}: sebench {own.sebench} has other sources there than on this machine",
            hint=_INSTALL,
        )
    _require_same("torch", ((facts.host, _release(facts.versions.torch)) for facts in nodes))
    _require_same("python", ((facts.host, facts.versions.python) for facts in nodes))


_INSTALL = "install the same on all nodes, or pick nodes with --on label=value"


def _require_same(name: str, versions: Iterable[tuple[str, str]]) -> None:
    hosts: dict[str, list[str]] = {}
    for host, version in versions:
        hosts.setdefault(version, []).append(host)
    if len(hosts) > 1:
        found = "; ".join(f"{version} on {_listed(names)}" for version, names in hosts.items())
        raise SebenchError(f"nodes have different versions of {_NAMES[name]}: {found}", hint=_INSTALL)


def _release(version: str | None) -> str:
    """Without the build: ``2.11.0+cu128`` and ``2.11.0+cpu`` are one release."""
    return str(version).partition("+")[0]


def set_ups(nodes: Sequence[NodeFacts]) -> Iterator[str]:
    """What nodes there are, one line for all that are alike: ``2 nodes with 8 CPUs of ...: a, b``."""
    alike: dict[str, list[str]] = {}
    for facts in nodes:
        gpus = f" and {facts.gpus} GPU{'' if facts.gpus == 1 else 's'}" if facts.gpus else ""
        cpus = f"{len(facts.cpus)} CPU{'' if len(facts.cpus) == 1 else 's'}" if facts.cpus else "CPUs"
        alike.setdefault(f"{facts.processor}, {cpus}{gpus}", []).append(facts.host)
    for kind, hosts in alike.items():
        yield f"{len(hosts)} node{'' if len(hosts) == 1 else 's'} ({kind}): {_listed(hosts)}"


_MOST_NAMED = 5


def _listed(hosts: Sequence[str]) -> str:
    """``a, b and 3 more``."""
    names = list(dict.fromkeys(hosts))
    more = len(names) - _MOST_NAMED
    return f"{', '.join(names[:_MOST_NAMED])}{f' and {more} more' if more > 0 else ''}"
