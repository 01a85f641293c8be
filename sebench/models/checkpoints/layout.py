"""How one library names the weights of one kind of network, and what it builds besides them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sebench.models.registry import StrideIn


@dataclass(frozen=True, eq=False, kw_only=True)
class Layout:
    """Rules for names, never an order.

    Libraries define the modules of the same network in other orders, so that the first tensor of a shape may
    be another layer's.
    """

    library: str
    """Who names weights so, in words."""
    rules: Mapping[str, str]
    """Pattern of a whole module's name -> its name in sebench, with the pattern's named groups in braces.

    What stands behind the module (``weight``, ``running_mean``) stays.
    """
    shift: Mapping[str, int] = field(default_factory=dict)
    """Added to the groups of these names, which are numbers: others count blocks from elsewhere."""
    left_out: str | None = None
    """Pattern of names that sebench's network has no place for, and its outputs do not depend on."""
    stride_in: StrideIn | None = None
    """Where its bottleneck ResNets stride; None is where sebench's do."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Of sebench's network, so that it computes the same; see `OWN_ARGUMENTS`."""
    doubt: str | None = None
    """What the names leave open, and what is assumed."""
    otherwise: str | None = None
    """What to say if that is wrong."""

    def name(self, key: str) -> str | None:
        """What a tensor is called in sebench; None where no rule knows its name, and what is left out."""
        module, _, leaf = key.rpartition(".")
        for pattern, name in self.rules.items():
            found = re.fullmatch(pattern, module)
            if found:
                groups = {
                    group: str(int(text) + self.shift[group]) if group in self.shift else text
                    for group, text in found.groupdict().items()
                }
                return f"{name.format(**groups)}.{leaf}"
        return None

    def leaves_out(self, key: str) -> bool:
        """Whether sebench's network has no place for a tensor, by its name."""
        return self.left_out is not None and re.match(self.left_out, key) is not None
