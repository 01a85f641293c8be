"""torchvision's and timm's networks: their names, their own inputs, and how they are built untrained."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from sebench.errors import UnknownModelError
from sebench.installation import extra_hint
from sebench.models.factories import Factory
from sebench.models.offline import untrained
from sebench.models.sources.as_it_is import AsItIs
from sebench.models.sources.preprocessing import timm_preprocessing, torchvision_preprocessing
from sebench.models.sources.source import InputSize, near_names, split_name
from sebench.schema import Preprocessing

_REGISTERED = re.compile(
    r"^@register_model(?P<named>\([^)]*\))?\s.*?^def (?P<function>\w+)", re.DOTALL | re.MULTILINE
)
_NAMED = re.compile(r"[\"'](\w+)[\"']")


class Library(AsItIs):
    """An installed library that builds networks by name: ``LIBRARY:NAME``."""

    listing: ClassVar[str]
    """The call that lists its networks."""
    distributions: ClassVar[tuple[str, ...]]
    """What is installed with it; their versions decide what its networks are."""

    def owns(self, name: str) -> bool:
        """Whether the library stands before the colon."""
        return split_name(name)[0] == self.prefix

    def names(self) -> tuple[str, ...]:
        """As the library's files register them; empty if it is not installed."""
        return registered_names(self.prefix)

    def edition(self, name: str) -> str | None:
        """The installed versions; None where one can be edited where it lies."""
        installed = [installed_version(each) for each in self.distributions]
        if any(version is None for version in installed):
            return None
        return " ".join(
            f"{name}-{version}" for name, version in zip(self.distributions, installed, strict=True)
        )

    def published_input(self, name: str) -> InputSize | None:
        """Read off what the library knows about published weights, which are not downloaded."""
        self._require_known(name)
        return self.known_input(split_name(name)[1])

    def factory(self, name: str) -> Factory:
        """What builds the network without pretrained weights of itself or of its backbone."""
        self._require_known(name)
        return self.untrained_factory(split_name(name)[1])

    def own_preprocessing(self, name: str, weights_sha256: str | None) -> Preprocessing | None:
        """That of the published weights, which are not downloaded."""
        self._require_known(name)
        return self.known_preprocessing(split_name(name)[1], weights_sha256)

    @abstractmethod
    def known_preprocessing(self, network: str, weights_sha256: str | None) -> Preprocessing | None:
        """What the library does to images before a network of its own sees them.

        Raises:
            UnknownModelError: a tag that the network does not have.
            UsageError: it pads, or scales in another way that sebench has not.
        """

    @abstractmethod
    def has(self, network: str) -> bool:
        """Whether the library, which is installed, knows the network; imports it."""

    @abstractmethod
    def known_input(self, network: str) -> InputSize | None:
        """The input that a network of the library was made for; None where the library does not say.

        Raises:
            UnknownModelError: a tag that the network does not have.
        """

    @abstractmethod
    def untrained_factory(self, network: str) -> Factory:
        """What builds a network of the library.

        Raises:
            UnknownModelError: a tag that the network does not have.
        """

    def _require_known(self, name: str) -> None:
        self.require(name)
        if not self.has(split_name(name)[1]):
            hint = near_names(name, self.catalogue()) or f"see {self.listing}"
            raise UnknownModelError(f"unknown model {name!r}", hint=hint)


class Torchvision(Library):
    """A dependency of sebench, so it is always there."""

    key = prefix = "torchvision"
    syntax = "torchvision:NAME"
    networks = "torchvision's"
    listing = "torchvision.models.list_models()"
    distributions = ("torchvision",)

    def has(self, network: str) -> bool:
        """Whether torchvision lists it."""
        from torchvision import models

        return network in models.list_models()

    def known_input(self, network: str) -> InputSize | None:
        """The smallest crop of the published weights, as some were tuned at a higher resolution."""
        return _torchvision_input(network)

    def known_preprocessing(self, network: str, weights_sha256: str | None) -> Preprocessing | None:
        """The transforms of the published weights with this digest, or else of the default ones."""
        return torchvision_preprocessing(network, weights_sha256)

    def untrained_factory(self, network: str) -> Factory:
        """Its builder, with the weights that it would load by default left out."""
        from torchvision import models

        options = untrained(models.get_model_builder(network))
        if network in ("inception_v3", "googlenet"):  # or they warn that this takes long
            options["init_weights"] = False
        return lambda **keywords: models.get_model(network, **{**options, **keywords})


class Timm(Library):
    """An optional dependency."""

    key = prefix = "timm"
    syntax = "timm:NAME"
    networks = "timm's, with the timm extra"
    listing = "timm.list_models()"
    distributions = ("timm", "torchvision")

    def require(self, name: str) -> None:
        """Refuse every network where timm is not installed."""
        if find_spec("timm") is None:
            raise UnknownModelError(f"{name} needs timm, which is not installed", hint=extra_hint("timm"))

    def has(self, network: str) -> bool:
        """Whether timm has a function of this name, whatever tag follows."""
        import timm

        return bool(timm.is_model(network))

    def known_input(self, network: str) -> InputSize | None:
        """The ``input_size`` of its ``default_cfg``."""
        known = _timm_config(network)
        if known is None:
            return None
        channels, height, width = known.input_size
        return channels, height, width

    def known_preprocessing(self, network: str, weights_sha256: str | None) -> Preprocessing | None:
        """Its resolved ``default_cfg``, with the values for testing where there are any."""
        known = _timm_config(network)
        return None if known is None else timm_preprocessing(known)

    def untrained_factory(self, network: str) -> Factory:
        """``timm.create_model``; a tag that the network does not have is refused here already."""
        import timm

        _timm_config(network)
        return lambda **keywords: timm.create_model(network, **{"pretrained": False, **keywords})


def installed_version(distribution: str) -> str | None:
    """The version of an installed distribution; None if there is none, or if it is installed to be edited."""
    try:
        found = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return None
    return None if '"editable": true' in (found.read_text("direct_url.json") or "") else found.version


@cache
def registered_names(library: str) -> tuple[str, ...]:
    """Names of a library's networks as its source registers them; imports nothing, empty if not installed."""
    found = find_spec(library)
    folders = found.submodule_search_locations if found else None
    return tuple(
        dict.fromkeys(name for folder in folders or () for name in _registered(Path(folder) / "models"))
    )


def _registered(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        for found in _REGISTERED.finditer(path.read_text(encoding="utf-8", errors="replace")):
            named = _NAMED.search(found["named"] or "")
            yield named[1] if named else found["function"]


@cache
def _torchvision_input(network: str) -> InputSize | None:
    from torchvision import models

    try:
        weights = list(models.get_model_weights(network))
    except ValueError:  # none were published
        return None
    sizes = [size for each in weights if (size := _size(getattr(each.transforms, "keywords", {})))]
    return min(sizes, default=None)


def _size(options: dict[str, Any]) -> InputSize | None:
    """What images are cropped to, or scaled to where nothing is cropped."""
    size = options.get("crop_size", options.get("resize_size"))
    if isinstance(size, int):
        return 3, size, size
    return (3, size[0], size[-1]) if size else None


@cache
def _timm_config(network: str) -> Any:  # noqa: ANN401 - timm is not typed
    """What timm knows about the published weights of a network; None where there are none.

    Raises:
        UnknownModelError: a tag that the network does not have.
    """
    import timm

    try:
        return timm.get_pretrained_cfg(network)
    except RuntimeError as error:
        raise UnknownModelError(f"unknown model 'timm:{network}': {error}") from error
