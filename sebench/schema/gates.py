"""A gate that was found in a network: what multiplies its feature maps, and what that costs."""

from __future__ import annotations

from typing import Literal

from sebench.schema.attention import AttentionPart
from sebench.schema.attention_kinds.channel import SQUEEZE_EXCITATION
from sebench.schema.attention_kinds.context import GLOBAL_CONTEXT
from sebench.schema.base import Value
from sebench.schema.ranges import Count

ROOT = "(network)"
"""Site of a gate that the network itself computes, outside of its modules."""


def gate_word(site: str) -> str:
    """A site as variants name it, in which parentheses have a meaning: ``.`` is the network itself."""
    return site.replace(ROOT, ".")


GateKind = Literal["channel", "split", "context"]
"""``channel`` multiplies by one value per channel; ``split`` weighs branches by such values (selective
kernels, split attention); ``context`` pools by attention, or adds instead of multiplying."""


class Gate(Value, frozen=True, kw_only=True):
    """Channel attention found by data flow.

    A feature map meets values that have no spatial extent and come from a spatial reduction of it through
    convolutions or linear layers.
    """

    path: str
    """The module that is exactly this gate, or the innermost module that computes it among other things."""
    kind: GateKind
    module: bool
    """Whether `path` is exactly this gate; otherwise it is written inline."""
    channels: int
    """How many values it has for one feature map."""
    branches: int = 1
    """How many feature maps it weighs against each other; 1 unless it is a split."""
    hidden: tuple[int, ...]
    """Widths of its layers but the last one, in order of execution; of the only one where there is one."""
    reduction: str
    """Spatial reductions that it reads, e.g. ``mean`` or ``mean+max``."""
    gate: str
    """The op that gives its values, e.g. ``sigmoid``; ``div`` where a hard sigmoid is spelt out."""
    bias: bool
    """Whether any of its layers, or its normalisation, has a bias."""
    norm: bool = False
    """Whether there is a normalisation between its layers."""
    kernel: int = 1
    """Kernel of a convolution over channels (ECA); 1 without one."""
    shared: bool = False
    """Whether weights of it work more than once in a step."""
    dimensions: int
    """Spatial dimensions of the feature map."""
    params: Count
    """Shared weights once: those that an earlier gate has are not counted again."""
    macs: Count
    """Shared work each time it is done."""
    before: str
    """The op that makes the feature map."""
    after: str
    """The ops that take the product, in order of execution, joined by ``/``."""
    stage: str
    """Resolution of the feature map, as the stride from the input: ``stride 8``."""

    @property
    def parts(self) -> tuple[AttentionPart, AttentionPart, AttentionPart]:
        """What its ops do: up to the reduction, from there to its values, and where these meet the map.

        They go by the names of SE; in a context by those of GC, whose values are added.
        """
        first, second, third = (GLOBAL_CONTEXT if self.kind == "context" else SQUEEZE_EXCITATION).parts
        return first, second, third
