"""A network in a variant: built by its source, then with its attention taken out, or another put in."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from msgspec.structs import replace
from torch import nn

from sebench import counters, models
from sebench.counters.recording import Recording
from sebench.models import BuiltModel
from sebench.schema import ASIS, ModelSpec, Phase, Variant, parse_variant
from sebench.surgery.capture import Captured, capture
from sebench.surgery.gates import FoundGate, find_gates
from sebench.surgery.insertion import inserted_sites, put_in
from sebench.surgery.places import find_places, no_place
from sebench.surgery.proof import prove
from sebench.surgery.removal import replacements, take_out
from sebench.surgery.replacing import replace_captured, replace_gates


def build_variant(
    spec: ModelSpec,
    *,
    seed: int,
    device: str,
    input_shape: tuple[int, ...] | None,
    phase: Phase,
    beside: ModelSpec | None,
) -> BuiltModel:
    """See `sebench.surgery.build`."""
    spec = models.resolve(spec)
    if models.source_of(spec.model).own_variant != ASIS:
        return models.build(spec, seed=seed, device=device)
    built = models.build(replace(spec, variant=ASIS), seed=seed, device=device)
    if spec.variant == ASIS and not _is_variant_of(beside, spec):
        return built
    _allow_late_imports(spec)
    network = _Network(built.module, input_shape or built.input_shape, phase)
    module = network.with_variant(parse_variant(spec.variant), seed)
    return dataclasses.replace(
        built, spec=spec, module=module, sites=inserted_sites(module), captured=network.is_inline
    )


def _is_variant_of(beside: ModelSpec | None, spec: ModelSpec) -> bool:
    """Whether what a network is compared with is the same network in another variant."""
    return beside is not None and beside != spec and replace(beside, variant=spec.variant) == spec


def _allow_late_imports(spec: ModelSpec) -> None:
    """What a user's code imports only while it runs is found in the current folder, after everything else."""
    if models.is_users_own(spec):
        models.search_last(Path.cwd())


def prove_variant(spec: ModelSpec, shape: tuple[int, ...]) -> None:
    """See `sebench.surgery.require_proof`."""
    spec = models.resolve(spec)
    if models.source_of(spec.model).own_variant != ASIS or spec.variant == ASIS:
        return
    asis, other = (
        _Network(models.build(replace(spec, variant=ASIS), seed=0).module, shape, "inference")
        for _ in range(2)
    )
    _allow_late_imports(spec)
    if not asis.gates:
        return
    stripped = other.with_variant(Variant(), seed=0)
    captured = asis.with_variant(Variant(as_built=True), seed=0) if asis.is_inline else None
    inputs = (torch.zeros(shape),)
    prove(asis.module, stripped, inputs, asis.recording, asis.gates, captured=captured)


@dataclass(frozen=True)
class _Network:
    """A network as its author built it, and what it will be used for."""

    module: nn.Module
    shape: tuple[int, ...]
    phase: Phase

    @cached_property
    def recording(self) -> Recording:
        return counters.record(self.module, self.shape)

    @cached_property
    def gates(self) -> tuple[FoundGate, ...]:
        return find_gates(self.recording)

    @cached_property
    def is_inline(self) -> bool:
        """Whether attention cannot be taken out by replacing modules."""
        return bool(self.gates) and replacements(self.recording, self.gates) is None

    def with_variant(self, variant: Variant, seed: int) -> nn.Module:
        """The network with other attention; changed in place where that can be done without capturing it."""
        if self.is_inline:
            return _of_captured(self._captured(), variant, seed)
        if variant.as_built:
            return self.module
        if variant.kind is None:
            return take_out(self.module, self.recording, self.gates) if self.gates else self.module
        if self.gates:
            return replace_gates(self.module, self.recording, self.gates, variant, seed)
        places = find_places(self.module, self.recording)
        if not places:
            raise no_place(self.module)
        return put_in(self.module, places, variant, seed)

    def _captured(self) -> Captured:
        module = self.module.train() if self.phase == "training" else self.module
        parameter = next(module.parameters(), torch.empty(()))
        captured = capture(module, (torch.zeros(self.shape, device=parameter.device),))
        self.module.eval()
        return captured


def _of_captured(captured: Captured, variant: Variant, seed: int) -> nn.Module:
    """A network whose attention is written inline, as a graph."""
    if variant.as_built:
        return captured.as_it_is()
    if variant.kind is None:
        return captured.without_gates()
    return replace_captured(captured, variant, seed)
