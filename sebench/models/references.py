"""Functions and classes of the user's that are no networks, named as those are: ``FILE.py:NAME``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sebench.errors import BuildError, UnknownModelError, UsageError
from sebench.inputs import Inputs
from sebench.models.factories import Factory, running_code
from sebench.models.sources import source_of

if TYPE_CHECKING:
    from torch import nn


def require_reference(reference: str, said: str) -> None:
    """Refuse a name whose file or module is not there; imports nothing.

    Args:
        reference: ``FILE.py:NAME`` or ``package.module:NAME``.
        said: what named it, for the message, e.g. ``--example-inputs``.

    Raises:
        UsageError: it is no such name, or there is no such file or module.
    """
    source = source_of(reference)
    if not source.is_users_own:
        raise UsageError(
            f"{said} {reference!r} names no code of yours", hint="write FILE.py:NAME or package.module:NAME"
        )
    try:
        source.require(reference)
    except UnknownModelError as error:
        raise _reworded(error, reference, said) from error


def referenced(reference: str, said: str) -> Factory:
    """The function or class of that name, imported.

    Raises:
        UsageError: there is none.
        BuildError: its module cannot be imported.
    """
    require_reference(reference, said)
    try:
        return source_of(reference).factory(reference)  # type: ignore[attr-defined, no-any-return]
    except UnknownModelError as error:
        raise _reworded(error, reference, said) from error


def make_inputs(reference: str, batch_size: int, seed: int) -> Inputs:
    """What a function of the user's returns for a batch size, on the CPU; random numbers follow the seed.

    Raises:
        UsageError: there is no such function.
        BuildError: it fails, or returns no tensor.
    """
    import torch

    function = referenced(reference, "--example-inputs")
    with (
        running_code(reference, "called", reference, source_of(reference).code_folders(reference)),
        torch.random.fork_rng(devices=[]),
        torch.device("cpu"),
    ):
        torch.manual_seed(seed)
        inputs = dataclasses.replace(Inputs.of(function(batch_size)), made_by=reference)
        inputs = inputs.map(lambda tensor: tensor.detach())
    if next(inputs.tensors(), None) is not None and not _has_batch(inputs, batch_size):
        raise BuildError(
            f"{reference}({batch_size}) returned {inputs.describe()}: nothing in it is {batch_size} long",
            hint="return as many items as it is asked for",
        )
    if next(inputs.tensors(), None) is None:
        raise BuildError(
            f"{reference} returned no tensor",
            hint="return a tensor, a tuple (arguments by position) or a dict (arguments by name)",
        )
    return inputs


def _has_batch(inputs: Inputs, batch_size: int) -> bool:
    """Whether a tensor, or a list of tensors, is as long as the batch."""
    lists = (value for value in (*inputs.args, *inputs.kwargs.values()) if isinstance(value, (list, tuple)))
    return any(tensor.shape[:1] == (batch_size,) for tensor in inputs.tensors()) or any(
        len(each) == batch_size for each in lists
    )


def make_attention_of(reference: str, channels: int) -> nn.Module:
    """A module of the user's own class of attention, called with the channel count.

    Raises:
        UsageError: there is no such class.
        BuildError: it fails, or makes no module.
    """
    from torch import nn

    factory = referenced(reference, "--attention")
    called = f"{reference.rpartition(':')[2]}({channels})"
    try:
        with running_code(reference, "made", reference, source_of(reference).code_folders(reference)):
            module: Any = factory(channels)
    except BuildError as error:
        hint = error.hint or f"it is called with the number of channels: {called}"
        raise BuildError(error.message, hint=hint) from error.__cause__
    if not isinstance(module, nn.Module):
        raise BuildError(f"{called} returned {type(module).__name__}, not a torch.nn.Module ({reference})")
    return module


def _reworded(error: UnknownModelError, reference: str, said: str) -> UsageError:
    message = error.message.replace(f"unknown model {reference!r}", f"{said} {reference!r}")
    meant = error.hint if error.hint and error.hint.startswith("did you mean") else None
    return UsageError(message, hint=meant or "name a function or class at the top of it")
