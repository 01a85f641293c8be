"""sebench's own networks, built as in the paper, with a slot for attention in every block."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, cast, get_args

import msgspec

from sebench.errors import BuildError, UnknownModelError, UsageError, VariantError
from sebench.models.checkpoints import load_weights, own_options, with_digest
from sebench.models.own_arguments import SLOT, apply_own_arguments, read_own_arguments
from sebench.models.registry import ModelInfo, StrideIn, find_model, height_width, list_models
from sebench.models.sources.source import USUAL_INPUT, BuiltModel, InputSize, Source, near_names
from sebench.schema import (
    ASIS,
    NETWORK_OPTIONS,
    PLAIN,
    REDUCTION_RATIO,
    ModelSpec,
    Variant,
    format_stages,
    is_exported_file,
    parse_variant,
)

if TYPE_CHECKING:
    import torch
    from torch import nn


_OF_OTHERS = ("insert_after", "attention_class")


class Native(Source):
    """Networks of the registry: the names without a colon."""

    key = "native"
    syntax = "NAME"
    networks = "sebench's own, as in the paper"
    stands_alone = False
    own_variant = PLAIN
    default_variant = "se"
    runs_here = True
    may_read_values = False
    knows_sites = True
    has_published_figures = True
    # There are ten times as many names in libraries: one of these is more likely to be meant.
    near_match_cutoff = 0.6

    def owns(self, name: str) -> bool:
        """Whether there is no colon in it, and it is no file."""
        return ":" not in name and not is_exported_file(name)

    def names(self) -> tuple[str, ...]:
        """In the order of the paper's tables."""
        return tuple(info.name for info in list_models())

    def info(self, name: str) -> ModelInfo:
        """Look a network up.

        Raises:
            UnknownModelError: no such network; carries near matches.
        """
        info = find_model(name)
        if info is not None:
            return info
        if name.endswith(".py"):
            hint = f"name the function in it that builds the network: {name}:FUNCTION"
        else:
            listing = "run `sebench list` to see all"
            close = near_names(name, self.catalogue())
            hint = f"{close} ({listing})" if close else listing
        raise UnknownModelError(f"unknown model {name!r}", hint=hint)

    def resolve(self, spec: ModelSpec) -> ModelSpec:
        """The variant becomes canonical; the native number of classes and stride become None."""
        return resolve_native(spec, self.info(spec.model))

    def edition(self, name: str) -> str:
        """That of sebench."""
        return ""

    def published_input(self, name: str) -> InputSize:
        """The paper's."""
        return (USUAL_INPUT[0], *height_width(self.info(name).image_size))

    def smallest_image(self, name: str) -> int:
        """What every layer can work on."""
        return self.info(name).min_image_size

    def build(self, spec: ModelSpec, seed: int, device: torch.device) -> BuiltModel:
        """Weights depend on `seed` and on each parameter's name alone.

        A plain network and its variants agree to the bit wherever they share a parameter, on every device.
        """
        import torch

        info = self.info(spec.model)
        with torch.device("meta"):
            network = assemble(spec, info)
        module: nn.Module = network.module
        apply_own_arguments(module, read_own_arguments(spec.model_args, info))
        if device.type != "meta":
            module = _materialise(module, spec, seed, device)
        elif spec.weights is not None:
            _load(module, spec)
        return BuiltModel(
            spec=spec,
            module=module,
            sites=network.sites,
            stages=network.stages,
            input_shape=(1, *self.published_input(spec.model)),
            device=str(device),
        )


class Assembled(NamedTuple):
    """A network without weights, in evaluation mode."""

    module: Any
    sites: tuple[str, ...]
    """Names of its attention modules."""
    stages: dict[str, str]
    """Label by name."""


def assemble(
    spec: ModelSpec, info: ModelInfo, load: Callable[[str], ModuleType] = importlib.import_module
) -> Assembled:
    """Make the modules of a native network on the default device.

    Args:
        spec: what to build, resolved.
        info: what the registry knows of its network.
        load: imports what the network is written in; `sebench.shapes.load` does so without torch.

    Raises:
        VariantError: the variant leaves out what is not there, or all.
    """
    family, name = info.factory.split(":")
    slots = load("sebench.models.slots").Slots(parse_variant(spec.variant))
    module = getattr(load(family), name)(slots, **_factory_options(spec, info))
    module.eval()
    filled = {id(attention) for attention in slots.filled}
    sites = tuple(path for path, child in module.named_modules() if id(child) in filled)
    return Assembled(
        module=module,
        sites=_left(module, spec, sites),
        stages={name: name.removeprefix("stage") for name, _ in module.named_children()},
    )


