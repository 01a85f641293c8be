"""How a network is built, besides its name and variant: the values, and each option in one place.

Command-line options, parameters of the library, keys of configuration files and locks, stored commands and
the words of tables derive from `NETWORK_OPTIONS`, or are compared with it by the tests. A new option needs a
field of `NetworkOptions` and an entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from sebench.schema.base import StrideIn, Value
from sebench.schema.ranges import Positive


class NetworkOptions(Value, frozen=True, kw_only=True):
    """What somebody says of how a network is built; None, or nothing in it, is not said."""

    num_classes: Positive | None = None
    """None keeps the number the network was published with (1000, or 10 on CIFAR), or its factory's own."""
    stride_in: StrideIn | None = None
    """Where a bottleneck ResNet strides; None is the network's own place."""
    model_args: tuple[str, ...] = ()
    """Keyword arguments of its factory, each as ``key=value``, in the order of their keys."""
    weights: str | None = None
    """File with a state_dict that is loaded into the network as its author built it; ``FILE#PART`` for one of
    several in it."""
    insert_after: str | None = None
    """Regular expression for the modules after which attention is put, instead of the paper's places."""
    attention_class: str | None = None
    """Class of the modules that are its attention, instead of what data flow finds."""
    example_inputs: str | None = None
    """Function that makes its inputs, as ``FILE.py:function`` or ``package.module:function``."""


NO_OPTIONS = NetworkOptions()
"""Leaves it all to the networks."""


@dataclass(frozen=True, slots=True)
class NetworkOption:
    """One field of `NetworkOptions` as people meet it."""

    field: str
    """Its name; also that of the library's parameter."""
    option: str
    """On the command line."""
    metavar: str
    """What stands behind it there."""
    help: str
    """Of the command-line option."""
    words: Callable[[Any], str]
    """What a table says of a value that was said."""
    kind: type[str] | type[int] = str
    """Of its value on the command line."""
    choices: tuple[str, ...] = ()
    """All that it may be; empty where the values cannot be listed."""
    repeatable: bool = False
    """Whether it may be given several times."""
    changes_costs: bool = True
    """Whether counts depend on it, so that a lock has it."""

    def arguments(self, options: NetworkOptions) -> Iterator[str]:
        """As it is given on the command line; nothing where nothing was said."""
        value = getattr(options, self.field)
        for each in value if self.repeatable else () if value is None else (value,):
            yield from (self.option, str(each))


NETWORK_OPTIONS: tuple[NetworkOption, ...] = (
    NetworkOption(
        "num_classes",
        "--num-classes",
        "N",
        "Number of classes; default: the network's own.",
        lambda value: f"{value} classes",
        kind=int,
    ),
    NetworkOption(
        "stride_in",
        "--stride-in",
        "",
        "Which convolution strides in bottleneck ResNets: 1x1 is v1, 3x3 is v1.5.",
        lambda value: f"stride in the {value}",
        choices=get_args(StrideIn),
    ),
    NetworkOption(
        "model_args",
        "--model-arg",
        "KEY=...",
        "Keyword argument of the network's factory; sebench's own take pool, eps and activation; repeatable.",
        ", ".join,
        repeatable=True,
    ),
    NetworkOption(
        "weights",
        "--weights",
        "FILE",
        "state_dict or safetensors to load into the network (FILE#PART: one of several in it); default: "
        "random weights.",
        lambda value: f"weights from {value}",
        changes_costs=False,
    ),
    NetworkOption(
        "insert_after",
        "--insert-after",
        "REGEX",
        "Modules after which attention goes, by path; default: where the paper puts it.",
        lambda value: f"attention after {value}",
    ),
    NetworkOption(
        "attention_class",
        "--attention-class",
        "CLASS",
        "Class of the modules that are the network's attention; default: found by data flow.",
        lambda value: f"attention is {value}",
    ),
    NetworkOption(
        "example_inputs",
        "--example-inputs",
        "FUNCTION",
        "Function of the batch size that returns the inputs (FILE.py:function); default: example_inputs "
        "beside the factory.",
        lambda value: f"inputs from {value}",
    ),
)
"""One per field of `NetworkOptions`, in the order in which tables name them."""


def network_options(value: object) -> NetworkOptions:
    """The options of a network, of a value that has them among its attributes."""
    return NetworkOptions(**{option.field: getattr(value, option.field) for option in NETWORK_OPTIONS})


def network_words(options: NetworkOptions) -> tuple[str, ...]:
    """What was said, in words: ``("10 classes", "depth=50")``."""
    return tuple(
        option.words(value) for option in NETWORK_OPTIONS if (value := getattr(options, option.field))
    )


def network_arguments(options: NetworkOptions) -> tuple[str, ...]:
    """What was said, as words of a command line."""
    return tuple(word for option in NETWORK_OPTIONS for word in option.arguments(options))
