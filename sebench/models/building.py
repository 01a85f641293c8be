"""From a specification to a network with weights, its attention sites and its stages."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from sebench.errors import DeviceError, UnknownModelError
from sebench.models.neighbours import with_imports
from sebench.models.references import require_reference
from sebench.models.sources import BuiltModel, source_of
from sebench.schema import ModelSpec, Result, network_words, parse_variant

if TYPE_CHECKING:
    import torch


def resolve(spec: ModelSpec) -> ModelSpec:
    """Validate a specification and normalise it: equal networks become equal specifications.

    Raises:
        UnknownModelError: No such network.
        VariantError: The variant is outside the grammar or does not fit the network.
        UsageError: Number of classes or stride that this network cannot have.
    """
    return source_of(spec.model).resolve(spec)


def build(spec: ModelSpec, *, seed: int | None = 0, device: str = "cpu") -> BuiltModel:
    """Build a network in evaluation mode.

    Weights of native networks depend on `seed` and on each parameter's name alone: a plain network and its
    variants agree to the bit wherever they share a parameter, on every device.

    Args:
        spec: What to build; resolved first.
        seed: Seed of the weights; None draws one.
        device: Any torch device. On ``meta`` nothing is allocated or initialised, except by factories that
            need real tensors; `BuiltModel.device` says where the network is.

    Raises:
        UsageError: No such model, variant or size, or no such file or module.
        DeviceError: No such device here.
        BuildError: The network's code failed, or the device has no room for the weights.
    """
    source = source_of(spec.model)
    spec = source.resolve(spec)
    require(spec)  # before torch is imported, which takes seconds
    return source.build(spec, secrets.randbits(63) if seed is None else seed, _parse_device(device))


def is_users_own(spec: ModelSpec) -> bool:
    """Whether code of the user's takes part: the network, its attention, or what makes its inputs."""
    return source_of(spec.model).is_users_own or bool(_references(spec))


def runs_here(spec: ModelSpec) -> bool:
    """Whether a network may be built in the process of a command; otherwise that is left to workers."""
    return source_of(spec.model).runs_here and not _references(spec)


def require(spec: ModelSpec) -> None:
    """Refuse a network whose code is not there; imports neither it nor torch.

    Raises:
        UsageError: no such file or module, or the library is not installed.
    """
    source_of(spec.model).require(spec.model)
    for reference, said in _references(spec).items():
        require_reference(reference, said)


def code_folders(spec: ModelSpec) -> tuple[Path, ...]:
    """Where modules that the user's code imports are looked for first."""
    names = (spec.model, *_references(spec))
    return tuple(dict.fromkeys(folder for name in names for folder in source_of(name).code_folders(name)))


def code_files(spec: ModelSpec) -> tuple[Path, ...]:
    """Files of the user's that a network is written in, and those beside them that they import.

    They are read, not run: what code imports by other means than ``import`` is not among them.
    """
    files: dict[Path, None] = {}
    for name in (spec.model, *_references(spec)):
        source = source_of(name)
        file = source.code_file(name)
        if source.is_users_own and file is not None:
            files |= dict.fromkeys(with_imports(file, source.code_folders(name)))
    return tuple(files)


def _references(spec: ModelSpec) -> dict[str, str]:
    """Functions and classes of the user's besides the network, and the options that name them."""
    named = {"--example-inputs": spec.example_inputs, "--attention": parse_variant(spec.variant).code}
    return {reference: said for said, reference in named.items() if reference is not None}


def _parse_device(device: str) -> torch.device:
    import torch

    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise DeviceError(
            f"device {device!r} is not usable: {reason}", hint="use cpu, or see `sebench env`"
        ) from error


def as_published(result: Result) -> bool:
    """Whether the paper's own figures are about this very network at this very input.

    They are not about a network that this version does not know.
    """
    spec, cost = result.pair.candidate, result.baseline_cost
    if result.pair.baseline == spec or network_words(spec):
        return False
    source = source_of(spec.model)
    if cost is None or not source.has_published_figures:
        return False
    try:
        return cost.input_shape[-2:] == source.input_size(spec.model)[1:]
    except UnknownModelError:
        return False
