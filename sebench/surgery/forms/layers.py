"""``conv1x1``: the layers of a gate as 1x1 convolutions of a map of one position."""

from __future__ import annotations

from torch import fx

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
    shape_of,
    weight_of,
)

_ELEMENTWISE = frozenset(
    {
        *(aten.relu.default, aten.relu_.default, aten.sigmoid.default, aten.sigmoid_.default),
        *(aten.hardsigmoid.default, aten.hardsigmoid_.default, aten.tanh.default, aten.tanh_.default),
        *(aten.silu.default, aten.silu_.default, aten.hardswish.default, aten.hardswish_.default),
        *(aten.hardtanh.default, aten.hardtanh_.default, aten.clamp.default, aten.gelu.default),
        *(aten.leaky_relu.default, aten.leaky_relu_.default),
    }
)
_KEPT = (4, 1, 1)


def as_convolutions(network: fx.GraphModule, site: Site) -> None:
    """Rewrite one gate.

    Raises:
        Refused: it has no linear layers, or other calls between them than activations.
    """
    chain = site.chain()
    squeeze, values = chain[0], chain[-1]
    if not any(node.target is aten.linear.default for node in chain):
        raise Refused("their layers are convolutions already")
    if (len(shape_of(values)), *shape_of(values)[2:]) != _KEPT:
        raise Refused("their values are not of shape (N, C, 1, 1)")
    steps = [node for node in chain[1:] if node.target not in VIEWS]
    for node in steps:
        if not (node.target in _ELEMENTWISE or node.target is aten.linear.default or is_pointwise(node)):
            raise Refused("they compute other things than layers and activations")
    with network.graph.inserting_before(squeeze):
        source = squeeze.args[0]
        if squeeze.target is aten.mean.dim:
            new = call(network, squeeze, aten.mean.dim, source, [2, 3], True)
        else:
            new = call(network, squeeze, squeeze.target, source, [1, 1])
    for node in steps:
        if node.target is not aten.linear.default:
            with network.graph.inserting_before(node):
                new = call(network, node, node.target, new, *node.args[1:], **node.kwargs)
            continue
        given = arguments(node)
        weight = weight_of(network, given["weight"])
        kernel = add_weight(network, given["weight"], "conv1x1", weight[:, :, None, None])
        with network.graph.inserting_before(node):
            new = call(network, node, aten.conv2d.default, new, kernel, given["bias"])
    values.replace_all_uses_with(new)
    erase_unused(network, chain)
