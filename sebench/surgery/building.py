"""A network in a variant: built by its source, then with its attention taken out, or another put in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
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
from sebench.schema.forms import form_named, mark_forms
from sebench.surgery.capture import Captured, capture
from sebench.surgery.captured_insertion import put_in_captured, replace_captured
from sebench.surgery.forms import in_forms
from sebench.surgery.gates import FoundGate, find_gates
from sebench.surgery.insertion import inserted_sites, of_stages, put_in, selected
from sebench.surgery.named import gates_within, named_sites, replace_named
from sebench.surgery.places import WRITE_BOTH, Place, find_places, insert_after, no_place
from sebench.surgery.points import find_points
from sebench.surgery.proof import prove, prove_captured, prove_same
from sebench.surgery.recomputing import recompute
from sebench.surgery.removal import Passthrough, replacements, take_out
from sebench.surgery.replacing import replace_gates
from sebench.surgery.sites import gate_words
from sebench.surgery.trials import copy_of


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
    asked = (spec, beside) if beside is not None and _is_variant_of(beside, spec) else (spec,)
    forms = parse_variant(spec.variant).forms
    as_written, *others = map(_as_written, asked)
    built = _build_as_written(
        as_written,
        seed=seed,
        device=device,
        input_shape=input_shape,
        phase=phase,
        beside=next(iter(others), beside),
    )
    levels = {form_named(form).level for each in asked for form in parse_variant(each.variant).forms}
    shape = input_shape or built.input_shape
    if levels - {"module"}:
        return _in_forms(built, spec, shape, forms)
    return _recomputing(built, spec, shape) if forms else built


def _as_written(spec: ModelSpec) -> ModelSpec:
    """A network without its forms."""
    return replace(spec, variant=str(parse_variant(spec.variant).standard))


def _in_forms(
    built: BuiltModel, spec: ModelSpec, shape: tuple[int, ...], forms: tuple[str, ...]
) -> BuiltModel:
    """A network as a captured graph, with its gates spelt otherwise."""
    _allow_late_imports(spec)
    parameter = next(built.module.parameters(), torch.empty(()))
    inputs = _inputs_of(spec, shape).map(lambda tensor: tensor.to(parameter.device))
    module = in_forms(built.module, inputs, forms)
    return dataclasses.replace(built, spec=spec, module=module, sites=(), captured=True)


def _recomputing(built: BuiltModel, spec: ModelSpec, shape: tuple[int, ...]) -> BuiltModel:
    """A network whose gates keep no feature map for the backward pass; changed in place."""
    _allow_late_imports(spec)
    recording = counters.record(built.module, shape, _inputs_of(spec, shape))
    changed = recompute(built.module, recording)
    if not changed:
        raise BuildError(
            f"form recomputed fits no gate of {type(built.module).__name__}:"
            " none is a module of its own right behind a batch norm",
            hint="leave it out, or see docs/forms.md for where it fits",
        )
    mark_forms(built.module, ("recomputed",), {"recomputed": len(changed)})
    return dataclasses.replace(built, spec=spec)


def _inputs_of(spec: ModelSpec, shape: tuple[int, ...]) -> Inputs:
    """What a network is called with; of floating-point numbers only the shapes matter."""
    if spec.example_inputs is None:
        return Inputs((torch.zeros(shape),))
    return models.make_inputs(spec.example_inputs, shape[0], seed=0)


def _build_as_written(
    spec: ModelSpec,
    *,
    seed: int,
    device: str,
    input_shape: tuple[int, ...] | None,
    phase: Phase,
    beside: ModelSpec | None,
) -> BuiltModel:
    if models.source_of(spec.model).own_variant != ASIS:
        return models.build(spec, seed=seed, device=device)
    built = models.build(replace(spec, variant=ASIS), seed=seed, device=device)
    if spec.variant == ASIS and spec.attention_class is None and not _is_variant_of(beside, spec):
        return built
    _allow_late_imports(spec)
    wanted = [spec.variant, *([beside.variant] if beside and _is_variant_of(beside, spec) else [])]
    variants = tuple(map(parse_variant, wanted))
    network = _Network(built.module, spec, input_shape or built.input_shape, variants, phase)
    named, is_captured = network.named, network.is_captured  # before it is changed
    module = network.with_variant(variants[0], seed)
    own = tuple(path for path in named if path not in variants[0].without)
    sites = own if variants[0].as_built else inserted_sites(module)
    return dataclasses.replace(built, spec=spec, module=module, sites=sites, captured=is_captured)


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
    if models.source_of(spec.model).own_variant != ASIS:
        return
    if parse_variant(spec.variant).forms:
        _prove_forms(spec, shape)
        spec = _as_written(spec)
    if spec.variant == ASIS:
        return
    module = models.build(replace(spec, variant=ASIS), seed=0).module
    _allow_late_imports(spec)
    variant = parse_variant(spec.variant)
    network = _Network(module, spec, shape, (variant,))
    if network.gates:
        network.prove_stripped(variant)
    elif network.is_captured:
        network.prove_captured(variant)


def _prove_forms(spec: ModelSpec, shape: tuple[int, ...]) -> None:
    """See `prove_same`; sebench's own networks, and gradients, are proved in its tests."""
    forms = parse_variant(spec.variant).forms
    if all(form_named(form).level == "module" for form in forms):
        return  # in evaluation mode it is the same code
    built = build_variant(
        _as_written(spec), seed=0, device="cpu", input_shape=shape, phase="inference", beside=None
    )
    prove_same(built.module, _inputs_of(spec, shape), lambda module, inputs: in_forms(module, inputs, forms))


