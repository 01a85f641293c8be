"""Where the gates of a network are, in terms of a count: which ops and modules are charged to which site."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sebench.counters.recording import Recording
from sebench.counters.scope import OpKey, Place, longest_prefix
from sebench.schema import SiteCost
from sebench.schema.gates import ROOT, Gate, gate_word
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.gates import FoundGate, gates_in
from sebench.surgery.stages import stage_of_op, stages_of


@dataclass(frozen=True, slots=True)
class Sites:
    """The gates of a network, and what belongs to them."""

    gates: tuple[Gate, ...]
    """In order of execution."""
    sites: tuple[SiteCost, ...]
    """One for each gate."""
    stages: Mapping[str, str]
    """Stage label by module name; the longest enclosing name wins."""
    modules: tuple[str, ...]
    """Modules that are nothing but a gate."""
    places: Mapping[OpKey, Place]
    """Ops that belong elsewhere than the module that runs them."""


NO_SITES = Sites(gates=(), sites=(), stages={}, modules=(), places={})


def find_sites(recording: Recording) -> Sites:
    """Find the gates of a network, and the stage of all that it does."""
    flow = Dataflow(recording)
    found = gates_in(flow)
    paths = _site_paths(found)
    owned: dict[int, Place] = {}
    for path, each in zip(paths, found, strict=True):
        for index in each.ops:
            owned.setdefault(index, Place(each.gate.stage, path, _part(flow, each, index)))
    stages = {**stages_of(flow, owned), **_stages_of_modules(found)}
    return Sites(
        gates=tuple(each.gate for each in found),
        sites=tuple(
            SiteCost(path=path, stage=each.gate.stage, params=each.gate.params)
            for path, each in zip(paths, found, strict=True)
        ),
        stages=stages,
        modules=tuple(dict.fromkeys(each.gate.path for each in found if each.gate.module)),
        places=_places(flow, stages, owned),
    )


def charged_to(known: Collection[str], found: Sites) -> Sites:
    """With what is in modules that are known to be attention, gates or not, charged to them.

    Args:
        known: paths of these modules: put in, or named by the user.
        found: the gates of the network that they are in.
    """
    owners = {path: path for path in known}
    gates = owners.keys() & set(found.modules)
    if not owners:
        return found
    return replace(
        found,
        sites=tuple(site for site in found.sites if longest_prefix(site.path, owners) is None),
        modules=tuple(path for path in found.modules if longest_prefix(path, owners) is None),
        places={key: _owned(place, owners, gates) for key, place in found.places.items()},
    )


def _owned(place: Place, owners: Mapping[str, str], gates: Collection[str]) -> Place:
    owner = None if place.site is None else longest_prefix(place.site, owners)
    if owner is None or place.site in gates:
        return place
    return Place(place.stage, owner)  # it does other things too, so that its parts are not known


def _part(flow: Dataflow, found: FoundGate, index: int) -> str:
    """The part of a gate that one of its ops is; see `Gate.parts`."""
    first, second, third = found.gate.parts
    if index == found.product:
        return third.name
    return second.name if index in found.body and not flow.is_reduction(flow.op(index)) else first.name


def _stages_of_modules(found: Sequence[FoundGate]) -> dict[str, str]:
    return {each.gate.path: each.gate.stage for each in found if each.gate.module}


def _places(flow: Dataflow, stages: Mapping[str, str], owned: Mapping[int, Place]) -> dict[OpKey, Place]:
    places = {}
    known = frozenset(stages.values())
    modules = {op.module for op in flow.recording.ops}
    usual_of = {module: longest_prefix(module, stages) or "" for module in modules}
    for index, op in enumerate(flow.recording.ops):
        if op.key is None:
            continue
        usual = usual_of[op.module]
        stage = stage_of_op(flow, op)
        # A padded map is of no stage of its own.
        place = owned.get(index) or Place(stage if stage is not None and stage in known else usual, None)
        if place.site is not None or place.stage != usual:
            places[op.key] = place
    return places


def gate_words(found: Sequence[FoundGate]) -> tuple[str, ...]:
    """What variants call the gates of a network, in their order."""
    return tuple(map(gate_word, _site_paths(found)))


def _site_paths(found: Sequence[FoundGate]) -> list[str]:
    return _unique([each.gate.path or ROOT for each in found])


def _unique(paths: Sequence[str]) -> list[str]:
    """Several gates in one module are told apart by their number: ``decoder.block``, ``decoder.block#2``."""
    seen: dict[str, int] = {}
    unique = []
    for path in paths:
        seen[path] = seen.get(path, 0) + 1
        unique.append(path if seen[path] == 1 else f"{path}#{seen[path]}")
    return unique
