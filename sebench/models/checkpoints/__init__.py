"""Files of weights: read without running code in them, renamed where another library wrote them, and loaded.

`FILE#PART` names one of several state_dicts in a file: ``last.pt#state_dict_ema``. Importing this package
does not import torch.
"""

from __future__ import annotations

from sebench.models.checkpoints.asking import checkpoint_findings, own_options, with_digest
from sebench.models.checkpoints.loading import load_weights
from sebench.models.checkpoints.reading import split_part

__all__ = ["checkpoint_findings", "load_weights", "own_options", "split_part", "with_digest"]
