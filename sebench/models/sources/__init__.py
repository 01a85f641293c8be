"""Where networks come from: one entry per source, and the one place where a name is given to its source.

A new source is a class in this package (`AsItIs` where a function without arguments builds the network,
`Source` otherwise), an entry in `SOURCES` before `Module`, which takes every name with a colon that is left,
and a row in the table of docs/counting.md.
"""

from __future__ import annotations

from sebench.models.registry import ModelInfo
from sebench.models.sources.as_it_is import AsItIs
from sebench.models.sources.exported import ExportedFile
from sebench.models.sources.libraries import Timm, Torchvision
from sebench.models.sources.native import Native
from sebench.models.sources.own import File, Module
from sebench.models.sources.source import BuiltModel, InputSize, Source, near_names

__all__ = [
    "SOURCES",
    "AsItIs",
    "BuiltModel",
    "ExportedFile",
    "InputSize",
    "Source",
    "exported_file",
    "list_sources",
    "model_info",
    "names_network",
    "near_names",
    "source_of",
]


def list_sources() -> tuple[Source, ...]:
    """Every source, in the order in which they are asked whether a name is theirs."""
    return SOURCES


_native = Native(list_sources)
_exported = ExportedFile(list_sources)
SOURCES: tuple[Source, ...] = (
    _native,
    Torchvision(list_sources),
    Timm(list_sources),
    File(list_sources),
    _exported,
    Module(list_sources),
)


def source_of(name: str) -> Source:
    """The source of a network by its name, whether or not there is such a network."""
    return next(source for source in SOURCES if source.owns(name))


def names_network(text: str) -> bool:
    """Whether a text, where a variant or a network may stand, is the name of a network: ``nets.py:old``."""
    return "(" not in text.partition(":")[0] and source_of(text).stands_alone


def exported_file(name: str) -> ExportedFile | None:
    """The source of a file that was exported already; None where the name is of something else."""
    return _exported if _exported.owns(name) else None


def model_info(name: str) -> ModelInfo:
    """Look a native network up.

    Raises:
        UnknownModelError: No such network; carries near matches.
    """
    return _native.info(name)
