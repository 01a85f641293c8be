"""Attention put into a network that its author built without, and taken out again."""

from __future__ import annotations

import copyreg
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import nn

from sebench.counters.twin import named_modules
from sebench.errors import BuildError, VariantError
from sebench.models import describe
from sebench.models.attention import implementation, make_attention, make_drawn_attention
from sebench.models.initialisation import allocate, initialise_attention, parameter_seed
from sebench.schema import REDUCTION_RATIO, AttentionKind, Variant, format_stages
from sebench.surgery.boundaries import Boundary
from sebench.surgery.places import WRITE_BOTH, Place

_MARK = "_inserted_by_sebench"
_FOR_IMAGES = "it is made for images; se and simam take feature maps of any dimensions"


class Attending(nn.Module):
    """Made part of a module's class, it lets what the module returns pass through attention.

    The module keeps its identity, attributes, and names of parameters, so the author's weights still load,
    and it is still an instance of its class. Wrappers would rename, hooks cost time and hide from compilers.
    Tools that look for exact classes (thop, fusion of convolution and normalisation) leave it alone; what
    replaces modules by class, as `nn.SyncBatchNorm.convert_sync_batchnorm` does, has to come before.
    """

    author_class: ClassVar[type[nn.Module]]
    attention_name: ClassVar[str]

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the author's
        """Attend to what the author's forward returns."""
        return getattr(self, self.attention_name)(super().forward(*args, **kwargs))

    def __reduce_ex__(self, protocol: Any) -> Any:  # noqa: ANN401 - for copy and pickle
        rebuilt = super().__reduce_ex__(protocol)
        if isinstance(rebuilt, tuple) and rebuilt[0] is copyreg.__newobj__:  # type: ignore[attr-defined]
            return _blank, (self.author_class, self.attention_name), *rebuilt[2:]
        return rebuilt


def put_in(network: nn.Module, places: Sequence[Place], variant: Variant, seed: int) -> nn.Module:
    """Put attention into a network, in place.

    Nothing else of the network changes. Weights of the attention depend on the seed and its path alone.

    Args:
        network: The network in which the places were found; the one that is returned.
        places: Where. ``stages=`` of the variant selects among them by `Place.stage_number`, and ``without=``
            leaves out those of these sites.
        variant: Any but the plain one.
        seed: Of the weights.

    Raises:
        VariantError: The variant does not fit the places: a position other than the standard one, stages or
            a reduction ratio that none of them has, an attention that cannot take their feature maps.
        BuildError: A place has no module behind which attention could go.
    """
    if variant.kind is None:
        raise ValueError("the plain variant has no attention to put in")
    found = [(_boundary(network, place), place) for place in selected(network, places, variant)]
    variant.require_gates(type(network).__name__, [boundary.site for boundary, _ in found])
    made = [
        (boundary, _attention(network, place, variant, boundary.site, seed))
        for boundary, place in found
        if boundary.site not in variant.without
    ]
    modules = named_modules(network)
    for boundary, attention in made:  # not before all are known to fit
        _attach(modules, boundary, attention)
    return network


def inserted_sites(network: nn.Module) -> tuple[str, ...]:
    """Paths of the attention that `put_in` put into a network."""
    return tuple(path for path, module in named_modules(network).items() if _MARK in vars(module))


def selected(network: nn.Module, places: Sequence[Place], variant: Variant) -> tuple[Place, ...]:
    """The places that a variant chooses.

    Args:
        network: Of the places; its class is named in messages.
        places: To choose from.
        variant: With or without ``stages=``.

    Raises:
        VariantError: As for `put_in`.
    """
    name = type(network).__name__
    if variant.position != "standard":
        raise VariantError(
            f"variant {str(variant)!r}: {name} has no position {variant.position!r}",
            hint="networks that are not sebench's own have the standard one",
        )
    known = {place.stage_number for place in places if place.stage_number is not None}
    missing = set(variant.stages or ()) - known
    if missing:
        raise VariantError(
            f"variant {str(variant)!r}: {name} has no place in stage {format_stages(missing)}",
            hint=f"stage k is at stride 2**k; it has places in stages {format_stages(known)}",
        )
    chosen = of_stages(places, variant)
    ratio = cast("int | None", variant.options.get(REDUCTION_RATIO.name))
    widest = max((place.channels for place in chosen), default=0)
    if ratio is not None and ratio > widest:
        raise VariantError(
            f"variant {str(variant)!r}: r exceeds every attended tensor of {name}",
            hint=f"the widest has {widest} channels, where r={widest} leaves h = 1",
        )
    return chosen


