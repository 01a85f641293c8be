"""torchvision's and timm's networks: their names, their own inputs, and how they are built untrained."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from difflib import SequenceMatcher, get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sebench.errors import UnknownModelError, did_you_mean
from sebench.models.offline import untrained

if TYPE_CHECKING:
    from torch import nn

LIBRARIES = ("torchvision", "timm")
InputSize = tuple[int, int, int]
"""Channels, height, width."""

_REGISTERED = re.compile(
    r"^@register_model(?P<named>\([^)]*\))?\s.*?^def (?P<function>\w+)", re.DOTALL | re.MULTILINE
)
_NAMED = re.compile(r"[\"'](\w+)[\"']")
# Seldom right: there are ten times as many names as native ones.
_CUTOFFS = {"": 0.6, "torchvision": 0.8, "timm": 0.8}
_MAX_MATCHES = 3


def has_network(library: str, name: str) -> bool:
    """Whether a library that is installed knows a network of this name; imports it."""
    if library == "torchvision":
        from torchvision import models

        return name in models.list_models()
    import timm

    return bool(timm.is_model(name))


def library_factory(library: str, name: str) -> Callable[[], nn.Module]:
    """What builds a network that the library has, without pretrained weights of itself or its backbone."""
    return _torchvision_factory(name) if library == "torchvision" else _timm_factory(name)


@cache
def library_input(library: str, name: str) -> InputSize | None:
    """The input that a network which the library has was made for; None where the library does not say.

    Reads what the libraries know about published weights; nothing is downloaded.

    Raises:
        UnknownModelError: a network of timm with a tag that it does not have.
    """
    return _torchvision_input(name) if library == "torchvision" else _timm_input(name)


def near_names(name: str, native: Iterable[str]) -> str | None:
    """A hint for a name that nobody knows, e.g. ``did you mean 'torchvision:resnet18'?``; None without one.

    Args:
        name: as it was given, with its library if it has one.
        native: names of the native networks.
    """
    asked, _, word = name.rpartition(":")
    known = {"": tuple(native), **{library: library_names(library) for library in LIBRARIES}}
    # A name that several have is suggested from where it was looked for, or else from the first.
    sources = sorted(known, key=lambda source: source != asked)
    exact = [_full(source, word) for source in sources if word in known[source]]
    if exact:
        return did_you_mean(exact)
    close: dict[str, str] = {}
    for source in sources:
        for match in get_close_matches(word, known[source], n=_MAX_MATCHES, cutoff=_CUTOFFS[source]):
            close.setdefault(match, _full(source, match))
    best = sorted(close, key=lambda match: -SequenceMatcher(None, word, match).ratio())
    return did_you_mean(close[match] for match in best[:_MAX_MATCHES])


@cache
def library_names(library: str) -> tuple[str, ...]:
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


def _full(source: str, name: str) -> str:
    return f"{source}:{name}" if source else name


# --- torchvision ----------------------------------------------------------------------------------------


def _torchvision_factory(name: str) -> Callable[[], nn.Module]:
    from torchvision import models

    options = untrained(models.get_model_builder(name))
    if name in ("inception_v3", "googlenet"):  # or they warn that this takes long
        options["init_weights"] = False
    return lambda: models.get_model(name, **options)


def _torchvision_input(name: str) -> InputSize | None:
    from torchvision import models

    try:
        weights = list(models.get_model_weights(name))
    except ValueError:  # none were published
        return None
    sizes = [size for each in weights if (size := _size(getattr(each.transforms, "keywords", {})))]
    # Weights that were tuned at a higher resolution stand beside those at the network's own.
    return min(sizes, default=None)


def _size(options: dict[str, Any]) -> InputSize | None:
    """What images are cropped to, or scaled to where nothing is cropped."""
    size = options.get("crop_size", options.get("resize_size"))
    if isinstance(size, int):
        return 3, size, size
    return (3, size[0], size[-1]) if size else None


# --- timm -----------------------------------------------------------------------------------------------


def _timm_factory(name: str) -> Callable[[], nn.Module]:
    import timm

    _timm_config(name)
    return lambda: timm.create_model(name, pretrained=False)


def _timm_input(name: str) -> InputSize | None:
    known = _timm_config(name)
    if known is None:
        return None
    channels, height, width = known.input_size
    return channels, height, width


def _timm_config(name: str) -> Any:  # noqa: ANN401 - timm is not typed
    """What timm knows about the published weights of a network; None where there are none.

    Raises:
        UnknownModelError: a tag that the network does not have.
    """
    import timm

    try:
        return timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        raise UnknownModelError(f"unknown model 'timm:{name}': {error}") from error
