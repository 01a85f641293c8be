"""Any network with, without and with other attention: find gates, take them out, put them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sebench.models import BuiltModel
    from sebench.schema import ModelSpec, Phase

__all__ = ["build", "require_proof"]


def build(
    spec: ModelSpec,
    *,
    seed: int = 0,
    device: str = "cpu",
    input_shape: tuple[int, ...] | None = None,
    phase: Phase = "inference",
    beside: ModelSpec | None = None,
) -> BuiltModel:
    """Build any network in any variant, in evaluation mode.

    Native networks are built with their attention. Networks of others are built by their source, then what
    attention they have is taken out, or replaced, or attention is put where the paper puts it; common weights
    agree to the bit in all variants.

    Args:
        spec: what to build; resolved first.
        seed: of the weights.
        device: any torch device; on ``meta`` nothing is allocated.
        input_shape: what the network will be fed, batch in front; None is one input of its own size.
        phase: what it will do; a graph is captured for one of the two.
        beside: what it is compared with. If that is another variant of this network, and attention can only
            be taken out of a captured graph or put into one, this one is captured as well.

    Raises:
        UsageError: no such model, variant or size.
        DeviceError: no such device here.
        BuildError: the network's code failed, or its attention cannot be taken out, or put in.
    """
    from sebench.surgery.building import build_variant  # noqa: PLC0415 - keeps the import torch-free

    return build_variant(spec, seed=seed, device=device, input_shape=input_shape, phase=phase, beside=beside)


def require_proof(spec: ModelSpec, input_shape: tuple[int, ...]) -> None:
    """Show that a network without its attention is the same network, in which every gate is one.

    Of a network that is captured so that attention can be put in, show that its graph is the same network.
    Runs it a few times on the CPU, on random weights and inputs. Nothing is run where nothing was taken out
    or captured: native networks, networks as they were built, and those whose modules attention was added to.

    Args:
        spec: a variant of a network of others; resolved first.
        input_shape: what it will be fed, batch in front.

    Raises:
        BuildError: it is another network, or that cannot be tried.
    """
    from sebench.surgery.building import prove_variant  # noqa: PLC0415 - keeps the import torch-free

    prove_variant(spec, input_shape)
