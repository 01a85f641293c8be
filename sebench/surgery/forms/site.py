"""One gate in a captured graph, and what rewriting it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from sebench.surgery import graphs
from sebench.surgery.capture import Captured

aten = torch.ops.aten
_MEANS = (aten.mean.dim, aten.adaptive_avg_pool2d.default)
VIEWS = frozenset(
    {
        aten.view.default,
        aten.reshape.default,
        aten.flatten.using_ints,
        aten.unsqueeze.default,
        aten.squeeze.default,
        aten.squeeze.dim,
        aten.squeeze.dims,
        aten._unsafe_view.default,
    }
)
"""Calls that change nothing but the number of dimensions."""
_GRID = (2, 3)
_FEATURE_MAP = 4


class Refused(Exception):  # noqa: N818 - an answer rather than an error
    """A form does not fit a gate; the message says why."""


@dataclass(slots=True)
class Site:
    """A gate. What leads to its values is read off the graph anew, as rewriting changes it."""

    product: fx.Node
    """Where the feature map meets the values."""
    feature: fx.Node
    """The feature map."""

    @property
    def values(self) -> fx.Node:
        """The gate's values, as the product takes them."""
        return next(node for node in self.product.all_input_nodes if node is not self.feature)

    def chain(self) -> tuple[fx.Node, ...]:
        """From the squeeze to the values: each call takes the one before it, and weights.

        Raises:
            Refused: the gate is no such chain.
        """
        found = [self.values]
        while not is_squeeze(found[-1]):
            given = [node for node in found[-1].all_input_nodes if node.op != "get_attr"]
            if found[-1].op != "call_function" or len(given) != 1:
                raise Refused("their values are not one chain from a mean over the map")
            found.append(given[0])
        return tuple(reversed(found))


def sites_of(captured: Captured, network: fx.GraphModule) -> tuple[Site, ...]:
    """The gates of a captured network that multiply, in a module made of it."""
    nodes = {node.name: node for node in network.graph.nodes}
    found = []
    for number, gate in enumerate(captured.gates):
        product = nodes[captured.product(number)]
        if gate.gate.kind == "channel" and len(product.all_input_nodes) == 2:
            found.append(Site(product, captured.feature(number, product)))
    return tuple(found)


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """The shape of what a call returned when it was captured; empty where that is no tensor."""
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def is_squeeze(node: fx.Node) -> bool:
    """Whether a call averages each channel of an image's feature map."""
    if node.op != "call_function" or node.target not in _MEANS:
        return False
    source, over, *_ = node.args
    if not isinstance(source, fx.Node) or not isinstance(over, Sequence) or node.kwargs.get("dtype"):
        return False
    if len(shape_of(source)) != _FEATURE_MAP:
        return False
    numbers = [number for number in over if isinstance(number, int)]
    if node.target is aten.mean.dim:
        return sorted(axis % _FEATURE_MAP for axis in numbers) == list(_GRID)
    return numbers == [1, 1]


def arguments(node: fx.Node) -> dict[str, Any]:
    """Arguments of a call by the names of its schema, defaults included."""
    schema = node.target._schema  # type: ignore[union-attr]
    found = {argument.name: argument.default_value for argument in schema.arguments}
    found.update(zip(found, node.args, strict=False))
    return {**found, **node.kwargs}


def is_pointwise(node: fx.Node) -> bool:
    """Whether a call is a 1x1 convolution of an image: stride 1, no padding, one group."""
    if node.target is not aten.conv2d.default:
        return False
    given = arguments(node)
    weight = given["weight"]
    return (
        shape_of(weight)[2:] == (1, 1)
        and set(given["stride"]) == {1}
        and set(given["padding"]) <= {0}
        and given["groups"] == 1
    )


def weight_of(network: nn.Module, node: fx.Node) -> Tensor:
    """The weight that a node gets.

    Raises:
        Refused: it is computed.
    """
    if node.op != "get_attr":
        raise Refused("their weights are computed")
    path, _, name = str(node.target).rpartition(".")
    value: Tensor = getattr(network.get_submodule(path), name)
    return value.detach()


def optional_weight_of(network: nn.Module, node: fx.Node | None) -> Tensor | None:
    """As `weight_of`; None of none."""
    return None if node is None else weight_of(network, node)


def add_weight(network: fx.GraphModule, beside: fx.Node, suffix: str, value: Tensor) -> fx.Node:
    """A new parameter beside the one that a node gets, and a node at the front that gets it."""
    path, _, leaf = str(beside.target).rpartition(".")
    name = f"{leaf}_{suffix}"
    network.get_submodule(path).register_parameter(name, nn.Parameter(value, requires_grad=False))
    target = f"{path}.{name}" if path else name
    first = next(iter(network.graph.nodes))
    with network.graph.inserting_before(first):
        node = network.graph.get_attr(target)
    node.meta["val"] = value
    return node


def call(network: fx.GraphModule, like: fx.Node, target: Any, *args: Any, **kwargs: Any) -> fx.Node:  # noqa: ANN401
    """A call where the graph is being inserted to, that comes from the same place of the author's code.

    Its shape is worked out at once, as later rewrites ask for it.
    """
    node = network.graph.call_function(target, args, kwargs)
    node.meta = {key: value for key, value in like.meta.items() if key != "val"}
    taken_args, taken_kwargs = fx.map_arg((args, kwargs), _without_data)
    with torch.no_grad():
        node.meta["val"] = target(*taken_args, **taken_kwargs)
    return node


def _without_data(node: fx.Node) -> Tensor:
    value: Tensor = node.meta["val"]
    return torch.empty(value.shape, dtype=value.dtype, device="meta")


def erase_unused(network: fx.GraphModule, nodes: Sequence[fx.Node]) -> None:
    """Erase those calls that nothing takes, and the weights that only they took."""
    weights = dict.fromkeys(_weights(nodes))
    for node in reversed(nodes):
        if not node.users:
            network.graph.erase_node(node)
    for node in weights:
        if not node.users:
            target = str(node.target)
            network.graph.erase_node(node)
            if not any(other.target == target for other in network.graph.find_nodes(op="get_attr")):
                graphs.delete_state(network, target)


def _weights(nodes: Sequence[fx.Node]) -> Iterator[fx.Node]:
    for node in nodes:
        yield from (given for given in node.all_input_nodes if given.op == "get_attr")
