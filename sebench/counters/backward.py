"""The backward pass of a count: from a dense gradient of every output to every leaf of the graph."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import torch
from torch import nn
from torch.autograd.function import BackwardCFunction
from torch.utils._pytree import tree_leaves

from sebench.errors import BuildError

_NO_CONTAINERS = (
    str, bytes, bytearray, bool, int, float, complex, type(None), type, torch.dtype, torch.device, nn.Module
)  # fmt: skip


def differentiable(result: object, network: str) -> list[torch.Tensor]:
    """The outputs that a backward pass starts from.

    Args:
        result: what the network returned.
        network: its name, for the message.

    Raises:
        BuildError: there are none; a forward pass alone is no training step.
    """
    found = output_tensors(result)
    outputs = [tensor for tensor in found if tensor.requires_grad]
    if outputs:
        return outputs
    what = (
        f"returns {type(result).__name__} without a tensor in it"
        if not found
        else "has no output with a gradient: it is frozen, or it detaches what it returns"
    )
    raise BuildError(f"{network} {what}, so training has no backward pass", hint="count inference")


def backward(outputs: Sequence[torch.Tensor], originals: Mapping[int, str], network: str) -> None:
    """Run the backward pass from `outputs`.

    Args:
        outputs: each with a gradient.
        originals: names of the caller's own parameters and buffers by identity, which are not to be reached.
        network: its name, for the message.

    Raises:
        BuildError: a parameter of the caller's model is in the graph.
    """
    leaves, own_functions = _reached(outputs)
    for leaf in leaves:
        if id(leaf) in originals:
            raise reaches_original(network, originals[id(leaf)])
    gradients = [torch.empty_like(output) for output in outputs]
    if not own_functions:
        torch.autograd.grad(outputs, leaves, gradients, allow_unused=True)
        return
    # A function may run a backward pass of its own (reentrant checkpointing), which `grad` forbids.
    before = [leaf.grad for leaf in leaves]
    try:
        torch.autograd.backward(outputs, gradients)
    finally:
        for leaf, gradient in zip(leaves, before, strict=True):
            leaf.grad = gradient


def reaches_original(network: str, name: str) -> BuildError:
    """The refusal of a network that runs the caller's model instead of the twin."""
    return BuildError(
        f"{network} reaches its own '{name}' through a global variable, so that a count would run the model",
        hint="reach it through self",
    )


def _reached(outputs: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], bool]:
    """The leaves of a graph, and whether it has functions written in Python."""
    leaves = [output for output in outputs if output.grad_fn is None]
    nodes = [output.grad_fn for output in outputs if output.grad_fn is not None]
    seen, own_functions = set(nodes), False
    while nodes:
        node = nodes.pop()
        own_functions = own_functions or isinstance(node, BackwardCFunction)
        if type(node).__name__ == "AccumulateGrad":
            leaves.append(node.variable)  # type: ignore[attr-defined]
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                nodes.append(following)
    return leaves, own_functions


def output_tensors(value: object) -> tuple[torch.Tensor, ...]:
    """Every tensor in nested containers and objects, in order and once each.

    Looks into mappings and collections of any class, what is registered with torch's pytree, and the
    attributes of other objects (dataclasses, with and without slots).
    """
    found: dict[int, torch.Tensor] = {}
    _search(value, found, {})
    return tuple(found.values())


def _search(value: object, found: dict[int, torch.Tensor], seen: dict[int, object]) -> None:
    if isinstance(value, torch.Tensor):
        found.setdefault(id(value), value)
    elif not isinstance(value, _NO_CONTAINERS) and id(value) not in seen:
        seen[id(value)] = value  # kept, so that no identity is used twice
        for part in _parts(value):
            _search(part, found, seen)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        contents: Iterable[object] = value.values()
    elif isinstance(value, Collection):
        contents = value
    else:
        contents = tree_leaves(value, is_leaf=lambda part: part is not value)
    return chain(contents, _attributes(value))


def _attributes(value: object) -> Iterator[object]:
    yield from getattr(value, "__dict__", {}).values()
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield getattr(value, name)
