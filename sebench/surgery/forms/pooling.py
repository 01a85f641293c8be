"""``pooled``: the squeeze before the last convolution of a branch instead of after it.

A mean over positions commutes with what treats all positions alike. With a 1x1 convolution W, batch
normalisation in evaluation mode (scale s, shift t) and the first layer (V, b):

    V mean(s W y + t) + b = (V diag(s) W) mean(y) + (V t + b)

so the mean is taken of y, which has fewer channels, and the layers need not wait for the convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor, fx

from sebench.surgery import graphs
from sebench.surgery.forms.site import (
    VIEWS,
    Refused,
    Site,
    add_weight,
    arguments,
    aten,
    call,
    erase_unused,
    is_pointwise,
    optional_weight_of,
    weight_of,
)


def pool_first(network: fx.GraphModule, site: Site) -> None:
    """Rewrite one gate.

    Raises:
        Refused: nothing but a 1x1 convolution, with or without batch normalisation, must lie before the
            squeeze, and a linear layer or a 1x1 convolution behind it.
    """
    chain = site.chain()
    squeeze, last = chain[0], _first_layer(chain)
    layer = arguments(last)
    convolution, weight, shift = _affine(network, squeeze)
    with torch.no_grad():
        own = weight_of(network, layer["weight"])
        matrix = own.flatten(1).double()
        composed = (matrix @ weight).to(own.dtype)
        moved = matrix @ shift
        bias = optional_weight_of(network, layer["bias"])
        moved = (moved if bias is None else moved + bias.double()).to(own.dtype)
    is_linear = last.target is aten.linear.default
    source: fx.Node = convolution.args[0]  # type: ignore[assignment]
    shaped = composed if is_linear else composed[:, :, None, None]
    new_weight = add_weight(network, layer["weight"], "pooled", shaped.contiguous())
    new_bias = add_weight(network, layer["bias"] or layer["weight"], "pooled_bias", moved)
    with network.graph.inserting_before(convolution):
        if squeeze.target is aten.mean.dim:
            mean = call(network, squeeze, aten.mean.dim, source, [2, 3], not is_linear)
        else:
            mean = call(network, squeeze, squeeze.target, source, [1, 1])
            if is_linear:
                mean = call(network, squeeze, aten.flatten.using_ints, mean, 1)
    with network.graph.inserting_before(last):
        new = call(network, last, last.target, mean, new_weight, new_bias)
    last.replace_all_uses_with(new)
    erase_unused(network, chain[: chain.index(last) + 1])


def _first_layer(chain: tuple[fx.Node, ...]) -> fx.Node:
    layer = next((node for node in chain[1:] if node.target not in VIEWS), None)
    if layer is None or not (layer.target is aten.linear.default or is_pointwise(layer)):
        raise Refused("what follows the squeeze is no linear layer or 1x1 convolution")
    return layer


def _affine(network: fx.GraphModule, squeeze: fx.Node) -> tuple[fx.Node, Tensor, Tensor]:
    """The convolution before a squeeze, and what it does to means with what follows: a matrix, a shift."""
    node: fx.Node = squeeze.args[0]  # type: ignore[assignment]
    between = [node]
    norm = None
    if node.target is aten.batch_norm.default:
        norm = arguments(node)
        if norm["training"]:
            raise Refused("the normalisation before the squeeze works in training mode")
        node = norm["input"]
        between.append(node)
    if not is_pointwise(node):
        raise Refused(
            f"{_name(node)} comes before the squeeze, not a 1x1 convolution and batch normalisation"
        )
    if any(graphs.writes(user) and _is_before(user, squeeze) for each in between for user in each.users):
        raise Refused("what is squeezed is changed in place first")
    given = arguments(node)
    matrix = weight_of(network, given["weight"])[:, :, 0, 0].double()
    bias = optional_weight_of(network, given["bias"])
    shift = matrix.new_zeros(matrix.shape[0]) if bias is None else bias.double()
    if norm is None:
        return node, matrix, shift
    if norm["running_mean"] is None:
        raise Refused("the normalisation before the squeeze keeps no statistics")
    mean, variance = (weight_of(network, norm[name]) for name in ("running_mean", "running_var"))
    scale = (variance.double() + norm["eps"]).rsqrt()
    gain, offset = (optional_weight_of(network, norm[name]) for name in ("weight", "bias"))
    scale = scale if gain is None else scale * gain.double()
    shift = (shift - mean.double()) * scale
    shift = shift if offset is None else shift + offset.double()
    return node, matrix * scale[:, None], shift


def _name(node: fx.Node) -> str:
    schema = getattr(node.target, "_schema", None)
    return node.op if schema is None else str(schema.name).rpartition("::")[2]


def _is_before(node: fx.Node, other: fx.Node) -> bool:
    return bool(node < other)
