"""Static costs, cached on disk so that a repeated count needs no torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path

import msgspec
import platformdirs

from sebench import models
from sebench.errors import BuildError
from sebench.schema import ModelCost, ModelSpec, Phase
from sebench.store import CountCache, sources_digest
from sebench.worker.counting import count_network

# Everything a count depends on: networks, counters, and the layout of the stored value.
_COUNTED_SOURCES = ("models", "counters", "schema")


def default_cache() -> CountCache:
    """The cache in the user's cache directory."""
    return CountCache(Path(platformdirs.user_cache_dir("sebench")) / "counts")


def count_model(
    spec: ModelSpec,
    shape: tuple[int, ...],
    *,
    phase: Phase = "inference",
    dtype: str = "float32",
    cache: CountCache | None = None,
) -> ModelCost:
    """Count one network on meta tensors: no weights, no batch, no compute.

    Args:
        spec: a resolved spec.
        shape: of the input, batch in front.
        phase: ``training`` adds backward rows and saved-for-backward bytes.
        dtype: sets the bytes per element.
        cache: where to look first and to keep the answer; None counts afresh.

    Raises:
        BuildError: the network cannot be built or does not accept this input.
        CountError: it cannot be counted, though it may run.
    """
    # The user's own code may change without our noticing.
    usable = None if models.is_foreign(spec.model) else cache
    key = _key(spec, shape, phase, dtype) if usable else ""
    if usable and (known := usable.get(key)):
        return known
    with _placed_errors():
        counted = ModelCost(spec=spec, cost=count_network(spec, shape, phase=phase, dtype=dtype))
    if usable:
        usable.put(key, counted)
    return counted


def counted_dtype(dtype: str) -> str:
    """What stands in for a workload's number format: under autocast the counter does not know what is cast.

    Parameters and most activations stay in float32 then.
    """
    return "float32" if dtype.startswith("amp-") else dtype


@contextmanager
def _placed_errors() -> Iterator[None]:
    """What a user's network prints is kept off standard output; its failures name the line of its code."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except BuildError as error:
        place = models.place_in_own_code(error.__cause__) if error.__cause__ else None
        if place is None or place in error.message:
            raise
        raise type(error)(f"{error.message} ({place})", hint=error.hint) from error


def _key(spec: ModelSpec, shape: tuple[int, ...], phase: Phase, dtype: str) -> str:
    described = msgspec.json.encode({"spec": spec, "shape": shape, "phase": phase, "dtype": dtype})
    return f"{sources_digest(*_COUNTED_SOURCES)} torch-{version('torch')} {described.decode()}"
