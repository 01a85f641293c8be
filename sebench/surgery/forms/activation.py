"""``clip``: a hard sigmoid as clip(x + 3, 0, 6) / 6, which OpenVINO recognises in an ONNX file."""

from __future__ import annotations

from torch import fx

from sebench.surgery.forms.site import Refused, Site, aten, call, erase_unused

_HARD_SIGMOIDS = (aten.hardsigmoid.default, aten.hardsigmoid_.default)


def clip_hard_sigmoid(network: fx.GraphModule, site: Site) -> None:
    """Rewrite one gate.

    Raises:
        Refused: its gate is no hard sigmoid.
    """
    gates = [node for node in site.chain() if node.target in _HARD_SIGMOIDS]
    if not gates:
        raise Refused("their gate is no hard sigmoid")
    for node in gates:
        with network.graph.inserting_before(node):
            new = call(network, node, aten.add.Tensor, node.args[0], 3.0)
            new = call(network, node, aten.clamp.default, new, 0.0, 6.0)
            new = call(network, node, aten.div.Tensor, new, 6.0)
        node.replace_all_uses_with(new)
        erase_unused(network, [node])
