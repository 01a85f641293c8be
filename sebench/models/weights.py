"""A file of weights: what it is called by, and how it is loaded into a network."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from sebench.errors import UsageError
from sebench.schema import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

_WRAPPERS = ("state_dict", "model")
_PARALLEL = "module."
_NAMED = 3


def with_digest(spec: ModelSpec) -> ModelSpec:
    """A specification that says which file of weights is meant.

    Raises:
        UsageError: there is no such file, or it has changed since.
    """
    if spec.weights is None:
        return spec
    path = Path(spec.weights)
    try:
        status = path.stat()
        digest = _sha256(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise UsageError(f"--weights {path}: {error.strerror or error}", hint="name a state_dict") from error
    if spec.weights_sha256 not in (None, digest):
        raise UsageError(f"--weights {path} has changed since the command began", hint="run it again")
    return replace(spec, weights_sha256=digest)


@lru_cache(maxsize=16)
def _sha256(path: Path, changed_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_weights(network: nn.Module, spec: ModelSpec, *, slot: str | None = None) -> None:
    """Load the file of a specification into a network, every key of it; code in the file is never run.

    Args:
        network: changed in place; one on ``meta`` only has its keys and shapes compared with the file's.
        spec: with a file of weights.
        slot: name that all modules with attention have. Weights of attention may then be missing, which
            leaves it as it was drawn, or be there for a network without: a pair shares its other weights.

    Raises:
        UsageError: the file is no state_dict, or of another network.
    """
    loaded = _state_in(Path(spec.weights or ""))
    own = network.state_dict()
    if slot is not None:
        loaded = _with_own_attention(own, loaded, slot)
    where = f"--weights {spec.weights} does not fit {spec.label}"
    missing, unknown = own.keys() - loaded.keys(), loaded.keys() - own.keys()
    if missing or unknown:
        said = [
            f"{_names(keys)} {verb}" for keys, verb in ((missing, "missing"), (unknown, "unknown")) if keys
        ]
        raise UsageError(f"{where}: {', '.join(said)}", hint="name the state_dict of this network")
    for key in own:
        if own[key].shape != loaded[key].shape:
            shapes = f"{tuple(loaded[key].shape)} instead of {tuple(own[key].shape)}"
            raise UsageError(f"{where}: {key} has shape {shapes}", hint="name the state_dict of this network")
    if not any(tensor.is_meta for tensor in own.values()):
        network.load_state_dict(loaded)


def _with_own_attention(
    own: Mapping[str, Tensor], loaded: Mapping[str, Tensor], slot: str
) -> dict[str, Tensor]:
    """The weights of a file, with those of the network's attention where the file is of other attention."""
    ours, theirs = ({key for key in keys if slot in key.split(".")} for keys in (own, loaded))
    if ours == theirs:
        return dict(loaded)
    common = {key: value for key, value in loaded.items() if key not in theirs}
    return common | {key: own[key] for key in ours}


def _state_in(path: Path) -> dict[str, Tensor]:
    import torch

    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        holds_code = "weights only load failed" in str(error).lower()
        objects = "it holds objects besides tensors, which are not loaded"
        other = "it is damaged, or no file that torch.save wrote"
        reason = objects if holds_code else other
        raise UsageError(
            f"--weights {path} cannot be read: {reason}",
            hint="save the state_dict alone: torch.save(net.state_dict(), FILE)",
        ) from error
    for key in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if (
        not isinstance(content, Mapping)
        or not content
        or not all(isinstance(value, torch.Tensor) for value in content.values())
    ):
        raise UsageError(
            f"--weights {path} holds no state_dict", hint="save one: torch.save(net.state_dict(), FILE)"
        )
    if all(key.startswith(_PARALLEL) for key in content):
        return {key.removeprefix(_PARALLEL): value for key, value in content.items()}
    return dict(content)


def _names(keys: Collection[str]) -> str:
    first = sorted(keys)[:_NAMED]
    more = f" and {len(keys) - len(first)} more" if len(keys) > len(first) else ""
    return ", ".join(first) + more
