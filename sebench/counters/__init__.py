"""Static costs on meta tensors: no weights, no data, no clock, and the caller's model is never touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from sebench.counters.recording import Recording
    from sebench.counters.scope import OpKey, Place
    from sebench.inputs import Inputs
    from sebench.schema import Phase, StaticCost

__all__ = ["count", "record"]

_NO_STAGES: Mapping[str, str] = MappingProxyType({})
_NO_PLACES: Mapping[OpKey, Place] = MappingProxyType({})


def count(
    model: nn.Module,
    input_shape: Sequence[int],
    *,
    phase: Phase = "inference",
    dtype: str = "float32",
    sites: Sequence[str] = (),
    stages: Mapping[str, str] = _NO_STAGES,
    places: Mapping[OpKey, Place] = _NO_PLACES,
    inputs: Inputs | None = None,
) -> StaticCost:
    """Count what one step of a network computes, moves and keeps; exact integers (docs/counting.md).

    Args:
        model: Any module, on any device; only its structure is read.
        input_shape: One input batch, e.g. ``(1, 3, 224, 224)``.
        phase: ``inference`` (eval mode, forward) or ``training`` (train mode, forward and backward from a
            dense gradient of the output; the loss and the optimizer are not part of it).
        dtype: ``float32``, ``tf32`` (4 bytes as well), ``bfloat16`` or ``float16``: what parameters and
            activations are held in. Autocast is refused: which ops it casts depends on the device.
        sites: Names of the attention modules; what runs in or below one is charged to it.
        stages: Stage label by module name; the longest enclosing name wins.
        places: Stage and site of single ops that belong elsewhere than their module, e.g. those of a
            gate that is written inline; found in a `record` of the same network.
        inputs: What the network is called with instead of one tensor; only shapes and types are read.
            `input_shape` says how the result calls it.

    Returns:
        Rows by module, op and phase, the saved activation bytes (training) and the uncounted ledger.

    Raises:
        UsageError: An unknown phase, dtype, site or stage path.
        BuildError: The input does not fit the network.
        CountError: The network may run, but not without real data.
    """
    from sebench.counters.static import Request, static_cost  # noqa: PLC0415 - keeps the import torch-free

    request = Request(
        input_shape=tuple(input_shape),
        phase=phase,
        dtype=dtype,
        sites=tuple(sites),
        stages=dict(stages),
        places=places,
        inputs=inputs,
    )
    return static_cost(model, request)


def record(model: nn.Module, input_shape: Sequence[int], inputs: Inputs | None = None) -> Recording:
    """Write down an inference step of a network: every op, what it takes and gives, and whose call it is.

    Args:
        model: Any module, on any device; only its structure is read.
        input_shape: One input batch, e.g. ``(1, 3, 224, 224)``.
        inputs: As in `count`.

    Raises:
        UsageError: An empty input.
        BuildError: The input does not fit the network.
        CountError: The network may run, but not without real data.
    """
    from sebench.counters.static import Request  # noqa: PLC0415 - keeps the import torch-free
    from sebench.counters.static import record as recorded  # noqa: PLC0415

    shape = tuple(input_shape)
    return recorded(
        model, Request(shape, phase="inference", dtype="float32", sites=(), stages={}, inputs=inputs)
    )
