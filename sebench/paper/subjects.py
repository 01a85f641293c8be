"""Which network a printed figure is about: names and variants as the sources print them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sebench.errors import DataFileError, VariantError, near_matches
from sebench.paper.figures import PublishedFigure
from sebench.schema import PLAIN, StrideIn, Value, Variant, parse_variant


class Subject(Value, frozen=True, kw_only=True):
    """A network that sebench can count."""

    model: str
    """Name in sebench's registry."""
    variant: str
    """Canonical text of a variant."""
    image_size: int | None = None
    """Side of the square input; None is the network's own."""
    stride_in: StrideIn | None = None

    @property
    def plain(self) -> Subject:
        """The same network without attention."""
        return Subject(model=self.model, variant=PLAIN, image_size=self.image_size, stride_in=self.stride_in)


MODELS: Mapping[str, str] = {
    "AlexNet": "alexnet",
    "BN-Inception": "bn_inception",
    "Inception-ResNet-v2": "inception_resnet_v2",
    "Inception-v3": "inception_v3",
    "MobileNet": "mobilenet_v1",
    "MobileNet 1.0-224": "mobilenet_v1",
    "ResNeXt-101 (32x4d)": "resnext101_32x4d",
    "ResNeXt-50": "resnext50_32x4d",
    "ResNeXt-50 (32x4d)": "resnext50_32x4d",
    "ResNet-101": "resnet101",
    "ResNet-110": "cifar_resnet110",
    "ResNet-152": "resnet152",
    "ResNet-164": "cifar_resnet164",
    "ResNet-50": "resnet50",
    "SE": "resnet50",  # the network that the texts speak of
    "SENet-154": "senet154",
    "Shake-Shake 26 2x96d + Cutout": "cifar_shakeshake26_2x96d",
    "ShuffleNet": "shufflenet_v1_g3",
    "ShuffleNet 1x (g=3)": "shufflenet_v1_g3",
    "VGG-16": "vgg16_bn",
    "WRN-16-8": "cifar_wrn16_8",
}
"""sebench's name by printed name; a prefix ``SE-`` asks for the SE variant."""

UNPUBLISHED_GRAPHS: Mapping[str, str] = {
    "inception_resnet_v2": "the authors' graph was never released; sebench builds the published slim graph",
}
"""Networks whose printed cost belongs to a graph that nobody else has, and why."""

_ATTENDED_ALWAYS = frozenset(("senet154",))
# What the sources call the default SE network, and what says nothing about the network.
_PLAIN_WORDS = frozenset(("", "plain", "plain (re-implementation)"))
_SE_WORDS = frozenset(("SE", "SE r=16", "SE all stages", "SE standard", "released caffemodel"))
_NAMED: Mapping[str, Variant] = {
    "SE without last stage": Variant("se", {"stages": (2, 3, 4)}),
    "last block pruned": Variant("se", {"stages": (2, 3, 4)}),
    "SE_3x3": Variant("se", {"position": "3x3"}),
    "SE-PRE": Variant("se", {"position": "pre"}),
    "SE-POST": Variant("se", {"position": "post"}),
    "SE-Identity": Variant("se", {"position": "identity"}),
    "NoSqueeze": Variant("se", {"squeeze": "none"}),
}
_ONE_STAGE = re.compile(r"SE stage (\d) only")
_SIZE = re.compile(r"(\d+)x\1")
# "FC biases removed in all ablations" (TPAMI section 6).
_UNBIASED_SOURCES = re.compile(r"TPAMI Table 1\d")


def subject_of(figure: PublishedFigure, known: frozenset[str]) -> Subject | None:
    """The network of a figure, or None where the figure is not about one of sebench's.

    Args:
        figure: with its names as printed, or in sebench's own names and variants.
        known: sebench's model names.
    """
    if figure.model in known:
        return Subject(model=figure.model, variant=figure.variant or PLAIN)
    attended = figure.model.startswith("SE-")
    model = MODELS.get(figure.model.removeprefix("SE-").removesuffix(" (ours)"))
    if model is None:
        return None
    attended = attended or model in _ATTENDED_ALWAYS
    if size := _SIZE.fullmatch(figure.variant):
        return Subject(model=model, variant="se" if attended else PLAIN, image_size=int(size[1]))
    variant = _variant(figure, attended=attended)
    return None if variant is None else Subject(model=model, variant=str(variant))


def require_known_model(figure: PublishedFigure, known: frozenset[str], file: str) -> None:
    """Refuse a model that neither the sources nor sebench name; "all" and none at all are about none.

    Raises:
        DataFileError: naming file, line and what comes close.
    """
    printed = figure.model.removeprefix("SE-").removesuffix(" (ours)")
    if figure.model not in known and printed not in (*MODELS, "all", ""):
        raise DataFileError(
            f"{file} line {figure.line}: unknown model {figure.model!r}",
            hint=near_matches(figure.model, (*known, *MODELS)) or "run `sebench list models` to see all",
        )


def _variant(figure: PublishedFigure, *, attended: bool) -> Variant | None:
    if figure.variant in _PLAIN_WORDS and not attended:
        return Variant()
    variant = _attended(figure.variant)
    if variant is not None and _UNBIASED_SOURCES.match(figure.source):
        return variant.replaced(bias=False)
    return variant


def _attended(text: str) -> Variant | None:
    """The SE variant that the sources print as `text`, None where that is none."""
    if text in _PLAIN_WORDS or text in _SE_WORDS:
        return Variant("se")
    if text in _NAMED:
        return _NAMED[text]
    if stage := _ONE_STAGE.fullmatch(text):
        return Variant("se", {"stages": (int(stage[1]),)})
    try:  # options are printed as the grammar has them, e.g. r=8
        return parse_variant(f"se({text})")
    except VariantError:
        return None
