"""What can be said with ``--model-arg`` of sebench's own networks.

It is how other implementations differ from the paper's where names and shapes of weights are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sebench.errors import UsageError, near_matches
from sebench.models.arguments import in_order
from sebench.models.registry import ModelInfo

if TYPE_CHECKING:
    from torch import nn

SLOT = "attention"
"""Name that every module with attention has in a native network."""
_LARGEST_EPS = 0.1


@dataclass(frozen=True, slots=True)
class OwnArgument:
    """One keyword that sebench's own networks take."""

    default: str
    applies: Callable[[ModelInfo], bool]
    """Whether a network has what it is about."""
    canonical: Callable[[str], str]
    """A value as it is kept.

    Raises:
        ValueError: says what it may be.
    """
    apply: Callable[[nn.Module, str], None]
    """Changes a network that has no weights yet, in place."""


def _one_of(*choices: str) -> Callable[[str], str]:
    def canonical(text: str) -> str:
        if text not in choices:
            raise ValueError(f"choose {' or '.join(choices)}")
        return text

    return canonical


def _eps(text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= _LARGEST_EPS:
        raise ValueError(f"give a number from 0 to {_LARGEST_EPS}, e.g. eps=0.001")
    return repr(value)


def _set_pool(network: nn.Module, value: str) -> None:
    from torch import nn

    pool = network.get_submodule("stem.pool")
    assert isinstance(pool, nn.MaxPool2d)  # noqa: S101 - of `applies`
    pool.padding, pool.ceil_mode = (0, True) if value == "ceil" else (1, False)


def _set_eps(network: nn.Module, value: str) -> None:
    from torch import nn

    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d) and SLOT not in name.split("."):
            module.eps = float(value)


def _set_activation(network: nn.Module, value: str) -> None:
    from torch import nn

    kind = nn.ReLU6 if value == "relu6" else nn.ReLU
    for name, _ in list(network.named_modules()):
        block, _, last = name.rpartition(".")
        if last == "relu" and SLOT not in name.split("."):
            setattr(network.get_submodule(block), last, kind(inplace=True))


OWN_ARGUMENTS: Mapping[str, OwnArgument] = {
    "activation": OwnArgument(
        "relu", lambda info: info.family == "mobilenet", _one_of("relu", "relu6"), _set_activation
    ),
    "eps": OwnArgument("1e-05", lambda info: info.has_batch_norm, _eps, _set_eps),
    "pool": OwnArgument("padded", lambda info: info.has_stem_pool, _one_of("padded", "ceil"), _set_pool),
}
"""``activation`` of every block, ``eps`` of every batch normalisation outside of attention, and ``pool``, the
max pooling of the stem: padded by one, or with no padding and incomplete windows at the end (``ceil``)."""


def read_own_arguments(model_args: tuple[str, ...], info: ModelInfo) -> dict[str, str]:
    """The arguments of a network in canonical form; defaults that were said are among them.

    Raises:
        UsageError: no such argument, or a value that it cannot have.
    """
    known = [key for key, argument in OWN_ARGUMENTS.items() if argument.applies(info)]
    found = {}
    for key, _, text in (each.partition("=") for each in in_order(model_args)):
        if key not in known:
            listed = f"its arguments are {', '.join(known)}" if known else "it has none"
            raise UsageError(
                f"{info.name} takes no argument {key!r}", hint=near_matches(key, known) or listed
            )
        try:
            found[key] = OWN_ARGUMENTS[key].canonical(text)
        except ValueError as error:
            raise UsageError(f"--model-arg {key}={text}", hint=str(error)) from error
    return found


def apply_own_arguments(network: nn.Module, arguments: Mapping[str, str]) -> None:
    """Change a native network without weights as its arguments say, in place."""
    for key, value in arguments.items():
        OWN_ARGUMENTS[key].apply(network, value)
