"""The gates of a network spelt otherwise: same values, same weights, another graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import fx, nn

from sebench.errors import BuildError
from sebench.inputs import Inputs
from sebench.schema.forms import mark_forms, with_implied
from sebench.surgery.capture import Captured, capture
from sebench.surgery.forms.activation import clip_hard_sigmoid
from sebench.surgery.forms.adding import scale_and_add
from sebench.surgery.forms.layers import as_convolutions
from sebench.surgery.forms.pooling import pool_first
from sebench.surgery.forms.site import Refused, Site, sites_of

__all__ = ["in_forms", "spell"]

_REWRITES: Mapping[str, Callable[[fx.GraphModule, Site], None]] = {
    "pooled": pool_first,
    "conv1x1": as_convolutions,
    "clip": clip_hard_sigmoid,
    "fused": scale_and_add,
}
"""By name in `FORMS`: rewrites one gate in place, or raises `Refused` and leaves it."""


def in_forms(network: nn.Module, inputs: Inputs, forms: Sequence[str]) -> nn.Module:
    """Capture a network and spell its gates otherwise.

    Forms of the exported graph are noted on what is returned (`sebench.schema.forms_of`); the runtime that
    exports it does the rest. Without forms it is the captured network, which is what a network in forms is
    fairly compared with.

    Args:
        network: In evaluation mode; only read.
        inputs: A batch of the size that it will run with.
        forms: Names in `FORMS`.

    Raises:
        BuildError: It cannot be captured, has no gates, or a form fits none of them; says why.
    """
    return spell(capture(network, inputs), forms)


def spell(captured: Captured, forms: Sequence[str]) -> nn.Module:
    """As `in_forms`, of a network that was captured already; it stays as it is."""
    graph = captured.module()
    sites = sites_of(captured, graph)
    wanted = with_implied(forms)
    if wanted and not sites:
        raise BuildError(f"form {forms[0]}: {captured.name} has no gates that could be spelt otherwise")
    rewritten = {
        form.name: _rewrite(graph, sites, form.name, needed=form.name in forms)
        for form in wanted
        if form.level == "graph"
    }
    graph.graph.lint()
    graph.recompile()
    mark_forms(graph, tuple(form.name for form in wanted), rewritten)
    return graph


def _rewrite(network: fx.GraphModule, sites: Sequence[Site], form: str, *, needed: bool) -> int:
    """Rewrite every gate that a form fits; how many those are, at least one of a form that is needed."""
    reasons: dict[str, None] = {}
    done = 0
    for site in sites:
        try:
            _REWRITES[form](network, site)
            done += 1
        except Refused as refusal:
            reasons[str(refusal)] = None
    if needed and not done:
        raise BuildError(
            f"form {form} fits none of the {len(sites)} gates of {type(network).__name__}:"
            f" {'; '.join(reasons)}",
            hint="leave it out, or see docs/forms.md for where it fits",
        )
    return done
