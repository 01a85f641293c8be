"""What networks are fed where nobody says otherwise; libraries are asked once per version."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from sebench import models
from sebench.store import InputCache, KnownInput, sources_digest


def input_size(name: str) -> tuple[int, int, int]:
    """Channels, height and width of the input of a network; as `Source.input_size`, and kept on disk.

    Raises:
        UnknownModelError: its source has no such network.
    """
    source = models.source_of(name)
    edition = source.edition(name)
    if not edition:  # its source knows without being imported, or is the user's
        return source.input_size(name)
    cache = InputCache(Path(platformdirs.user_cache_dir("sebench")) / "inputs")
    key = f"{sources_digest('models')} {edition} {name}"
    known = cache.get(key)
    if known is not None:
        return known.size
    size = source.input_size(name)
    cache.put(key, KnownInput(size=size))
    return size
