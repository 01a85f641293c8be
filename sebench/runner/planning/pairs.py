"""Which networks are compared: names of models, variants and factories to pairs. Pure; nothing is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import asdict, replace

from sebench.errors import UsageError, near_matches
from sebench.models import PLAIN, names_network, resolve, source_of
from sebench.schema import NO_OPTIONS, RUNTIMES, ModelSpec, NetworkOptions, Pair, Runtime

UsualCandidate = Callable[[ModelSpec, tuple[int, ...]], str]
"""The variant that a network, as it is by its name, is compared with plain as where none is said, given the
shape of its input."""


def known_candidate(spec: ModelSpec, shape: tuple[int, ...] = ()) -> str:
    """The usual candidate of a network, if that is known without building it.

    Raises:
        UsageError: that depends on whether the network has attention, which takes building it.
    """
    variant = source_of(spec.model).default_variant
    if variant is None:
        raise UsageError(
            f"{spec.model}: no variant to compare with plain", hint="name one: --variant asis, or se"
        )
    return variant


def make_pairs(
    models: Sequence[str],
    variants: Sequence[str],
    baseline: str = PLAIN,
    candidate: str | None = None,
    *,
    options: NetworkOptions = NO_OPTIONS,
    own_inputs: bool = True,
    usual_candidate: Callable[[ModelSpec], str] = known_candidate,
) -> tuple[Pair, ...]:
    """Every pair that is asked for, once, in the order of asking.

    A baseline or candidate with a colon in it is a network of its own (``nets.py:old``); without one it is a
    variant of each model. Either may end with a runtime, ``se@openvino``; a native network is then one of its
    own too: ``resnet50@openvino``.

    ===========  =========  =========================================================
    baseline     candidate  pairs
    ===========  =========  =========================================================
    variant      None       each model, each of `variants` against the baseline variant
    variant      variant    the same with one variant
    variant      network    the network against the baseline variant of each model
    network      None       each model, each of `variants` against the network
    network      variant    the same with one variant
    network      network    the candidate against the baseline; no models, no variants
    ===========  =========  =========================================================

    Args:
        models: by name.
        variants: of the candidates; none said means `usual_candidate`, or a network of others as it was built
            where it is compared with another network.
        baseline: see above.
        candidate: see above.
        options: of the models; without any, of the two networks.
        own_inputs: whether a function beside a factory makes the inputs, see `resolve_spec`.
        usual_candidate: the variant that a network is compared with its plain self as where none is said.

    Raises:
        UsageError: a combination that cannot be meant, an unknown model, or a variant that it does not take.
    """
    of_baseline, of_candidate = _Side.of(baseline), None if candidate is None else _Side.of(candidate)
    _check(models, variants, of_baseline, of_candidate)
    of_networks = NO_OPTIONS if models else options

    def resolved(model: str, variant: str, options: NetworkOptions) -> ModelSpec:
        return resolve_spec(model, variant, options, own_inputs=own_inputs)

    def side(model: str, said: _Side) -> ModelSpec:
        if said.is_network:
            spec = resolved(said.name, source_of(said.name).own_variant, of_networks)
        else:
            spec = resolved(model, said.name, options)
        return replace(spec, runtime=said.runtime)

    def candidates(model: str) -> Iterator[ModelSpec]:
        if of_candidate is not None:
            yield side(model, of_candidate)
            return
        for variant in variants or (unsaid(model),):
            yield resolved(model, variant, options)

    def unsaid(model: str) -> str:
        source = source_of(model)
        if of_baseline.is_network and source.default_variant is None:
            return source.own_variant
        return usual_candidate(resolved(model, source.own_variant, options))

    # As keys of a dict: spelled differently, the same pair is still one. Two networks need no model.
    return tuple(
        dict.fromkeys(
            _fed_alike(Pair(baseline=side(model, of_baseline), candidate=spec))
            for model in models or ("",)
            for spec in candidates(model)
        )
    )


class _Side(NamedTuple):
    """What somebody says of one side."""

    name: str
    """Of a variant or a network."""
    runtime: Runtime | None
    is_network: bool

    @classmethod
    def of(cls, text: str) -> _Side:
        name, _, last = text.rpartition("@")
        runtime = next((info.name for info in RUNTIMES if info.name == last), None)
        if name and runtime is None and last.isidentifier():  # names of functions and variants have no @
            known = [info.name for info in RUNTIMES]
            hint = near_matches(last, known) or f"choose from {', '.join(known)}"
            raise UsageError(f"{text!r}: there is no runtime {last!r}", hint=hint)
        if not name or runtime is None:
            return cls(text, None, names_network(text))
        return cls(name, runtime, names_network(name) or name in source_of(name).names())


def resolve_spec(
    name: str, variant: str, options: NetworkOptions = NO_OPTIONS, *, own_inputs: bool = True
) -> ModelSpec:
    """A checked spec with its variant in canonical form.

    Args:
        name: of the network.
        variant: of it.
        options: that it is built with.
        own_inputs: where nobody names a function that makes the inputs, whether the one called
            ``example_inputs`` beside the factory does; false where somebody says a shape.

    Raises:
        UsageError: unknown model, or a variant or option it does not take.
    """
    spec = resolve(ModelSpec(model=name, variant=variant, **asdict(options)))
    if not own_inputs or spec.example_inputs is not None:
        return spec
    return replace(spec, example_inputs=source_of(name).example_inputs(name))


def _fed_alike(pair: Pair) -> Pair:
    """Where one network says what it is fed, the other is fed the same."""
    function = pair.candidate.example_inputs or pair.baseline.example_inputs
    return Pair(
        baseline=replace(pair.baseline, example_inputs=pair.baseline.example_inputs or function),
        candidate=replace(pair.candidate, example_inputs=function),
    )


def _check(models: Sequence[str], variants: Sequence[str], baseline: _Side, candidate: _Side | None) -> None:
    named = "" if candidate is None else candidate.name
    if candidate is not None and variants:
        raise UsageError(
            f"--variant {variants[0]} and --candidate {named} both say what to measure",
            hint="leave one of them out",
        )
    of_baseline, of_candidate = baseline.is_network, candidate is not None and candidate.is_network
    if models and of_baseline and of_candidate:
        raise UsageError(
            f"--model {models[0]}: --baseline {baseline.name} and --candidate {named} are networks already",
            hint="leave --model out",
        )
    if models or (of_baseline and of_candidate):
        return
    hint = "name at least one --model, or two networks: --baseline FILE.py:old --candidate FILE.py:new"
    if of_baseline:
        hint = f"--baseline {baseline.name} is compared with --candidate FILE.py:new, or with a --model"
    if of_candidate:
        hint = f"--candidate {named} is compared with --baseline FILE.py:old, or with a --model"
    raise UsageError("nothing to compare", hint=hint)
