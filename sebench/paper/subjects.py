"""Which network a printed figure is about: names and variants as the sources print them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sebench.errors import DataFileError, near_matches
from sebench.paper.figures import PublishedFigure
from sebench.schema import StrideIn, Value


class Subject(Value, frozen=True, kw_only=True):
    """A network that sebench can count."""

    model: str
    """Name in sebench's registry."""
    variant: str
    """In the variant grammar."""
    image_size: int | None = None
    """Side of the square input; None is the network's own."""
    stride_in: StrideIn | None = None

    @property
    def plain(self) -> Subject:
        """The same network without attention."""
        return Subject(
            model=self.model, variant="plain", image_size=self.image_size, stride_in=self.stride_in
        )


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
_NAMED: Mapping[str, tuple[str, ...]] = {
    "SE without last stage": ("stages=2-4",),
    "last block pruned": ("stages=2-4",),
    "SE_3x3": ("position=3x3",),
    "SE-PRE": ("position=pre",),
    "SE-POST": ("position=post",),
    "SE-Identity": ("position=identity",),
    "NoSqueeze": ("squeeze=none",),
}
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"r=(\d+)"), r"r=\1"),
    (re.compile(r"SE stage (\d) only"), r"stages=\1"),
    (re.compile(r"squeeze=(avg|max)"), r"squeeze=\1"),
    (re.compile(r"excitation=(sigmoid|relu|tanh)"), r"excitation=\1"),
)
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
        return Subject(model=figure.model, variant=figure.variant or "plain")
    attended = figure.model.startswith("SE-")
    model = MODELS.get(figure.model.removeprefix("SE-").removesuffix(" (ours)"))
    if model is None:
        return None
    attended = attended or model in _ATTENDED_ALWAYS
    if size := _SIZE.fullmatch(figure.variant):
        return Subject(model=model, variant="se" if attended else "plain", image_size=int(size[1]))
    variant = _variant(figure, attended=attended)
    return None if variant is None else Subject(model=model, variant=variant)


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


def _variant(figure: PublishedFigure, *, attended: bool) -> str | None:
    text = figure.variant
    if text in _PLAIN_WORDS:
        if not attended:
            return "plain"
        options: tuple[str, ...] = ()
    elif text in _SE_WORDS:
        options = ()
    elif text in _NAMED:
        options = _NAMED[text]
    else:
        found = [pattern.sub(option, text) for pattern, option in _PATTERNS if pattern.fullmatch(text)]
        if not found:
            return None
        options = tuple(found)
    if _UNBIASED_SOURCES.match(figure.source):
        options = (*options, "bias=false")
    return f"se({','.join(options)})" if options else "se"
