"""Settings back to text."""

from __future__ import annotations

from typing import Any

import msgspec
import tomli_w

from sebench.configuration.settings import Configuration, Sections


def dump_configuration(configuration: Configuration) -> str:
    """TOML in the form of ``sebench.toml``, defaults included; loads back to the same settings.

    Args:
        configuration: its `source` is not part of the text.
    """
    sections = Sections(lock=configuration.lock, check=configuration.check)
    return tomli_w.dumps(_without_none(msgspec.to_builtins(sections)))


def _without_none(value: Any) -> Any:  # noqa: ANN401 - TOML
    """TOML has no null: what is None is left out."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list | tuple) else value
