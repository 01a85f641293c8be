"""Static costs, cached on disk so that a repeated count needs no torch."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import msgspec
import platformdirs

from sebench import counters, models
from sebench.schema import ModelCost, ModelSpec, Phase
from sebench.store import CountCache, sources_digest

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
        BuildError: the network does not accept this input.
    """
    # The user's own code may change without our noticing.
    usable = None if models.is_foreign(spec.model) else cache
    key = _key(spec, shape, phase, dtype) if usable else ""
    if usable and (known := usable.get(key)):
        return known
    built = models.build(spec, seed=None, device="meta")
    cost = counters.count(
        built.module, shape, phase=phase, dtype=dtype, sites=built.sites, stages=built.stages
    )
    counted = ModelCost(spec=spec, cost=cost)
    if usable:
        usable.put(key, counted)
    return counted


def _key(spec: ModelSpec, shape: tuple[int, ...], phase: Phase, dtype: str) -> str:
    described = msgspec.json.encode({"spec": spec, "shape": shape, "phase": phase, "dtype": dtype})
    return f"{sources_digest(*_COUNTED_SOURCES)} torch-{version('torch')} {described.decode()}"
