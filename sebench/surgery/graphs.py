"""Edits of a captured graph: its calls as modules, a part of it as a module, a part of it gone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import fx, nn

from sebench.errors import BuildError
from sebench.surgery.liveness import Drop

_STEPS = "_steps.of_"  # a module cannot be called as a node may be: "to", "type"


class Step(nn.Module):
    """One call of a graph, so that a recording tells which ops it comes to."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any op
        """Do the call."""
        return self.function(*args, **kwargs)


def make_steps(network: fx.GraphModule) -> None:
    """Make each call of a graph that of a `Step`, called after its node."""
    for node in list(network.graph.nodes):
        if node.op == "call_function":
            network.add_submodule(step_path(node.name), Step(node.target))
            with network.graph.inserting_before(node):
                step = network.graph.call_module(step_path(node.name), node.args, node.kwargs)
            node.replace_all_uses_with(step)
            network.graph.erase_node(node)
    network.recompile()


def step_path(node: str) -> str:
    """The module that is the step of a node."""
    return f"{_STEPS}{node}"


def step_name(path: str) -> str:
    """The node whose step a module is."""
    return path.removeprefix(_STEPS)


def is_step(path: str) -> bool:
    """Whether a module is a step."""
    return path.startswith(_STEPS)


def nodes_of(graph: fx.Graph, steps: Mapping[str, range], drop: Drop) -> list[fx.Node]:
    """Nodes that only gates need: none of their ops stays, and what has no ops only such nodes take."""
    found: dict[fx.Node, None] = {}
    for node in reversed(graph.nodes):
        if node.op != "call_function" or node.name not in steps:
            continue
        own = steps[node.name]
        gone = not drop.ops.isdisjoint(own) and drop.stays.isdisjoint(own)
        if gone or (not own and node.users and node.users.keys() <= found.keys()):
            found[node] = None
    return list(reversed(found))


def owner(node: fx.Node) -> str:
    """The innermost module of the captured network that a node comes from."""
    stack = node.meta.get("nn_module_stack") or {"": ("", None)}
    path: str = list(stack.values())[-1][0]
    return path


def is_movable(part: Collection[fx.Node], last: fx.Node) -> bool:
    """Whether a part of a graph can be computed as a whole where its last node is."""
    inside = set(part)
    if any(user not in inside for node in part if node is not last for user in node.users):
        return False
    read = {memory_of(given) for node in part for given in node.all_input_nodes}
    return all(
        memory_of(between) not in read
        for between in _between(next(iter(part)), last)
        if between not in inside and writes(between)
    )


def make_module(network: fx.GraphModule, path: str, part: Sequence[fx.Node], last: fx.Node) -> None:
    """Replace a part of a graph by a module that takes what the part takes, and returns its last node."""
    given = list(dict.fromkeys(node for each in part for node in each.all_input_nodes if node not in part))
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {node: graph.placeholder(node.name) for node in given}
    for node in part:
        copies[node] = graph.node_copy(node, lambda taken: copies[taken])
    graph.output(copies[last])
    network.add_submodule(path, fx.GraphModule(nn.Module(), graph, class_name="Gate"))
    with network.graph.inserting_before(last):
        call = network.graph.call_module(path, tuple(given))
    call.meta = dict(last.meta)
    last.replace_all_uses_with(call)
    for node in reversed(part):
        network.graph.erase_node(node)


def call_after(
    network: fx.GraphModule, path: str, module: nn.Module, node: fx.Node, taker: fx.Node | None = None
) -> None:
    """Call a module on what a node returns, for all that take it, or for one of them alone.

    Args:
        network: The graph; has to be recompiled afterwards.
        path: That the module gets.
        module: Takes and returns one tensor.
        node: Before the call.
        taker: The only one for which it is.
    """
    network.add_submodule(path, module)
    with network.graph.inserting_after(node):
        call = network.graph.call_module(path, (node,))
    call.meta = dict(node.meta)
    if taker is None:
        node.replace_all_uses_with(call, delete_user_cb=lambda user: user is not call)
    else:
        taker.replace_input_with(node, call)


def erase(network: fx.GraphModule, dead: Sequence[fx.Node]) -> None:
    """Erase nodes, and the parameters and buffers that only they took.

    Raises:
        BuildError: Others take what they give.
    """
    state = dict.fromkeys(node for each in dead for node in each.all_input_nodes if node.op == "get_attr")
    for node in reversed(dead):
        if node.users:
            raise BuildError(
                f"'{owner(node)}' still needs what feeds its attention, which cannot be taken out",
                hint="name two factories instead, one of them without attention",
            )
        network.graph.erase_node(node)
    gone = [node for node in state if not node.users]
    owners = {_owner_of(node) for node in gone}
    for node in network.graph.find_nodes(op="get_attr"):
        if _owner_of(node) in owners and all(_only_updates(user, node) for user in node.users):
            for user in list(node.users):  # how many batches a norm has seen
                network.graph.erase_node(user)
            gone.append(node)
    for node in dict.fromkeys(gone):
        delete_state(network, str(node.target))
        network.graph.erase_node(node)


def _owner_of(state: fx.Node) -> str:
    """The module whose parameter or buffer a node gets."""
    return str(state.target).rpartition(".")[0]


def _only_updates(node: fx.Node, state: fx.Node) -> bool:
    """Whether a node does nothing but write to a parameter or buffer, and takes nothing else."""
    return writes(node) and not node.users and node.all_input_nodes == [state]


def _between(first: fx.Node, last: fx.Node) -> Collection[fx.Node]:
    found = []
    node = first
    while node is not last:
        found.append(node)
        node = node.next
    return found


def writes(node: fx.Node) -> bool:
    """Whether a call writes to memory that it is given."""
    schema = getattr(node.target, "_schema", None)
    return bool(schema is not None and schema.is_mutable)


def memory_of(node: fx.Node) -> fx.Node:
    """The node whose memory another is, or is a view of."""
    while (
        node.op == "call_function"
        and isinstance(node.target, torch._ops.OpOverload)
        and node.target._schema.returns
        and node.target._schema.returns[0].alias_info is not None
        and node.args
        and isinstance(node.args[0], fx.Node)
    ):
        node = node.args[0]
    return node


def delete_state(network: nn.Module, name: str) -> None:
    """Delete a parameter or buffer, and modules that are empty without it."""
    path, _, leaf = name.rpartition(".")
    delattr(network.get_submodule(path), leaf)
    while path and not _has_anything(network.get_submodule(path)):
        path, _, leaf = path.rpartition(".")
        delattr(network.get_submodule(path), leaf)


def _has_anything(module: nn.Module) -> bool:
    return bool(module._parameters or module._buffers or module._modules)