def of_stages(places: Sequence[Place], variant: Variant) -> tuple[Place, ...]:
    """The places in the stages of a variant; all where it names none."""
    return tuple(place for place in places if variant.stages is None or place.stage_number in variant.stages)


def _boundary(network: nn.Module, place: Place) -> Boundary:
    if place.boundary is None:
        raise BuildError(
            f"block {place.block!r} of {type(network).__name__} has no module that ends where attention"
            " belongs",
            hint="capture the network first",
        )
    return place.boundary


def _attention(network: nn.Module, place: Place, variant: Variant, site: str, seed: int) -> nn.Module:
    """The module for a place, on the device and of the type of the network's weights."""
    with torch.device("meta"):
        attention = make_attention(place.channels, variant)
    _require_fit(attention.eval(), place, variant)
    weight = next((each for each in network.parameters() if each.is_floating_point()), torch.empty(0))
    kind = cast("AttentionKind", variant.kind)
    if not weight.is_meta and implementation(kind).draws_itself:
        attention = make_drawn_attention(place.channels, variant, parameter_seed(seed, site))
    elif not weight.is_meta:
        allocate(attention)
        initialise_attention(attention, kind, site, seed)
    vars(attention)[_MARK] = True
    return attention.to(weight.device, weight.dtype).train(network.training)


def _require_fit(attention: nn.Module, place: Place, variant: Variant) -> None:
    feature = torch.empty(place.shape, device="meta")
    failure: Exception | None = None
    try:
        result = attention(feature)
    except Exception as error:  # noqa: BLE001 - the class may be the user's own
        failure, reason = error, describe(error)
    else:
        if isinstance(result, torch.Tensor) and result.shape == feature.shape:
            return
        reason = f"it returns {_described(result)}"
    shape = "x".join(map(str, place.shape))
    own = f"{variant.code} is made with {place.channels} channels and called with a tensor of this shape"
    raise VariantError(
        f"variant {str(variant)!r} cannot attend to the feature map {shape} of {place.block!r}: {reason}",
        hint=own if variant.code else WRITE_BOTH if place.dimensions == 2 else _FOR_IMAGES,
    ) from failure


def _described(result: object) -> str:
    if isinstance(result, torch.Tensor):
        return f"the shape {'x'.join(map(str, result.shape))}"
    return f"a {type(result).__name__}, not a tensor"


def _attach(modules: Mapping[str, nn.Module], boundary: Boundary, attention: nn.Module) -> None:
    module, (parent, _, name) = modules[boundary.path], boundary.site.rpartition(".")
    if boundary.site == boundary.path:  # what stands in for it in a captured graph
        modules[parent]._modules[name] = attention
        return
    if parent == boundary.path:
        module.__class__ = _attending(type(module), name)
        module.add_module(name, attention)
        return
    children = modules[parent]._modules
    for each, child in list(children.items()):
        children[each] = children.pop(each)
        if child is module:
            children[name] = attention


def _attending(author_class: type[nn.Module], name: str) -> type[nn.Module]:
    key = author_class, name
    if key not in _MADE:
        # fx takes modules of torch's own for leaves by this name, and these have to stay leaves.
        names = {"__module__": author_class.__module__, "author_class": author_class, "attention_name": name}
        made = type(f"{author_class.__name__}WithAttention", (Attending, author_class), names)
        _MADE[key] = cast("type[nn.Module]", made)
    return _MADE[key]


_MADE: dict[tuple[type[nn.Module], str], type[nn.Module]] = {}


def _blank(author_class: type[nn.Module], name: str) -> nn.Module:
    """For copy and pickle, which cannot find a class that is made at run time."""
    made = _attending(author_class, name)
    return made.__new__(made)
