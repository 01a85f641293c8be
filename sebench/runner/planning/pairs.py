"""Which networks are compared: names of models, variants and factories to pairs. Pure; nothing is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypedDict

from sebench.errors import UsageError
from sebench.models import PLAIN, ImageSize, names_network, resolve, source_of
from sebench.schema import ModelSpec, Pair, StrideIn

UsualCandidate = Callable[[str, ImageSize | None], str]
"""The variant that a network is compared with its plain self as where none is said, at an image size."""


def known_candidate(model: str, size: ImageSize | None = None) -> str:
    """The usual candidate of a network, if that is known without building it.

    Raises:
        UsageError: that depends on whether the network has attention, which takes building it.
    """
    variant = source_of(model).default_variant
    if variant is None:
        raise UsageError(f"{model}: no variant to compare with plain", hint="name one: --variant asis, or se")
    return variant


def make_pairs(
    models: Sequence[str],
    variants: Sequence[str],
    baseline: str = PLAIN,
    candidate: str | None = None,
    *,
    num_classes: int | None = None,
    stride_in: StrideIn | None = None,
    usual_candidate: Callable[[str], str] = known_candidate,
) -> tuple[Pair, ...]:
    """Every pair that is asked for, once, in the order of asking.

    A baseline or candidate with a colon in it is a network of its own (``nets.py:old``); without one it is a
    variant of each model.

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
        num_classes: of the native networks.
        stride_in: of the native networks.
        usual_candidate: the variant that a network is compared with its plain self as where none is said.

    Raises:
        UsageError: a combination that cannot be meant, an unknown model, or a variant that it does not take.
    """
    _check(models, variants, baseline, candidate)
    # Beside a model the options are the model's; two networks of others refuse them.
    options: _Options = {"num_classes": num_classes, "stride_in": stride_in}
    of_networks: _Options = {} if models else options

    def side(model: str, text: str) -> ModelSpec:
        if names_network(text):
            return resolve_spec(text, source_of(text).own_variant, **of_networks)
        return resolve_spec(model, text, **options)

    def candidates(model: str) -> Iterator[ModelSpec]:
        if candidate is not None:
            yield side(model, candidate)
            return
        for variant in variants or (unsaid(model),):
            yield resolve_spec(model, variant, **options)

    def unsaid(model: str) -> str:
        source = source_of(model)
        of_network = names_network(baseline) and source.default_variant is None
        return source.own_variant if of_network else usual_candidate(model)

    # As keys of a dict: spelled differently, the same pair is still one. Two networks need no model.
    return tuple(
        dict.fromkeys(
            Pair(baseline=side(model, baseline), candidate=spec)
            for model in models or ("",)
            for spec in candidates(model)
        )
    )


class _Options(TypedDict, total=False):
    num_classes: int | None
    stride_in: StrideIn | None


def resolve_spec(
    name: str, variant: str, *, num_classes: int | None = None, stride_in: StrideIn | None = None
) -> ModelSpec:
    """A checked spec with its variant in canonical form.

    Raises:
        UsageError: unknown model, or a variant or option it does not take.
    """
    return resolve(ModelSpec(model=name, variant=variant, num_classes=num_classes, stride_in=stride_in))


def _check(models: Sequence[str], variants: Sequence[str], baseline: str, candidate: str | None) -> None:
    if candidate is not None and variants:
        raise UsageError(
            f"--variant {variants[0]} and --candidate {candidate} both say what to measure",
            hint="leave one of them out",
        )
    of_baseline, of_candidate = names_network(baseline), candidate is not None and names_network(candidate)
    if models and of_baseline and of_candidate:
        raise UsageError(
            f"--model {models[0]}: --baseline {baseline} and --candidate {candidate} are networks already",
            hint="leave --model out",
        )
    if models or (of_baseline and of_candidate):
        return
    hint = "name at least one --model, or two networks: --baseline FILE.py:old --candidate FILE.py:new"
    if of_baseline:
        hint = f"--baseline {baseline} is compared with --candidate FILE.py:new, or with a --model"
    if of_candidate:
        hint = f"--candidate {candidate} is compared with --baseline FILE.py:old, or with a --model"
    raise UsageError("nothing to compare", hint=hint)
