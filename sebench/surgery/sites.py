"""Where the gates of a network are, in terms of a count: which ops and modules are charged to which site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sebench.counters.recording import Recording
from sebench.counters.scope import OpKey, Place, longest_prefix
from sebench.schema import SiteCost
from sebench.schema.gates import Gate
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


ROOT = "(network)"
"""Site of a gate that the network itself computes, outside of its modules."""
NO_SITES = Sites(gates=(), sites=(), stages={}, modules=(), places={})


def find_sites(recording: Recording) -> Sites:
    """Find the gates of a network, and the stage of all that it does."""
    flow = Dataflow(recording)
    found = gates_in(flow)
    paths = _unique([each.gate.path or ROOT for each in found])
    gate_of: dict[int, int] = {}
    for number, each in enumerate(found):
        for index in each.ops:
            gate_of.setdefault(index, number)
    stages = {**stages_of(flow, gate_of), **_stages_of_modules(found)}
    return Sites(
        gates=tuple(each.gate for each in found),
        sites=tuple(
            SiteCost(path=path, stage=each.gate.stage, params=each.gate.params)
            for path, each in zip(paths, found, strict=True)
        ),
        stages=stages,
        modules=tuple(dict.fromkeys(each.gate.path for each in found if each.gate.module)),
        places=_places(
            flow, stages, {index: (paths[n], found[n].gate.stage) for index, n in gate_of.items()}
        ),
    )


def _stages_of_modules(found: Sequence[FoundGate]) -> dict[str, str]:
    return {each.gate.path: each.gate.stage for each in found if each.gate.module}


def _places(
    flow: Dataflow, stages: Mapping[str, str], of_gates: Mapping[int, tuple[str, str]]
) -> dict[OpKey, Place]:
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
        site, stage = of_gates.get(index, (None, stage if stage in known else usual))
        if site is not None or stage != usual:
            places[op.key] = Place(stage=stage or usual, site=site)
    return places


def _unique(paths: Sequence[str]) -> list[str]:
    """Several gates in one module are told apart by their number: ``decoder.block``, ``decoder.block#2``."""
    seen: dict[str, int] = {}
    unique = []
    for path in paths:
        seen[path] = seen.get(path, 0) + 1
        unique.append(path if seen[path] == 1 else f"{path}#{seen[path]}")
    return unique
