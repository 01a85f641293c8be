"""What every source of networks answers: whose a name is, what is known before building, and the network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sebench.errors import UsageError, did_you_mean
from sebench.models.registry import ImageSize, height_width, image_size_text
from sebench.schema import ASIS, ModelSpec, Preprocessing

if TYPE_CHECKING:
    import torch
    from torch import nn

InputSize = tuple[int, int, int]
"""Channels, height, width."""
USUAL_INPUT: InputSize = (3, 224, 224)
"""For networks that do not say what they were made for."""
LARGEST_IMAGE_SIZE = 2**16
_MAX_MATCHES = 3


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A network ready to be counted or timed."""

    spec: ModelSpec
    """What was built, resolved."""
    module: nn.Module
    """In evaluation mode."""
    sites: tuple[str, ...]
    """Fully qualified names of its attention modules, in order of execution."""
    stages: Mapping[str, str]
    """Prefix of a fully qualified name -> stage label; covers every module that does work, or is empty."""
    input_shape: tuple[int, ...]
    """(1, C, H, W) at the network's own size."""
    device: str
    """Where its tensors are: ``cpu`` instead of ``meta`` where the constructor reads values of tensors."""
    captured: bool = False
    """Whether it is a captured graph, because its attention is no module of its own."""


class Source(ABC):
    """A place where networks come from.

    The attributes are what is true of foreign code that nothing is known about; a source sets those that are
    otherwise. Nothing but `build`, and `published_input` of a library, imports torch or the network's code.

    Args:
        catalogue: every source there is, for hints on names that nobody knows.
    """

    key: ClassVar[str]
    """One word that names the source."""
    syntax: ClassVar[str]
    """How its networks are named, e.g. ``timm:NAME``."""
    networks: ClassVar[str]
    """Which networks those are, in a few words."""
    prefix: ClassVar[str] = ""
    """What stands before the colon of its names, if that is the same in all of them."""
    stands_alone: ClassVar[bool] = True
    """Whether a name may be given as baseline or candidate: it cannot be taken for a variant."""
    takes_variants: ClassVar[bool] = True
    """Whether its networks can be had without their attention, and with another."""
    own_variant: ClassVar[str] = ASIS
    """What a network is where it is named and nothing else is said."""
    default_variant: ClassVar[str | None] = None
    """The variant that is compared with the plain one where nobody names one; None where that depends on the
    network: as it was built if it has attention, else SE."""
    runs_here: ClassVar[bool] = False
    """Whether its code may run in the process of a command; otherwise it runs in workers only."""
    may_read_values: ClassVar[bool] = True
    """Whether a constructor or a forward may read values of tensors, which there are none of on ``meta``."""
    knows_sites: ClassVar[bool] = False
    """Whether `BuiltModel.sites` says where its networks have attention; otherwise that is to be found."""
    has_published_figures: ClassVar[bool] = False
    """Whether its networks are the ones that the paper's figures are about."""
    is_users_own: ClassVar[bool] = False
    """Whether its networks are the user's code, which may change from one commit to the next."""
    is_file: ClassVar[bool] = False
    """Whether its networks are files that a runtime takes: there is no module to build."""
    named_by_path: ClassVar[bool] = False
    """Whether a name begins with the path of a file."""
    near_match_cutoff: ClassVar[float] = 0.8
    """Similarity, from 0 to 1, from which a name of this source is suggested for one that nobody knows."""

    def __init__(self, catalogue: Callable[[], Sequence[Source]]) -> None:
        self.catalogue = catalogue

    @abstractmethod
    def owns(self, name: str) -> bool:
        """Whether `name` is of this source by its form; there need be no such network."""

    def names(self) -> tuple[str, ...]:
        """Its networks, without `prefix`; imports nothing. Empty where they cannot be listed."""
        return ()

    def full_name(self, name: str) -> str:
        """The name, out of `names`, as it is given on the command line."""
        return f"{self.prefix}:{name}" if self.prefix else name

    @abstractmethod
    def resolve(self, spec: ModelSpec) -> ModelSpec:
        """Validate a specification and normalise it: equal networks become equal specifications.

        Raises:
            UnknownModelError: no such network, as far as that can be told without importing anything.
            VariantError: a variant that the network does not take.
            UsageError: a number of classes or a stride that the network cannot have.
        """

    def require(self, name: str) -> None:  # noqa: B027 - most have nothing to add
        """Refuse a network whose code is not there; imports neither it nor torch.

        Raises:
            UnknownModelError: no such file or module, or the library is not installed.
        """

    @abstractmethod
    def published_input(self, name: str) -> InputSize | None:
        """The input that the network was published with; None where that is not known.

        Raises:
            UnknownModelError: the source has no such network.
        """

    def input_size(self, name: str) -> InputSize:
        """Channels, height and width of what the network is fed where nobody says otherwise.

        Raises:
            UnknownModelError: the source has no such network.
        """
        return self.published_input(name) or USUAL_INPUT

    def smallest_image(self, name: str) -> int | None:
        """Side in pixels of the smallest image that the network works on; None where that is not known.

        Raises:
            UnknownModelError: the source has no such network.
        """
        return None

    def own_preprocessing(self, name: str, weights_sha256: str | None) -> Preprocessing | None:
        """What images go through before they reach the network, as its source says; None where it does not.

        Args:
            name: of the network.
            weights_sha256: digest of its file of weights, which tells one published file from another.

        Raises:
            UnknownModelError: the source has no such network.
            UsageError: it is one that sebench has not.
        """
        return None

    def check_image_size(self, name: str, size: ImageSize) -> None:
        """Refuse an image that the network cannot work on, as far as that is known.

        Raises:
            UnknownModelError: the source has no such network.
            UsageError: `size` is not positive, beyond `LARGEST_IMAGE_SIZE` or below the network's smallest.
        """
        side, largest = min(height_width(size)), max(height_width(size))
        if side < 1:
            raise UsageError(f"image size {image_size_text(size)} is not positive")
        if largest > LARGEST_IMAGE_SIZE:
            raise UsageError(f"--image-size is more than {LARGEST_IMAGE_SIZE}")
        smallest = self.smallest_image(name)
        if smallest is not None and side < smallest:
            own = image_size_text(self.input_size(name)[1:])
            raise UsageError(
                f"image size {image_size_text(size)} is too small for {name}",
                hint=f"use at least {smallest} (native size {own})",
            )

    def code_folders(self, name: str) -> tuple[Path, ...]:
        """Where modules that a user's network imports are looked for first; nowhere for code of others."""
        return ()

    def edition(self, name: str) -> str | None:
        """Which edition of the network's code is there; None where only its files can say.

        Nothing is imported: a count under the same edition is the same.
        """
        return None

    def code_file(self, name: str) -> Path | None:
        """The file of the user's that holds the network, as its name has it; None for code of others."""
        return None

    def example_inputs(self, name: str) -> str | None:
        """The function beside the network's factory that makes its inputs; imports nothing."""
        return None

    @abstractmethod
    def build(self, spec: ModelSpec, seed: int, device: torch.device) -> BuiltModel:
        """Build a network in evaluation mode, without pretrained weights.

        Args:
            spec: resolved.
            seed: of the weights.
            device: where they are made; on ``meta`` there are none.

        Raises:
            UnknownModelError: no such library, module, file or name in it.
            BuildError: the code failed or returned no module, or there is no room for the weights.
        """


def split_name(name: str) -> tuple[str, str]:
    """What stands before the last colon (a library, file or module; ``""`` without one), and behind it."""
    place, _, attribute = name.rpartition(":")
    return place, attribute


def near_names(name: str, sources: Iterable[Source]) -> str | None:
    """A hint for a name that nobody knows, e.g. ``did you mean 'torchvision:resnet18'?``; None without one.

    Args:
        name: as it was given, with its prefix if it has one.
        sources: those to look in; the one that the name asks for comes first, then those named first.
    """
    asked, word = split_name(name)
    ordered = sorted(sources, key=lambda source: source.prefix != asked)
    exact = [source.full_name(word) for source in ordered if word in source.names()]
    if exact:
        return did_you_mean(exact)
    close: dict[str, str] = {}
    for source in ordered:
        cutoff = source.near_match_cutoff
        for match in get_close_matches(word, source.names(), n=_MAX_MATCHES, cutoff=cutoff):
            close.setdefault(match, source.full_name(match))
    best = sorted(close, key=lambda match: -SequenceMatcher(None, word, match).ratio())
    return did_you_mean(close[match] for match in best[:_MAX_MATCHES])
