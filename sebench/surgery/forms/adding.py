"""``fused``: scale and residual add in one pass over the map, written where the shortcut was.

``mul`` and ``add_`` read four maps and write two; ``addcmul_`` reads two and writes one. It writes to the
shortcut where nothing needs that any more, so that no memory is allocated either.
"""

from __future__ import annotations

from torch import fx

from sebench.surgery import graphs
from sebench.surgery.forms.site import Refused, Site, arguments, aten, call, erase_unused, shape_of

_NEW = frozenset(
    {
        *(aten.conv2d.default, aten.conv2d.padding, aten.batch_norm.default, aten.linear.default),
        *(aten.relu.default, aten.silu.default, aten.hardswish.default, aten.sigmoid.default),
        *(aten.add.Tensor, aten.mul.Tensor, aten.addcmul.default, aten.cat.default, aten.mean.dim),
        *(aten.max_pool2d.default, aten.avg_pool2d.default, aten.adaptive_avg_pool2d.default),
    }
)
"""Calls that always return memory of their own."""
_ADDS = (aten.add.Tensor, aten.add_.Tensor)


def scale_and_add(network: fx.GraphModule, site: Site) -> None:
    """Rewrite one gate.

    Raises:
        Refused: what follows the scale is no add of another map of its shape.
    """
    product, feature, values = site.product, site.feature, site.values
    add = next(iter(product.users))
    if len(product.users) != 1 or add.target not in _ADDS or arguments(add)["alpha"] != 1:
        raise Refused("no add follows their scale")
    others = [node for node in add.all_input_nodes if node is not product]
    if len(others) != 1 or shape_of(others[0]) != shape_of(product):
        raise Refused("no add of a map of the same shape follows their scale")
    if not graphs.is_movable([product, add], add):
        raise Refused("something is written in place between their scale and the add")
    (other,) = others
    target = aten.addcmul_.default if _is_over(other, add, feature) else aten.addcmul.default
    with network.graph.inserting_before(add):
        new = call(network, add, target, other, feature, values)
    add.replace_all_uses_with(new)
    erase_unused(network, [product, add])
    _in_place(network, new)


def _is_over(node: fx.Node, last: fx.Node, feature: fx.Node) -> bool:
    """Whether the memory of a node is the network's own, and nothing reads it after `last`.

    Calls whose schema says nothing of memory may return what they are given (dropout in evaluation mode), so
    that only those known to make a new tensor may have made this one or read it.
    """
    root = graphs.memory_of(node)
    if root.target not in _NEW or root is graphs.memory_of(feature):
        return False
    sharing = {each for each in node.graph.nodes if graphs.memory_of(each) is root}
    return all(
        user is last or (user < last and (user in sharing or user.target in _NEW))
        for each in sharing
        for user in each.users
    )


def _in_place(network: fx.GraphModule, node: fx.Node) -> None:
    """A ReLU that alone takes what a node returns works in its memory."""
    relu = next(iter(node.users))
    if len(node.users) == 1 and relu.target is aten.relu.default:
        with network.graph.inserting_before(relu):
            new = call(network, relu, aten.relu_.default, node)
        relu.replace_all_uses_with(new)
        network.graph.erase_node(relu)
