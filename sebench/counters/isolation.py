"""A count as if nothing else ran in the process, and nothing of it left behind."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch.autograd.forward_ad import _set_fwd_grad_enabled

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


@contextmanager
def without_gradients() -> Iterator[None]:
    """As torch.no_grad, and such that `leaves_inference` can tell what follows."""
    with torch.no_grad(), _set_fwd_grad_enabled(mode=False):
        yield


def leaves_inference() -> bool:
    """Whether this is in ``inference_mode(False)`` within `without_gradients`.

    It turns both kinds of gradients on, ``enable_grad`` one. Inside an inference step it says that a network
    does not want inference mode, not that it wants gradients: its ops are to cost the same.
    """
    return torch.is_grad_enabled() and torch._C._is_fwd_grad_enabled()
