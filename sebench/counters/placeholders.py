"""Tensors with shapes and no data, which a twin is made of, and what is in force while a count runs on them.

Meta tensors are quick and enough for nearly every network. Fake tensors say that they lie on a real device,
for those whose forward asks: it casts by autocast, or makes tensors on the CPU and hands both to one op.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol

import numpy as np
import torch
from torch import nn
from torch.autograd.forward_ad import _set_fwd_grad_enabled
from torch.nn.attention import SDPBackend, sdpa_kernel

from sebench.counters.attention import attend
from sebench.errors import BuildError
from sebench.inputs import Inputs

_LARGEST_WEIGHT = 0.01
"""Of random ones: sums over many of them stay finite in deep networks."""


class Placeholders(Protocol):
    """One way to make tensors without data."""

    keeps_values: bool
    """Whether plain tensor attributes, and tensors that a forward makes itself, keep their values."""

    def empty(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """A tensor of the shape and strides of another, without a gradient."""

    def batch(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """An input."""

    def active(self) -> AbstractContextManager[None]:
        """What a forward and backward pass on these tensors run in."""


class MetaTensors:
    """Tensors on the meta device."""

    keeps_values = True

    def empty(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """See `Placeholders`."""
        return torch.empty_like(tensor, dtype=dtype, device="meta", requires_grad=False)

    def batch(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """See `Placeholders`."""
        return torch.empty(shape, dtype=dtype, device="meta")

    @contextmanager
    def active(self) -> Iterator[None]:
        """See `Placeholders`."""
        yield


class FakeTensors:
    """Tensors that say they lie on a device; ops are chosen as on the meta device, so that figures agree.

    Args:
        device: the device.
        keeps_values: whether tensors that a forward makes itself keep their values.
    """

    def __init__(self, device: str, *, keeps_values: bool) -> None:
        from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: PLC0415 - slow, and seldom needed

        self.keeps_values = keeps_values
        self._device = device
        self._mode = FakeTensorMode(allow_non_fake_inputs=True)

    def empty(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """See `Placeholders`."""
        with self._mode:
            return torch.empty_strided(tensor.shape, tensor.stride(), dtype=dtype, device=self._device)

    def batch(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """See `Placeholders`."""
        with self._mode:
            return torch.empty(shape, dtype=dtype, device=self._device)

    @contextmanager
    def active(self) -> Iterator[None]:
        """See `Placeholders`."""
        with ExitStack() as stack:
            stack.callback(torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled())
            torch.backends.mha.set_fastpath_enabled(value=False)
            stack.callback(torch._C._set_mkldnn_enabled, torch._C._get_mkldnn_enabled())
            torch._C._set_mkldnn_enabled(False)
            stack.callback(torch._C._set_cudnn_enabled, torch._C._get_cudnn_enabled())
            torch._C._set_cudnn_enabled(False)
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            if not self.keeps_values:
                stack.enter_context(self._mode)
            yield


class RealTensors:
    """Tensors with data, for networks in which values decide what runs; on the CPU.

    They have copies of the network's own weights, or random ones where it has none. All that is random
    follows from one seed.
    """

    def __init__(self) -> None:
        torch.manual_seed(0)

    keeps_values = True

    def empty(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """See `Placeholders`."""
        if has_data(tensor):
            return tensor.detach().to("cpu", dtype, copy=True)
        made = torch.zeros(tensor.shape, dtype=dtype)
        return made.uniform_(0, _LARGEST_WEIGHT) if made.is_floating_point() else made

    def batch(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """See `Placeholders`."""
        return torch.rand(shape, dtype=dtype)

    @contextmanager
    def active(self) -> Iterator[None]:
        """See `Placeholders`."""
        yield


def random_inputs(inputs: Inputs) -> Inputs:
    """One tensor of floating-point numbers, drawn with a seed of its own; several inputs as they are.

    Those may be lengths or masks.
    """
    if inputs.only is None:
        return inputs
    source = torch.Generator().manual_seed(0)

    def drawn(tensor: torch.Tensor) -> torch.Tensor:
        return torch.rand(tensor.shape, generator=source) if tensor.is_floating_point() else tensor

    return inputs.map(drawn)


def has_data(tensor: torch.Tensor) -> bool:
    """Whether a tensor is neither a meta tensor nor a fake one."""
    return not (tensor.is_meta or hasattr(tensor, "fake_mode"))


_USUAL = (torch.Tensor, nn.Parameter)


def stand_in(
    tensor: torch.Tensor, placeholders: Placeholders, dtype: torch.dtype, module: str
) -> torch.Tensor:
    """The twin of a parameter or buffer.

    Args:
        tensor: the original.
        placeholders: makes the twin.
        dtype: what a floating-point tensor becomes.
        module: whose it is.

    Raises:
        BuildError: the module is lazy and has not seen an input yet.
    """
    kind = type(tensor)
    if kind not in _USUAL and torch.nn.parameter.is_lazy(tensor):
        raise BuildError(f"module '{module}' is lazy and has no shape yet", hint="run an input through it")
    bare = placeholders.empty(tensor, dtype if tensor.is_floating_point() else tensor.dtype)
    if kind is nn.Parameter or isinstance(tensor, nn.Parameter):
        return nn.Parameter(bare, tensor.requires_grad)
    return bare.requires_grad_() if tensor.requires_grad else bare


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


@contextmanager
def attention_as_on_cpu() -> Iterator[None]:
    """Within, attention of meta tensors is made of the ops that a CPU would run."""
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    library.impl("scaled_dot_product_attention", attend, "AutogradMeta")  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        library._destroy()  # type: ignore[no-untyped-call]