def _left(module: nn.Module, spec: ModelSpec, sites: tuple[str, ...]) -> tuple[str, ...]:
    """Sites that a variant leaves, with the others emptied in place.

    Raises:
        VariantError: it leaves out what is not there, or all.
    """
    variant = parse_variant(spec.variant)
    variant.require_gates(spec.model, sites)
    for path in variant.without:
        block, _, slot = path.rpartition(".")
        setattr(module.get_submodule(block), slot, None)
    return tuple(path for path in sites if path not in variant.without)


def _factory_options(spec: ModelSpec, info: ModelInfo) -> dict[str, Any]:
    options: dict[str, Any] = {"num_classes": spec.num_classes or info.num_classes}
    if info.default_stride_in:
        options["stride_in"] = spec.stride_in or info.default_stride_in
    return options


def _load(module: nn.Module, spec: ModelSpec) -> None:
    load_weights(module, spec, slot=SLOT)


def _materialise(module: nn.Module, spec: ModelSpec, seed: int, device: torch.device) -> nn.Module:
    """Give a meta network storage and weights: drawn on the CPU so that devices agree, or from a file."""
    from sebench.models.initialisation import allocate, initialise

    try:
        allocate(module)
        initialise(module, seed)
        if spec.weights is not None:
            _load(module, spec)
        return module.to(device)
    except (MemoryError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise BuildError(
            f"{spec.model} does not fit on {device}: {reason}", hint="free memory or use a smaller model"
        ) from error


def resolve_native(spec: ModelSpec, info: ModelInfo) -> ModelSpec:
    """Validate a specification and normalise it: equal networks become equal specifications.

    The variant becomes canonical (a stage set that holds every stage is dropped); the native number of
    classes and the native stride become None. Weights of another library bring the stride, the pooling and
    the eps that they were trained with, where nobody says otherwise.

    Args:
        spec: what is asked for.
        info: what the registry knows of its network.

    Raises:
        VariantError: The variant is outside the grammar or does not fit the network.
        UsageError: Number of classes, stride or argument that this network cannot have, or a file of weights
            that cannot be read.
    """
    variant = parse_variant(spec.variant)
    if variant.as_built:
        raise VariantError(
            f"variant {ASIS!r}: {info.name} is sebench's own, there is no other author's",
            hint="use plain, or se",
        )
    if variant.kind is not None:
        variant = _fit(variant, info)
    for option in NETWORK_OPTIONS:
        if option.field in _OF_OTHERS and getattr(spec, option.field):
            raise UsageError(
                f"{option.option} is for networks of others: {info.name} is sebench's own",
                hint="say where attention goes with the variant, e.g. se(stages=2-4,position=pre)",
            )
    _require_stride_in(spec, info)
    spec = with_digest(spec)
    stride_in, model_args = own_options(spec, info)
    return msgspec.structs.replace(
        spec,
        variant=str(variant),
        num_classes=_resolve_num_classes(spec, info),
        stride_in=stride_in,
        model_args=model_args,
    )


def _fit(variant: Variant, info: ModelInfo) -> Variant:
    if variant.position not in info.positions:
        raise VariantError(
            f"variant {str(variant)!r}: {info.name} has no position {variant.position!r}",
            hint=f"it has {', '.join(info.positions)}",
        )
    missing = set(variant.stages or ()) - set(info.stages)
    if missing:
        raise VariantError(
            f"variant {str(variant)!r}: {info.name} has no stage {format_stages(missing)}",
            hint=f"its stages are {format_stages(info.stages)}",
        )
    ratio = cast("int | None", variant.options.get(REDUCTION_RATIO.name))
    widest = info.widest_channels(variant.stages, variant.position)
    if ratio is not None and ratio > widest:
        raise VariantError(
            f"variant {str(variant)!r}: r exceeds every attended tensor of {info.name}",
            hint=f"the widest has {widest} channels, where r={widest} leaves h = 1",
        )
    if variant.stages == info.stages:
        return variant.replaced(stages=None)
    return variant


MOST_CLASSES = 2**31


def _resolve_num_classes(spec: ModelSpec, info: ModelInfo) -> int | None:
    if spec.num_classes is not None and spec.num_classes < 1:
        raise UsageError(
            f"number of classes {spec.num_classes} is not positive",
            hint=f"{info.name} has {info.num_classes}",
        )
    if spec.num_classes is not None and spec.num_classes > MOST_CLASSES:
        raise UsageError(f"--num-classes is more than {MOST_CLASSES}")
    return None if spec.num_classes == info.num_classes else spec.num_classes


def _require_stride_in(spec: ModelSpec, info: ModelInfo) -> None:
    if spec.stride_in is None:
        return
    if info.default_stride_in is None:
        able = ", ".join(model.name for model in list_models() if model.default_stride_in)
        raise UsageError(f"stride-in does not apply to {info.name}", hint=f"it applies to {able}")
    if spec.stride_in not in get_args(StrideIn):
        raise UsageError(f"no stride-in {spec.stride_in!r}", hint="choose 1x1 or 3x3")
