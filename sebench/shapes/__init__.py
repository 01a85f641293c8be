"""What stands in for torch where only shapes matter: networks of sebench are run on it to be counted.

Importing torch takes longer than counting a native network, so it is not imported for that. The modules that
networks are written in are executed a second time, with these tensors and layers under torch's names. There
is no more here than native networks with SE need: what asks for more raises `NotShapedError`, and is counted
on torch's meta tensors instead. That both say the same is tested for every network.
"""

from __future__ import annotations

from sebench.shapes.layers import Linear, Module
from sebench.shapes.loading import load
from sebench.shapes.tensors import DTYPES, Dtype, NotShapedError, Op, Tensor, Watcher, watched_by

__all__ = [
    "DTYPES",
    "Dtype",
    "Linear",
    "Module",
    "NotShapedError",
    "Op",
    "Tensor",
    "Watcher",
    "load",
    "watched_by",
]