@dataclass(frozen=True)
class _Network:
    """A network as its author built it, and what it will be used for."""

    module: nn.Module
    spec: ModelSpec
    """How it was built, and what was said of its attention."""
    shape: tuple[int, ...]
    """Of its input, batch in front."""
    variants: tuple[Variant, ...]
    """That are wanted beside each other: all as captured graphs, or none."""
    phase: Phase = "inference"

    @cached_property
    def inputs(self) -> Inputs:
        """What it is called with; of floating-point numbers only the shapes matter."""
        return _inputs_of(self.spec, self.shape)

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
    def is_captured(self) -> bool:
        """Whether replacing and adding modules is not enough for one of the variants."""
        if self.named:
            return False
        if self.gates or self.spec.insert_after is not None:
            return any(self._replaced(variant) is None for variant in self.variants)
        return any(
            place.boundary is None
            for variant in self.variants
            if variant.kind is not None
            for place in of_stages(self._places, variant)
        )

    def with_variant(self, variant: Variant, seed: int) -> nn.Module:
        """The network with other attention; changed in place where that can be done without capturing it."""
        pattern, name = self.spec.insert_after, self.spec.attention_class
        if variant.as_built and not variant.without and not self.is_captured:
            return self.module
        if variant.kind is not None and pattern is not None:
            return self._attending_after(pattern, variant, seed)
        if name is not None:
            return replace_named(self.module, self.recording, name, variant, seed)
        return self._as_graph(variant, seed) if self.is_captured else self._of_modules(variant, seed)

    def prove_stripped(self, variant: Variant) -> None:
        """See `prove`; nothing of the network changes."""
        numbers = self._taken_out(variant)
        if self.is_captured:
            stripped, asis = self._captured_without(numbers), self._captured.as_it_is()
        else:
            stripped, asis = self._stripped(copy_of(self.module), variant), None
        gates = [self.gates[number] for number in numbers]
        prove(self.module, stripped, self.inputs, self.recording, gates, captured=asis)

    def prove_captured(self, variant: Variant) -> None:
        """See `prove_captured`."""
        points = find_points(self._captured, self.recording, self._chosen(variant))
        passing, _ = self._captured.with_passthroughs_at(points, copies=True)
        prove_captured(self.module, self._captured.as_it_is(), passing, self.inputs)

    def _taken_out(self, variant: Variant) -> tuple[int, ...]:
        """Numbers of the gates that a variant has no more."""
        if not variant.as_built:
            return tuple(range(len(self.gates)))
        words = self.named or gate_words(self.gates)
        variant.require_gates(type(self.module).__name__, words)
        if self.named:
            left_out = gates_within(self.recording, variant.without, self.gates)
            return tuple(number for number, gate in enumerate(self.gates) if gate in left_out)
        return tuple(number for number, word in enumerate(words) if word in variant.without)

    def _stripped(self, module: nn.Module, variant: Variant) -> nn.Module:
        """The network, or a copy of it, without the modules of the gates that a variant has not; in place."""
        name = self.spec.attention_class
        if name is not None:
            only = variant if variant.as_built else Variant()
            return replace_named(module, self.recording, name, only, 0)
        return take_out(module, self._replaced(variant) or {})

    def _captured_without(self, numbers: Sequence[int]) -> nn.Module:
        """The graph without some of the gates, which it has in the same order as the network.

        Raises:
            BuildError: It has others.
        """
        if not numbers:
            return self._captured.as_it_is()
        if len(numbers) == len(self.gates):
            return self._captured.without_gates()
        if len(self._captured.gates) != len(self.gates):
            raise BuildError(
                f"{type(self.module).__name__} has {len(self.gates)} gates, and as a captured graph"
                f" {len(self._captured.gates)}, so that none can be taken out alone",
                hint="take out all: plain",
            )
        return self._captured.as_it_is(without=numbers)

    def _as_graph(self, variant: Variant, seed: int) -> nn.Module:
        if variant.kind is None:
            return self._captured_without(self._taken_out(variant))
        if self.gates:
            return replace_captured(self._captured, variant, seed)
        return put_in_captured(self._captured, self.recording, self._chosen(variant), variant, seed)

    def _of_modules(self, variant: Variant, seed: int) -> nn.Module:
        if variant.kind is None:
            return self._stripped(self.module, variant)
        if self.gates:
            return replace_gates(self.module, self.recording, self.gates, variant, seed)
        return put_in(self.module, self._chosen(variant), variant, seed)

    def _attending_after(self, pattern: str, variant: Variant, seed: int) -> nn.Module:
        """With attention where the user wants it, instead of what it had."""
        if self.is_captured:
            raise BuildError(
                f"--insert-after {pattern!r}: {self.spec.model} computes attention inline, so that it runs"
                " as a captured graph, which has no modules",
                hint=WRITE_BOTH,
            )
        module = self._stripped(self.module, Variant())
        recording = counters.record(module, self.shape, self.inputs)
        return put_in(module, insert_after(module, recording, pattern), variant, seed)

    def _chosen(self, variant: Variant) -> tuple[Place, ...]:
        if not self._places:
            raise no_place(self.module, self.recording)
        return selected(self.module, self._places, variant)

    def _replaced(self, variant: Variant) -> Mapping[str, Passthrough] | None:
        """What replaces the gates that a variant has no more; None where modules cannot be replaced."""
        return replacements(self.recording, [self.gates[number] for number in self._taken_out(variant)])

    @cached_property
    def _places(self) -> tuple[Place, ...]:
        return find_places(self.module, self.recording)

    @cached_property
    def _captured(self) -> Captured:
        module = self.module.train() if self.phase == "training" else self.module
        parameter = next(module.parameters(), torch.empty(()))
        captured = capture(module, self.inputs.map(lambda tensor: tensor.to(parameter.device)))
        self.module.eval()
        return captured
