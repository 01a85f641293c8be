"""The backward pass of a count: from a dense gradient of every output to every leaf of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch.autograd.function import BackwardCFunction

from sebench.errors import BuildError
from sebench.outputs import output_tensors


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
