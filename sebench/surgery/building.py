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
from sebench.errors import BuildError
from sebench.inputs import Inputs
from sebench.models import BuiltModel
from sebench.schema import ASIS, ModelSpec, Phase, Variant, parse_variant
from sebench.surgery.capture import Captured, capture
from sebench.surgery.gates import FoundGate, find_gates
from sebench.surgery.insertion import inserted_sites, put_in
from sebench.surgery.named import gates_within, named_sites, replace_named
from sebench.surgery.places import WRITE_BOTH, find_places, insert_after, no_place
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
    if spec.variant == ASIS and spec.attention_class is None and not _is_variant_of(beside, spec):
        return built
    _allow_late_imports(spec)
    network = _Network(built.module, spec, input_shape or built.input_shape, phase)
    named, is_inline = network.named, network.is_inline  # before it is changed
    module = network.with_variant(parse_variant(spec.variant), seed)
    sites = named if spec.variant == ASIS else inserted_sites(module)
    return dataclasses.replace(built, spec=spec, module=module, sites=sites, captured=is_inline)


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
        _Network(models.build(replace(spec, variant=ASIS), seed=0).module, spec, shape, "inference")
        for _ in range(2)
    )
    _allow_late_imports(spec)
    if not asis.gates:
        return
    stripped = other.with_variant(Variant(), seed=0)
    captured = asis.with_variant(Variant(as_built=True), seed=0) if asis.is_inline else None
    prove(asis.module, stripped, asis.inputs, asis.recording, asis.gates, captured=captured)


@dataclass(frozen=True)
class _Network:
    """A network as its author built it, and what it will be used for."""

    module: nn.Module
    spec: ModelSpec
    """How it was built, and what was said of its attention."""
    shape: tuple[int, ...]
    """Of its input, batch in front."""
    phase: Phase

    @cached_property
    def inputs(self) -> Inputs:
        """What it is called with; of floating-point numbers only the shapes matter."""
        if self.spec.example_inputs is None:
            return Inputs((torch.zeros(self.shape),))
        return models.make_inputs(self.spec.example_inputs, self.shape[0], seed=0)

    @cached_property
    def recording(self) -> Recording:
        return counters.record(self.module, self.shape, self.inputs)

    @cached_property
    def named(self) -> tuple[str, ...]:
        """Modules that the user says are its attention."""
        name = self.spec.attention_class
        return () if name is None else named_sites(self.module, self.recording, name)

    @cached_property
    def gates(self) -> tuple[FoundGate, ...]:
        """Its attention, as data flow shows it."""
        found = find_gates(self.recording)
        return gates_within(self.recording, self.named, found) if self.named else found

    @cached_property
    def is_inline(self) -> bool:
        """Whether attention cannot be taken out by replacing modules."""
        return not self.named and bool(self.gates) and replacements(self.recording, self.gates) is None

    def with_variant(self, variant: Variant, seed: int) -> nn.Module:
        """The network with other attention; changed in place where that can be done without capturing it."""
        pattern, name = self.spec.insert_after, self.spec.attention_class
        if variant.as_built and not self.is_inline:
            return self.module
        if variant.kind is not None and pattern is not None:
            return self._attending_after(pattern, variant, seed)
        if name is not None:
            return replace_named(self.module, self.recording, name, variant, seed)
        if self.is_inline:
            return _of_captured(self._captured(), variant, seed)
        return self._of_modules(variant, seed)

    def _of_modules(self, variant: Variant, seed: int) -> nn.Module:
        if variant.kind is None:
            return take_out(self.module, self.recording, self.gates) if self.gates else self.module
        if self.gates:
            return replace_gates(self.module, self.recording, self.gates, variant, seed)
        places = find_places(self.module, self.recording)
        if not places:
            raise no_place(self.module, self.recording)
        return put_in(self.module, places, variant, seed)

    def _attending_after(self, pattern: str, variant: Variant, seed: int) -> nn.Module:
        """With attention where the user wants it, instead of what it had."""
        if self.is_inline:
            raise BuildError(
                f"--insert-after {pattern!r}: {self.spec.model} computes attention inline, so that it runs"
                " as a captured graph, which has no modules",
                hint=WRITE_BOTH,
            )
        module = self.with_variant(Variant(), seed)
        recording = counters.record(module, self.shape, self.inputs)
        return put_in(module, insert_after(module, recording, pattern), variant, seed)

    def _captured(self) -> Captured:
        module = self.module.train() if self.phase == "training" else self.module
        parameter = next(module.parameters(), torch.empty(()))
        captured = capture(module, self.inputs.map(lambda tensor: tensor.to(parameter.device)))
        self.module.eval()
        return captured


def _of_captured(captured: Captured, variant: Variant, seed: int) -> nn.Module:
    """A network whose attention is written inline, as a graph."""
    if variant.as_built:
        return captured.as_it_is()
    if variant.kind is None:
        return captured.without_gates()
    return replace_captured(captured, variant, seed)
