"""What stands in for torch where only shapes matter: networks of sebench are run on it to be counted.

Importing torch takes longer than all that a count of a native network does, so it is not imported for one. The
modules that networks are written in are executed a second time, with these tensors and layers under torch's
names. There is no more here than native networks with SE need: what asks for more raises `NotShaped` and is
counted on torch's meta tensors instead. That both say the same is tested for every network.
"""

from __future__ import annotations

from sebench.shapes.layers import Module
from sebench.shapes.loading import load
from sebench.shapes.tensors import DTYPES, NotShaped, Op, Tensor, Watcher, watched_by

__all__ = ["DTYPES", "Module", "NotShaped", "Op", "Tensor", "Watcher", "load", "watched_by"]
