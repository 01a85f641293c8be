"""Static costs of native networks, cached on disk so that a repeated count needs no torch."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import msgspec
import platformdirs

from sebench import models
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
    """Count one native network on meta tensors: no weights, no batch, no compute.

    Args:
        spec: a resolved spec; the code of others is left to `Counter`, which keeps it out of this process.
        shape: of the input, batch in front.
        phase: ``training`` adds backward rows and saved-for-backward bytes.
        dtype: sets the bytes per element.
        cache: where to look first and to keep the answer; None counts afresh.

    Raises:
        BuildError: the network cannot be built or does not accept this input.
        CountError: it cannot be counted, though it may run.
    """
    source = models.source_of(spec.model)
    if not source.runs_here:
        raise ValueError(f"{spec.model} runs in workers only")
    if not source.is_cached:
        cache = None
    key = _key(spec, shape, phase, dtype) if cache else ""
    if cache and (known := cache.get(key)):
        return known
    counted = ModelCost(spec=spec, cost=count_network(spec, shape, phase=phase, dtype=dtype))
    if cache:
        cache.put(key, counted)
    return counted


def counted_dtype(dtype: str) -> str:
    """What stands in for a workload's number format: under autocast the counter does not know what is cast.

    Parameters and most activations stay in float32 then.
    """
    return "float32" if dtype.startswith("amp-") else dtype


def _key(spec: ModelSpec, shape: tuple[int, ...], phase: Phase, dtype: str) -> str:
    described = msgspec.json.encode({"spec": spec, "shape": shape, "phase": phase, "dtype": dtype})
    return f"{sources_digest(*_COUNTED_SOURCES)} torch-{version('torch')} {described.decode()}"
