"""A count as if nothing else ran in the process, and nothing of it left behind."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch

_AUTOCAST_DEVICES = ("cpu", "cuda")


@contextmanager
def isolated_from_caller() -> Iterator[None]:
    """Leave the caller's random numbers as they were, and pause the cyclic garbage collector.

    A count makes thousands of short-lived objects without cycles; collecting among them would walk the
    whole heap of an imported torch several times over.
    """
    state, collecting = torch.get_rng_state(), gc.isenabled()
    python_state, numpy_state = random.getstate(), np.random.get_state()
    gc.disable()
    try:
        with ExitStack() as modes:
            modes.enter_context(torch.inference_mode(mode=False))
            for device in _AUTOCAST_DEVICES:
                if torch.is_autocast_enabled(device):
                    modes.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        torch.set_rng_state(state)
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        if collecting:
            gc.enable()
